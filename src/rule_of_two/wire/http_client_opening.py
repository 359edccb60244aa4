"""The transport for an address: the one that is configured, or the one that the server turns out to speak."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import httpx2

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire.frames import Failure, Message, Request, RequestId
from rule_of_two.wire.http_client import HttpTransport
from rule_of_two.wire.http_client_exchange import Authorization, HttpClient
from rule_of_two.wire.sse_transport import SseTransport
from rule_of_two.wire.transport import Limits, NotSent, ReplyLost, Transport

logger = logging.getLogger(__name__)


async def open_transport(
    url: str,
    *,
    shown: str,
    headers: Mapping[str, str],
    limits: Limits,
    kind: str,
    authorization: Authorization | None,
) -> Transport:
    """Prepare a connection; nothing is sent.

    :raises ConfigurationError: the address, or what the environment says about proxies and certificates, is unusable.
    """

    def prepare() -> HttpClient:
        return HttpClient(url, shown=shown, headers=headers, limits=limits, authorization=authorization)

    try:
        client = await asyncio.to_thread(prepare)  # reading the certificates takes 20 ms
    except httpx2.InvalidURL:
        raise ConfigurationError("the url of an upstream must start with http:// or https:// and name a host") from None
    except (OSError, ValueError, ImportError) as error:
        raise ConfigurationError(
            f"the proxy or the certificates that the environment names cannot be used: {type(error).__name__}"
        ) from None
    if kind == "sse":
        return SseTransport(client)
    streamable = HttpTransport(client)
    return streamable if kind == "streamable-http" else AutoTransport(streamable, lambda: SseTransport(prepare()))


class AutoTransport:
    """Streamable HTTP, or what was before it (2025-11-25, Transports, Backwards compatibility).

    When ``initialize`` is answered as by a server that does not know streamable HTTP, the stream of HTTP+SSE is tried;
    if the server has that, ``initialize`` is sent there and everything after it. Only the reader of messages decides
    this, while nothing else can be under way.
    """

    def __init__(self, streamable: HttpTransport, other: Callable[[], SseTransport]) -> None:
        self._streamable = streamable
        self._other = other
        self._used: HttpTransport | SseTransport = streamable
        self._tried: SseTransport | None = None
        self._first: Request | None = None

    async def receive(self) -> Message:
        """As of :class:`~rule_of_two.wire.transport.Transport`."""
        message = await self._used.receive()
        first = self._first
        if first is None or not isinstance(message, Failure) or message.id != first.id:
            return message
        self._first = None
        if self._used is not self._streamable or self._streamable.unspoken != first.id:
            return message
        return message if not await self._switch() else await self._again(first)

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        """As of :class:`~rule_of_two.wire.transport.Transport`."""
        if isinstance(message, Request) and message.method == "initialize":
            self._first = message
        await self._used.send(message, related=related)

    async def dismiss(self, request: RequestId) -> None:
        """Nothing is kept for a request of the peer."""

    async def let_go(self, request: RequestId) -> None:
        """A request of the peer's has no stream of its own."""

    async def aclose(self) -> None:
        """As of :class:`~rule_of_two.wire.transport.Transport`."""
        await self._used.aclose()
        if self._tried is not None:
            await self._tried.aclose()

    async def _switch(self) -> bool:
        """Whether the server speaks HTTP+SSE; if so, it is used from now on."""
        self._tried = self._other()
        try:
            await self._tried.connect()
        except NotSent as error:
            logger.debug("not HTTP+SSE either: %s", error)
            await self._tried.aclose()
            return False
        self._used = self._tried
        await self._streamable.aclose()
        return True

    async def _again(self, request: Request) -> Message:
        try:
            await self._used.send(request)
        except NotSent as error:
            raise ReplyLost(request.id, str(error)) from None
        return await self.receive()
