"""One legacy session over HTTP as a connection: what is POSTed comes in, what is sent finds its stream."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from rule_of_two.wire.codes import REQUEST_CANCELLED, SERVER_BUSY
from rule_of_two.wire.eras import LATEST_LEGACY, SESSION_HEADER
from rule_of_two.wire.frames import Failure, FrameError, Message, Request, RequestId, Result, encode
from rule_of_two.wire.http_exchange import Exchange, Field
from rule_of_two.wire.http_request import Refused
from rule_of_two.wire.http_security import Bearer
from rule_of_two.wire.http_server import HttpSettings
from rule_of_two.wire.http_streams import EventLog, EventStream, StoredEvent
from rule_of_two.wire.http_usage import Usage
from rule_of_two.wire.transport import CLOSED, Ending, EndOfStream, NotSent

_INBOX: Final = 256
"""Messages that were acknowledged and not yet taken by the host; more are refused."""
_LEAVING_SECONDS: Final = 0.25
"""How long after a client closed a stream it may take until that is noticed here."""
_UNFETCHED: Final = 16
"""Requests to the client that may wait until it opens a stream for them."""


class Session:
    """A :class:`~rule_of_two.wire.transport.Transport` for as long as one ``Mcp-Session-Id`` is valid."""

    def __init__(self, name: str, bearer: Bearer, settings: HttpSettings, usage: Usage) -> None:
        self.name = name
        self.bearer = bearer
        """Who opened it."""
        self.version = LATEST_LEGACY
        """The version that was negotiated."""
        self.opened = False
        """``initialize`` was answered with a result."""
        self.carried = 0
        """HTTP requests that are being answered now."""
        self.idle_since = asyncio.get_running_loop().time()
        self._settings = settings
        self._usage = usage
        self._inbox: deque[Message | FrameError] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._end: EndOfStream | None = None
        self._log = EventLog(settings.stored_events, self._drop)
        self._last_stream = 0
        self._own = EventStream(0, self._log, bodies=False)
        self._streams: dict[int, EventStream] = {0: self._own}
        self._calls: dict[RequestId, EventStream] = {}

    async def receive(self) -> Message:
        while not self._inbox:
            if self._end is not None:
                raise self._end
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        item = self._inbox.popleft()
        if isinstance(item, FrameError):
            raise item
        return item

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        if self._end is not None:
            raise NotSent(str(self._end))
        if isinstance(message, Result | Failure):
            await self._reply(message)
            return
        stream = self._own if related is None else self._calls.get(related)
        if stream is None:
            raise NotSent("the request that it belongs to was answered")
        asks = message.id if isinstance(message, Request) else None
        if asks is not None and stream.exchange is None and self._unfetched(stream) >= _UNFETCHED:
            raise NotSent("the client does not fetch what it is asked")
        await stream.put(encode(message), asks=asks)

    async def dismiss(self, request: RequestId) -> None:
        if self._end is None:
            await self._reply(Failure(request, {"code": REQUEST_CANCELLED, "message": "Request cancelled"}))

    async def let_go(self, request: RequestId) -> None:
        stream = self._calls.get(request)
        if stream is not None:
            await stream.let_go()

    async def aclose(self) -> None:
        self.end(CLOSED, Ending.CLOSED)

    def end(self, reason: str, ending: Ending) -> None:
        """Nothing is taken in any more, and every stream ends. Only the first end counts."""
        if self._end is not None:
            return
        self._end = EndOfStream(reason, ending)
        self._wake()
        for stream in self._streams.values():
            if stream.exchange is not None:
                stream.exchange.interrupt()
        for _ in self._calls:
            self._usage.end_call()
        self._calls.clear()

    @property
    def client(self) -> str:
        """To whom it belongs."""
        return self.bearer.client

    @property
    def ended(self) -> bool:
        """Whether it has."""
        return self._end is not None

    @property
    def idle(self) -> bool:
        """Whether the client has nothing open. A call that it left does not count: it may never come back."""
        return not self.carried

    def put(self, message: Message | FrameError) -> None:
        """Take one message in.

        :raises Refused: the host is too far behind.
        """
        if len(self._inbox) >= _INBOX:
            raise Refused(503, "too many messages wait in this session", code=SERVER_BUSY)
        self._inbox.append(message)
        self._wake()

    def call(self, request: Request, exchange: Exchange, *, primed: bool) -> EventStream:
        """Take a request in. The stream for its reply, and for what belongs to it, is carried by ``exchange``.

        :raises Refused: a request of this id is in flight, or there are too many, or the host is too far behind.
        """
        if request.id in self._calls:
            raise Refused(400, "the request repeats an id that is still in flight")
        self._usage.begin_call(request.id)
        try:
            self.put(request)
        except Refused:
            self._usage.end_call()
            raise
        self._last_stream += 1
        # What clients do all the time is answered in the cheaper way, where nothing came before the reply.
        bodies = not self._settings.legacy_streams or request.method == "tools/call"
        stream = EventStream(self._last_stream, self._log, bodies=bodies)
        self._streams[stream.number] = self._calls[request.id] = stream
        stream.attach(exchange, primed=primed)
        return stream

    async def listen(self, exchange: Exchange, *, primed: bool) -> EventStream:
        """The stream of what belongs to no call, carried by ``exchange`` from now on.

        :raises Refused: another GET carries it.
        """
        try:
            async with asyncio.timeout(_LEAVING_SECONDS):
                await self._own.free.wait()
        except TimeoutError:
            raise Refused(409, "only one stream without Last-Event-ID may be open in a session") from None
        self._own.attach(exchange, primed=primed)
        return self._own

    def resume(self, exchange: Exchange, last_event: str) -> EventStream:
        """The stream of an event, carried by ``exchange`` from now on, and from the event after it.

        :raises Refused: it is of no stream that can be resumed.
        """
        head, _, tail = last_event.partition("-")
        if len(last_event) <= 40 and head.isdecimal() and tail.isdecimal():
            stream = self._streams.get(int(head))
            if stream is not None and stream.offers(int(tail)):
                stream.attach(exchange, primed=False, after=int(tail))
                return stream
        raise Refused(400, "the Last-Event-ID is of no stream that can be resumed")

    def field(self) -> Field:
        """The header that names the session."""
        return SESSION_HEADER.encode(), self.name.encode()

    def conceal(self, exchange: Exchange) -> None:
        """Do not name the session in an answer that was not begun."""
        exchange.headers = [field for field in exchange.headers if field != self.field()]

    async def _reply(self, message: Result | Failure) -> None:
        stream = None if message.id is None else self._calls.pop(message.id, None)
        if stream is None:
            return
        self._usage.end_call()
        if not self.opened:
            self._on_opening_reply(message, stream)
        await stream.reply(encode(message))
        if not stream.kept:
            self._streams.pop(stream.number, None)

    def _on_opening_reply(self, message: Result | Failure, stream: EventStream) -> None:
        """The client learns the name of the session with the result of ``initialize``, and only with that."""
        if isinstance(message, Result):
            self.opened = True
            version = message.result.get("protocolVersion")
            self.version = version if isinstance(version, str) else LATEST_LEGACY
        elif stream.exchange is not None:
            self.conceal(stream.exchange)

    def _unfetched(self, stream: EventStream) -> int:
        return sum(1 for one in stream.kept if one.asks is not None and one.number > stream.delivered)

    def _drop(self, stream: EventStream, dropped: StoredEvent) -> None:
        if dropped.asks is not None and dropped.number > stream.delivered:  # whoever asked must not wait for ever
            error = {"code": SERVER_BUSY, "message": "the client did not fetch the request"}
            self._inbox.append(Failure(dropped.asks, error))
            self._wake()
        if stream.closed and not stream.kept:
            self._streams.pop(stream.number, None)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
