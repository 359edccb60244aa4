"""The door for clients over streamable HTTP, in both eras. Nothing of HTTP is imported until it is opened.

The wire decides nothing: it turns requests into connections and gives each to a :class:`HttpHost`. A legacy session is
one connection from ``initialize`` to its end; a modern request is one by itself.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire.eras import Era
from rule_of_two.wire.transport import Limits, Transport


class HttpHost(Protocol):
    """What serves the connections: the gateway."""

    def client_of(self, token: str) -> str | None:
        """The client that this bearer token belongs to, found in constant time; ``None`` when it is nobody's."""

    async def serve(self, client: str, era: Era, transport: Transport) -> None:
        """Serve one connection to its end: one legacy session, or one modern request.

        Must return soon after ``transport.receive`` raised ``EndOfStream``. An exception ends the connection as broken.
        """

    def tool_schema(self, client: str, name: str) -> Any | None:
        """The ``inputSchema`` that this client was shown for a tool, which says what ``Mcp-Param-*`` headers must
        repeat; ``None`` when it was shown none."""


class HttpSettings(Struct, frozen=True):
    """How to listen. Names with a port may end in ``:*``, which stands for any port."""

    path: str = "/mcp"
    allowed_hosts: tuple[str, ...] = ()
    """What a ``Host`` header may say besides the loopback names and the address that is listened on."""
    allowed_origins: tuple[str, ...] = ()
    """What an ``Origin`` header may say besides our own; pages of these may call us from a browser."""
    certificate: Path | None = None
    """The PEM file with our certificate and its chain: turns TLS on."""
    key: Path | None = None
    """The PEM file with its key, when it is not in the same file."""
    idle_seconds: float = 1800.0
    """How long a legacy session may have no request and no stream open before it is ended."""
    sessions: int = 64
    """Legacy sessions that one client may have at the same time."""
    requests: int = 64
    """Requests of one client that may be carried out at the same time, streams of subscriptions among them."""
    keep_alive_seconds: float = 15.0
    """After how much silence a comment is sent on a stream, so that nobody between takes it for dead."""
    stored_events: int = 256
    """How many events of a legacy session are kept, so that a client that lost a stream can resume it."""
    legacy_streams: bool = True
    """Answer legacy requests with an event stream, as the SDK's server does, even if the reply is the only event.
    Otherwise such a reply is a JSON body. Calls of tools, modern clients and large replies get JSON in any case."""


async def serve_http(
    host: HttpHost,
    *,
    address: str,
    port: int,
    limits: Limits,
    settings: HttpSettings,
    on_ready: Callable[[str], None],
) -> None:
    """Listen until cancelled; then end every connection, and return within a few times ``limits.close_seconds``.

    :meth:`HttpHost.serve` has returned for each connection by then; one that did not in time was cancelled. ``port`` 0
    takes a free one. ``on_ready`` gets the URL of the endpoint.

    :raises ConfigurationError: the address cannot be listened on, or the settings do not go together.
    """
    if not settings.path.startswith("/"):
        raise ConfigurationError("the path of the HTTP endpoint must start with /")
    if settings.key is not None and settings.certificate is None:
        raise ConfigurationError("a TLS key needs its certificate")
    module = await asyncio.to_thread(importlib.import_module, "rule_of_two.wire.http_listener")
    await module.listen(host, address=address, port=port, limits=limits, settings=settings, on_ready=on_ready)
