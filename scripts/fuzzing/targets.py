"""Every parser that reads what somebody else chose, by name: its property of any bytes, examples and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scripts.fuzzing import http, inside, manifest, opening, streams

_FRAMES: Final = (
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[1,2.5,null,true]}}}',
    b'{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"a":"\\u003a\\ud83d\\ude00"}}}',
    b'{"jsonrpc":"2.0","id":"x","result":{"n":123456789012345678901234567890,"z":-0.0}}',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}',
    b' { "id" : -9223372036854775809 , "jsonrpc" : "2.0" , "method" : "x" } ',
)
_JSON_WORDS: Final = (
    '{"jsonrpc":"2.0",', '"id":', '"method":', '"params":', '"result":', '"error":', '"code":', '"message":',
    '"_meta":', "notifications/", "null", "true", "1e999", "-0.0", "\\u003a", "\\ud800", '\\"', "\\\\",
    "9007199254740993", "123456789012345678901234567890", ":", ",", "{", "}", "[", "]", "\xef\xbb\xbf",
)  # fmt: skip
_POLICY_WORDS: Final = (
    "permit", "forbid", "when", "unless", "principal", "action", "resource", "context", '@id("a.b")', "//", "Gateway::",
    "== ", " in ", "(", ")", "{", "}", ";", ",", '"', "has", "like", "if", "then", "else",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One parser. ``run`` raises when its property does not hold."""

    run: Callable[[bytes], None]
    module: str
    """What is measured: the module that holds the parser."""
    seeds: tuple[bytes, ...] = ()
    words: tuple[str, ...] = ()


TARGETS: Final[Mapping[str, Target]] = {
    "frames": Target(streams.frame, "wire.frames", _FRAMES, _JSON_WORDS),
    "lines": Target(streams.lines, "wire.lines", (b"\x20\x40anbn", b"\x03\x10abcdnen")),
    "events": Target(streams.events, "wire.sse", (b"\x05\x01" + b"\x00" * 40,), ("data", "id", "event", "retry", ":")),
    "written-events": Target(streams.written_events, "wire.sse_events"),
    "head": Target(http.head, "wire.http_request", (), http.WORDS),
    "body": Target(http.body, "wire.http_request", (b"\x00\x01\x10" + b'{"jsonrpc":"2.0"}',), _JSON_WORDS),
    "security": Target(http.security, "wire.http_security", (), http.WORDS),
    "ladder": Target(http.ladder, "wire.http_modern", (), http.WORDS),
    "both-halves": Target(http.both_halves, "wire.http_headers", (), http.WORDS),
    "annotations": Target(
        http.marks,
        "wire.http_client_parameters",
        (b'{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}',),
        http.WORDS,
    ),
    "door": Target(http.door, "wire.http_app", (), http.WORDS),
    "eras": Target(opening.eras, "wire.eras", (), opening.WORDS),
    "results": Target(opening.results, "wire.eras", (), opening.WORDS),
    "handshakes": Target(opening.handshakes, "wire.handshake", (), opening.WORDS),
    "states": Target(inside.states, "gateway.sealing", (), inside.WORDS),
    "lists": Target(inside.lists, "gateway.definitions", (), inside.WORDS),
    "cursors": Target(inside.cursors, "gateway.pages", (), inside.WORDS),
    "capabilities": Target(inside.capabilities, "gateway.capabilities", (), inside.WORDS),
    "decisions": Target(inside.decisions, "gateway.results", (), inside.WORDS),
    "questions": Target(inside.questions, "gateway.rounds", (), inside.WORDS),
    "tasks": Target(inside.tasks, "gateway.tasks", (), inside.WORDS),
    "templates": Target(inside.templates, "gateway.catalog", (), inside.WORDS),
    "wants": Target(inside.wants, "gateway.client", (), inside.WORDS),
    "canonical": Target(
        manifest.canonical,
        "manifests.normalise",
        (b"https://good.example:8443/x", b"a@b.example", b"-12.50", b"http://[::1]/"),
        manifest.WORDS,
    ),
    "uris": Target(manifest.uris, "manifests.uri", (), manifest.WORDS),
    "pointers": Target(manifest.pointers, "manifests.pointer", (), manifest.WORDS),
    "facts": Target(manifest.facts, "manifests.manifest", (), manifest.WORDS),
    "approvals": Target(
        manifest.approvals,
        "approvals.messages",
        (b'{"type":"console","protocol":1,"token":null}', b'{"type":"sessions","sessions":[]}'),
        _JSON_WORDS,
    ),
    "policies": Target(
        manifest.policies, "policy.statements", (b'@id("a.b") permit (principal, action, resource);',), _POLICY_WORDS
    ),
}
"""By the name that `scripts/fuzz` takes."""
