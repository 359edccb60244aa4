"""A proxy that adds headers to every request, for a client that cannot send them itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from tests.conformance.proxy import Lines, proxied


def adding(headers: Mapping[str, str], url: str) -> AbstractContextManager[str]:
    """The URL of a proxy in front of ``url`` that adds ``headers``."""
    added = [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items()]

    def rewrite(head: Lines, body: bytes) -> tuple[Lines, bytes]:
        return [*head, *added], body

    return proxied(url, rewrite)
