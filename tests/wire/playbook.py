"""A connection in memory and a handler that does as it is told: "we send this, we expect that"."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from rule_of_two.wire.frames import FrameError, Message, Notification, Request, RequestId, encode, parse
from rule_of_two.wire.peer import Ending, EndOfStream, Incoming, Limits, NotSent, Peer, Transport

SECONDS = 10.0


class Wire:
    """The far end of a peer's connection, played by the test. Frames go through the real parser."""

    def __init__(self) -> None:
        self._to_peer: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._from_peer: asyncio.Queue[Message] = asyncio.Queue()
        self.open_gate = asyncio.Event()
        """While it is not set, what the peer writes is stuck, and listed in ``stuck``."""
        self.open_gate.set()
        self.stuck: asyncio.Queue[Message] = asyncio.Queue()
        self.closed = False
        self.dismissed: list[RequestId] = []
        self.let_gone: list[RequestId] = []
        self.related: list[RequestId | None] = []
        """What each message that the peer wrote belonged to."""

    async def receive(self) -> Message:
        item = await self._to_peer.get()
        if isinstance(item, Exception):
            raise item
        return parse(item)

    async def dismiss(self, request: RequestId) -> None:
        self.dismissed.append(request)

    async def let_go(self, request: RequestId) -> None:
        self.let_gone.append(request)

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        if self.closed:
            raise NotSent("closed")
        if not self.open_gate.is_set():
            self.stuck.put_nowait(message)
            await self.open_gate.wait()
        self.related.append(related)
        self._from_peer.put_nowait(parse(encode(message)))

    async def aclose(self) -> None:
        self.closed = True
        self.end("closed", Ending.CLOSED)

    def say(self, message: Message | bytes) -> None:
        """The far end writes one frame."""
        self._to_peer.put_nowait(message if isinstance(message, bytes) else encode(message))

    def end(self, reason: str = "it closed the connection", ending: Ending = Ending.FINISHED) -> None:
        """The far end closes."""
        self._to_peer.put_nowait(EndOfStream(reason, ending))

    def fail(self, error: Exception) -> None:
        """The transport reports ``error``."""
        self._to_peer.put_nowait(error)

    async def hear(self) -> Message:
        """The next frame that the peer wrote."""
        async with asyncio.timeout(SECONDS):
            return await self._from_peer.get()

    async def hear_request(self, method: str) -> Request:
        message = await self.hear()
        assert isinstance(message, Request)
        assert message.method == method
        return message

    async def silence(self) -> None:
        """Nothing was written that was not heard, now that the peer has taken everything in."""
        self.say(Request("fence", "fence", {}))
        message = await self.hear()
        assert getattr(message, "id", None) == "fence", f"did not expect {message}"


class Script:
    """A handler that answers by method name and records everything else."""

    def __init__(self, **answers: Callable[[Incoming], Awaitable[dict[str, Any]]]) -> None:
        self.answers = answers
        self.notifications: asyncio.Queue[Notification] = asyncio.Queue()
        self.frame_errors: list[FrameError] = []
        self.streams_closed: list[object] = []
        self.on_note: Callable[[str, dict[str, Any]], Awaitable[None]] | None = None

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        answer = self.answers.get(incoming.method)
        return await answer(incoming) if answer else {"echo": incoming.params}

    async def on_notification(self, notification: Notification, about: object) -> None:
        method, params = notification.method, notification.params
        if self.on_note is not None:
            await self.on_note(method, params)
        self.notifications.put_nowait(Notification(method, params))

    async def on_stream_closed(self, about: object) -> None:
        self.streams_closed.append(about)

    async def on_frame_error(self, error: FrameError) -> None:
        self.frame_errors.append(error)


@asynccontextmanager
async def running(transport: Transport, script: Script, *, name: str, limits: Limits) -> AsyncIterator[Peer]:
    """A peer while it runs; closed at the end, in bounded time."""
    peer = Peer(transport, script, name=name, limits=limits)
    task = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        async with asyncio.timeout(SECONDS):
            await peer.close()
            await task


@asynccontextmanager
async def playing(script: Script | None = None, limits: Limits | None = None) -> AsyncIterator[tuple[Peer, Wire]]:
    """A running peer and the far end of its connection. On leaving, the connection ends and the peer with it."""
    wire = Wire()
    peer = Peer(wire, script or Script(), name="far", limits=limits or Limits())
    running = asyncio.create_task(peer.run())
    try:
        yield peer, wire
    finally:
        wire.open_gate.set()
        wire.end()
        async with asyncio.timeout(SECONDS):
            await running
