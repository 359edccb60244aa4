"""A proxy that hides the prefix under which a gateway of several servers offers one of them.

The suite calls tools and prompts by their plain names. On the way in their names get the prefix, in the body and in the
``Mcp-Name`` header; on the way out the items of lists lose it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final

from tests.conformance.proxy import Lines, proxied

NAMED: Final = frozenset(("tools/call", "prompts/get"))


def with_prefix(body: bytes, prefix: str) -> bytes:
    """A request with the name that the gateway knows."""
    try:
        message = json.loads(body)
        method, params = message["method"], message["params"]
        if method in NAMED:
            params["name"] = prefix + params["name"]
        elif method == "completion/complete" and params["ref"]["type"] == "ref/prompt":
            params["ref"]["name"] = prefix + params["ref"]["name"]
        else:
            return body
        return json.dumps(message).encode()
    except (ValueError, LookupError, TypeError):
        return body  # what the suite garbles on purpose passes as it is


def renaming(prefix: str, url: str) -> AbstractContextManager[str]:
    """The URL of a proxy in front of ``url`` that hides ``prefix``."""
    needle = b'"name":"' + prefix.encode()
    instead = b" " * len(prefix.encode()) + b'"name":"'

    def rewrite(head: Lines, body: bytes) -> tuple[Lines, bytes]:
        fields = {line.partition(b":")[0].lower(): line.partition(b":")[2].strip() for line in head[1:]}
        value = fields.get(b"mcp-name", b"")
        named = fields.get(b"mcp-method", b"").decode().lower() in NAMED
        if named and value and not value.startswith(b"=?base64?"):
            head = [line for line in head if not line.lower().startswith(b"mcp-name:")]
            head.append(b"Mcp-Name: " + prefix.encode() + value + b"\r\n")
        return head, with_prefix(body, prefix) if body else body

    def replies(pieces: Iterator[bytes]) -> Iterator[bytes]:
        """A name in a list is shortened in place, and spaces keep the length, as JSON allows them."""
        rest = b""
        for piece in pieces:
            data = (rest + piece).replace(needle, instead)
            # The beginning of a needle at the end waits for what comes next.
            keep = next((size for size in range(len(needle) - 1, 0, -1) if data.endswith(needle[:size])), 0)
            rest = data[len(data) - keep :]
            yield data[: len(data) - keep]
        yield rest

    return proxied(url, rewrite, replies)
