"""One HTTP request while it is answered: with one body, or with a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from rule_of_two.wire.sse_events import COMMENT

Field = tuple[bytes, bytes]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_JSON: Final = (b"content-type", b"application/json")
_STREAM: Final[tuple[Field, ...]] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


class Abandoned(Exception):
    """The client did not read what was being written, and it matters no more."""


class Exchange:
    """The way back of one HTTP request.

    Writing waits until the client has read enough. One that reads nothing is disconnected by the listener, so that
    writing always ends; what is written to a client that has gone is lost, and nobody is told.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self.headers: list[Field] = []
        """Goes with any answer."""
        self.prologue = b""
        """Goes before the first event."""
        self.started = False
        self.complete = False
        self.gone = False
        """The client has gone, or everything was sent."""
        self.interrupted = False
        self.turn = asyncio.Lock()
        """Held while something is written."""
        self.receive = receive
        self.patience: asyncio.Timeout | None = None
        """How long whoever reads the request waits; :meth:`interrupt` ends it."""
        self._send = send
        self._writing: asyncio.Timeout | None = None

    async def reply(self, status: int, body: bytes = b"", headers: tuple[Field, ...] = ()) -> None:
        """Answer with one body of JSON, or with none. Nothing happens if an answer was begun."""
        with suppress(Abandoned):
            async with self.turn:
                if not self.started:
                    await self.write_body(status, body, headers)

    async def events(self, data: bytes, *, last: bool = False) -> None:
        """Write events; the first ones open the stream. After the last nothing can be written."""
        with suppress(Abandoned):
            async with self.turn:
                await self.write_events(data, last=last)

    async def keep_alive(self) -> None:
        """Say that the request is still being carried out; opens the stream."""
        await self.events(COMMENT if self.started else b"")

    async def silence(self, seconds: float) -> bool:
        """Wait until the client has gone, everything was sent or :meth:`interrupt` was called; ``False`` when
        ``seconds`` passed before. Only one task may wait here."""
        if self.interrupted or self.gone:
            return True
        try:
            async with asyncio.timeout(seconds) as self.patience:
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return self.interrupted
        finally:
            self.patience = None
        self.gone = True
        return True

    def interrupt(self) -> None:
        """Let :meth:`silence` return now, and at once from now on; give up a write that waits for the client."""
        self.interrupted = True
        now = asyncio.get_running_loop().time()
        for waiting in (self.patience, self._writing):
            if waiting is not None and not waiting.expired():
                waiting.reschedule(now)

    async def write_body(self, status: int, body: bytes, headers: tuple[Field, ...] = ()) -> None:
        """As :meth:`reply`, for who holds the turn and knows that no answer was begun.

        :raises Abandoned: it was not written.
        """
        fields = [*self.headers, *headers]
        if status != 204:
            fields.append((b"content-length", b"%d" % len(body)))
        if body:
            fields.append(_JSON)
        await self._start(status, fields)
        await self._write({"type": "http.response.body", "body": body})
        self.complete = True

    async def write_events(self, data: bytes, *, last: bool = False) -> None:
        """As :meth:`events`, for who holds the turn.

        :raises Abandoned: nothing of it was written.
        """
        if self.complete:
            return
        if not self.started:
            await self._start(200, [*self.headers, *_STREAM])
        await self._write({"type": "http.response.body", "body": self.prologue + data, "more_body": not last})
        self.prologue = b""
        self.complete = last

    async def _start(self, status: int, headers: list[Field]) -> None:
        await self._write({"type": "http.response.start", "status": status, "headers": headers})
        self.started = True

    async def _write(self, event: Mapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(None) as self._writing:
                await self._send(event)
        except TimeoutError:
            raise Abandoned from None
        finally:
            self._writing = None
