"""One HTTP+SSE server as a connection (2024-11-05, Transports): a stream to hear, and an address to POST to.

All that the server says comes on the one stream, so nothing says in the course of which request it came. When the
stream ends the connection ends, for nothing can be resumed.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

import httpx2

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.frames import Message, Request, RequestId, encode
from rule_of_two.wire.http_client_connection import LISTEN, HttpConnection, Post, content_type, fail
from rule_of_two.wire.http_client_exchange import HttpClient
from rule_of_two.wire.sse import Event, EventParser
from rule_of_two.wire.transport import CLOSED, ConnectionLost, Ending, EndOfStream, NotSent

_ENDPOINT_SECONDS: Final = 10.0
_JSON: Final = {"accept": "application/json", "content-type": "application/json"}


class SseTransport(HttpConnection):
    """The connection to one server. Nothing is sent before the first message or :meth:`connect`."""

    def __init__(self, client: HttpClient) -> None:
        super().__init__(client)
        self._address: asyncio.Future[httpx2.URL] | None = None

    async def connect(self) -> None:
        """Open the stream, and wait until it says where to POST.

        :raises NotSent: it does not, within 10 s.
        """
        await self._endpoint()

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        """As of :class:`~rule_of_two.wire.transport.Transport`. A request was begun to be written when this returns;
        any other message was taken by the server."""
        self._must_be_open()
        url = await self._endpoint()
        self._must_be_open()
        if isinstance(message, Request):
            await self._ask(message, _JSON)
        else:
            await self._tell(message, _JSON, url)

    async def _endpoint(self) -> httpx2.URL:
        if self._address is None:
            self._address = asyncio.get_running_loop().create_future()
            hearing = self._start(self._hear(self._address))
            hearing.add_done_callback(self._heard)
        try:
            async with asyncio.timeout(_ENDPOINT_SECONDS):
                return await asyncio.shield(self._address)
        except TimeoutError:
            reason = f"{self._client.shown} did not say where to send messages"
            self._end(EndOfStream(reason, Ending.BROKEN))
            raise NotSent(reason) from None

    async def _exchange(self, post: Post) -> None:
        url = await self._endpoint()
        response = await self._client.open("POST", post.headers, encode(post.request), url=url, begun=post.begin)
        await response.aclose()
        if response.status_code >= 300:
            await self._refused(post.request.id, response)

    async def _hear(self, address: asyncio.Future[httpx2.URL]) -> None:
        """The stream, from its beginning to the end of the connection."""
        try:
            response = await self._client.open("GET", LISTEN)
            try:
                if response.status_code != 200 or content_type(response) != "text/event-stream":
                    raise NotSent(self._no_stream(response))
                await self._events(response, address)
            finally:
                await response.aclose()
        except (NotSent, ConnectionLost) as error:
            self._end(EndOfStream(str(error), Ending.BROKEN))
        except LimitExceeded as error:
            self._end(error)
        else:
            self._end(EndOfStream(f"{self._client.shown} ended the connection", Ending.BROKEN))

    def _heard(self, _: asyncio.Task[None]) -> None:
        """The stream has ended, perhaps before its first step."""
        if self._address is not None and fail(self._address, NotSent(self._ended or CLOSED)):
            self._address.exception()  # whoever waited may have gone

    async def _events(self, response: httpx2.Response, address: asyncio.Future[httpx2.URL]) -> None:
        parser = EventParser(self._limits.frame_bytes)
        async with aclosing(self._client.pieces(response)) as pieces:
            async for piece in pieces:
                for event in parser.feed(piece):
                    if event.type == "endpoint" and not address.done():
                        address.set_result(self._within_origin(response, event))
                    elif event.type == "message" and event.data:
                        await self._deliver(event.data, None)

    def _within_origin(self, response: httpx2.Response, event: Event) -> httpx2.URL:
        """INVARIANT: what we send goes only to the origin that is configured (test_an_endpoint_elsewhere_is_refused).

        :raises NotSent: the server wants it to go elsewhere.
        """
        here = response.request.url
        try:
            there = here.join(event.data.decode())
        except (ValueError, httpx2.InvalidURL):
            there = httpx2.URL("")
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise NotSent(f"{self._client.shown} wants messages to be sent to another origin, which is refused")
        return there.copy_with(userinfo=here.userinfo, fragment=None)

    def _no_stream(self, response: httpx2.Response) -> str:
        if response.status_code < 300:
            return f"{self._client.shown} answered with no stream of events"
        return self._client.status(response)

    async def _take_leave(self) -> None:
        """There is nothing to say: the stream is closed."""
