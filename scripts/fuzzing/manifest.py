"""Properties of what turns arguments into facts: pointers, URIs, canonical forms, whole manifests; and the lines that
consoles and gateways send each other."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from rule_of_two import normalise
from rule_of_two.approvals.messages import decode_to_console, decode_to_gateway
from rule_of_two.errors import BadRequest, ConfigurationError, PolicyError
from rule_of_two.manifests.load import list_manifests
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.manifests.uri import UriGlob, is_plain_uri
from rule_of_two.model import ALL, Facts
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.statements import split
from rule_of_two.policy.syntax import Grammar
from scripts.fuzzing.check import require
from scripts.fuzzing.source import Source

WORDS: Final = (
    "url", "path", "paths", "to", "uri", "query", "repo_path", "source", "destination", "edits", "https://good.example",
    "http://127.1", "http://[::ffff:1.2.3.4]:80/", "https://a@b", "//evil", "xn--e1afmkfd", "file:///srv/a", "/srv/./a",
    "SELECT 1", "-1.50", "1e3", "a@b.example", "a@[1.2.3.4]", "~", "~1", "*", "0", "localhost", "%2F", "\\",
)  # fmt: skip


def canonical(data: bytes) -> None:
    """Canonical forms: of anything, without an exception; each is its own."""
    text = data.decode("utf-8", "surrogateescape") if data[:1] != b"\x00" else Source(data, WORDS).value()
    for form in (normalise.host, normalise.url_host, normalise.address, normalise.amount, normalise.text):
        found = form(text)
        if found is not None and form is not normalise.url_host:
            require(form(found) == found, "a canonical form has another", text, found)
    amount = normalise.amount(text)
    require(amount is None or Decimal(amount) == Decimal(str(text)), "another amount", text, amount)
    host = normalise.url_host(text)
    if host is not None:
        require(re.fullmatch(r"[a-z0-9.:\[\]-]+", host), "an odd host", text, host)


def uris(data: bytes) -> None:
    """A glob means what its regular expression means; whether a URI is plain is always known."""
    source = Source(data, WORDS)
    pattern = "a:" + "".join(
        source.pick(("/", "*", "**", "b", "?", "#", source.text())) for _ in range(source.below(8))
    )
    uri = "a:" + "".join(source.pick(("/", "b", "bb", "?", "#", source.text())) for _ in range(source.below(9)))
    match(pattern, uri)
    is_plain_uri(source.rest().decode("utf-8", "surrogateescape"))


def match(pattern: str, uri: str) -> None:
    """The property of :func:`uris`."""
    try:
        glob = UriGlob.parse(pattern)
    except ValueError:
        return
    parts = (".*" if part == "**" else "[^/?#]*" if part == "*" else re.escape(part) for part in _tokens(pattern))
    expected = re.compile("".join(parts), re.DOTALL).fullmatch(uri)
    require(glob.matches(uri) == bool(expected), "a glob is read differently", pattern, uri)


def _tokens(pattern: str) -> list[str]:
    return re.findall(r"\*\*|\*|[^*]+", pattern)


def pointers(data: bytes) -> None:
    """Any pointer finds something in any document, or says that there is nothing."""
    source = Source(data, WORDS)
    document = source.value()
    for text in (source.text(), "/" + "/".join(source.text() for _ in range(source.below(4)))):
        try:
            pointer = Pointer.parse(text)
        except ValueError:
            continue
        pointer.resolve(document)
        keys = pointer.tokens
        require(Pointer.of(*keys).tokens == keys == Pointer.parse(Pointer.of(*keys).text).tokens, "not its own", text)


@cache
def _manifests() -> tuple[Manifest, ...]:
    found = []
    for document in list_manifests(()):
        values: dict[str, Any] = {"list": ["/srv", "good.example"], "text": "/srv"}
        given = {name: values[str(spec.type)] for name, spec in document.parameters.items() if str(spec.type) in values}
        try:
            found.append(Manifest(document, upstream="up", store="store", parameters=given))
        except ConfigurationError:
            found.append(Manifest(document, upstream="up", store="store"))
    return (*found, Manifest.unknown("up", "store"))


def facts(data: bytes) -> None:
    """Any arguments of any tool of the shipped manifests have facts; what is not named is the worst case."""
    source = Source(data, WORDS)
    manifest = source.pick(_manifests())
    name = source.pick((*manifest.document.tools, source.text()))
    arguments = source.members()
    entry = manifest.document.tools.get(name)
    if entry is not None:
        keys = [pointer.lstrip("/").split("/")[0] for pointer in re.findall(r"'(/[^']*)'", repr(entry))]
        arguments |= {key: source.value() for key in keys if not source.chance()}
    look(manifest, name, arguments, source.members(1))


def look(manifest: Manifest, name: str, arguments: dict[str, Any], annotations: dict[str, Any]) -> None:
    """The property of :func:`facts`."""
    found = manifest.tool(name, arguments)
    _check_facts(found)
    if not manifest.classifies_tool(name):
        require(found.labels == ALL, "an unknown tool is not the worst case", name, found)
    claimed = manifest.tool(name, arguments, annotations)
    require(claimed.labels >= found.labels, "annotations take labels away", name, annotations)
    _check_facts(manifest.prompt(name, arguments))
    _check_facts(manifest.resource(name))


def _check_facts(found: Facts) -> None:
    require(found.labels <= ALL, "an unknown label", found)
    require(all(isinstance(target.value, str | None) for target in found.targets), "a target of another shape", found)


def approvals(data: bytes) -> None:
    """A line on the approval channel is a message, or refused."""
    for decode in (decode_to_console, decode_to_gateway):
        try:
            decode(data)
        except BadRequest:
            continue
        require(isinstance(orjson.loads(data), dict), "something else is a message", data)


@cache
def _grammar() -> Grammar:
    return Grammar((shipped_policies() / "rule-of-two.cedarschema").read_text(encoding="utf-8"))


def policies(data: bytes) -> None:
    """Any text is policies, or is refused with its file and line."""
    text = data.decode("utf-8", "replace")
    try:
        for found in split(text, Path("own.cedar")):
            _grammar().parse(found)
    except PolicyError as error:
        require(str(error).startswith("own.cedar:"), "it does not say where", str(error))
