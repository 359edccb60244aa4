"""Event streams of a legacy session: each outlives the HTTP request that carries it, so that it can be resumed.

2025-11-25, Transports, Resumability and Redelivery. What is kept is bounded for the whole session; the oldest goes
first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from msgspec import Struct

from rule_of_two.wire.frames import RequestId
from rule_of_two.wire.http_exchange import Abandoned, Exchange
from rule_of_two.wire.sse_events import event, priming

_STORED_BYTES: Final = 4 * 1024 * 1024
_LARGE: Final = 256 * 1024
"""A reply larger than this is sent as JSON if nothing was sent before it: some clients bound their events at 1 MiB."""


class StoredEvent(Struct, frozen=True):
    """``number`` counts within the stream, from 1. ``asks`` is the request that it carries, if it carries one."""

    number: int
    data: bytes
    asks: RequestId | None


class EventStream:
    """The stream of one call, or the one that belongs to no call. ``number`` is its own within the session.

    INVARIANT: each event goes to one HTTP request at a time, and a client that resumes gets events of this stream only
    (test_an_event_id_of_another_stream_replays_nothing_of_this_one).
    """

    def __init__(self, number: int, log: EventLog, *, bodies: bool) -> None:
        self.number = number
        self.exchange: Exchange | None = None
        """The HTTP request that carries it now."""
        self.closed = False
        """Its last event was added."""
        self.kept: deque[StoredEvent] = deque()
        self.delivered = 0
        self.free = asyncio.Event()
        """Nobody carries it."""
        self.free.set()
        self.primed = False
        """The client was told how to resume."""
        self.resumable = False
        """The client knows how to take it up again."""
        self._log = log
        self._bodies = bodies
        self._last = 0

    def identify(self, number: int) -> str:
        """The id of an event: unique in the session, and it says which stream it belongs to."""
        return f"{self.number}-{number}"

    def attach(self, exchange: Exchange, *, primed: bool, after: int | None = None) -> None:
        """Let ``exchange`` carry this stream from now on; the one before is ended. Nothing is written yet.

        ``after`` is the last event that the client got; without it, whatever was written counts. With ``primed`` the
        client is told at once how to resume.
        """
        before, self.exchange = self.exchange, exchange
        self.free.clear()
        if after is not None:
            self.delivered = after
        self.primed = primed or self.primed
        if primed:
            exchange.prologue = priming(self.identify(self.delivered))
        if before is not None:
            before.interrupt()

    def detach(self, exchange: Exchange) -> None:
        """``exchange`` carries it no longer."""
        self.resumable = self.resumable or exchange.started
        if self.exchange is exchange:
            self.exchange = None
            self.free.set()

    async def let_go(self) -> None:
        """Have the client come back for what follows, if it was told how."""
        await self.flush()
        if self.exchange is not None and self.primed:
            self.exchange.interrupt()

    def offers(self, number: int) -> bool:
        """Whether the client may resume after the event of that number; 0 is the priming one."""
        known = self.resumable or self.exchange is None or self.exchange.started
        return known and 0 <= number <= self._last

    async def flush(self) -> None:
        """Open the stream, and write what has not been written."""
        exchange = self.exchange
        if exchange is not None:
            async with exchange.turn:
                await self._write(exchange)

    async def put(self, message: bytes, *, asks: RequestId | None = None, last: bool = False) -> None:
        """Add an event, and write it if there is a request to carry it, after what was added before."""
        exchange = self.exchange
        if exchange is None:
            self._add(message, asks, last)
            return
        async with exchange.turn:
            self._add(message, asks, last)
            await self._write(exchange)
        if self.exchange is not exchange:  # the client resumed meanwhile
            await self.flush()

    async def reply(self, message: bytes) -> None:
        """Add the last event. It is a body of JSON instead where that is better and nothing was sent before it."""
        exchange = self.exchange
        if exchange is None and not self.resumable:
            self.closed = True  # nobody can ever ask for it
            return
        if exchange is not None and (self._bodies or len(message) > _LARGE):
            async with exchange.turn:
                if not exchange.started:
                    self.closed = True
                    with suppress(Abandoned):
                        await exchange.write_body(200, message)
                    return
        await self.put(message, last=True)

    def _add(self, message: bytes, asks: RequestId | None, last: bool) -> None:
        if self.closed:
            return
        self._last += 1
        self.closed = last
        self._log.add(self, StoredEvent(self._last, event(message, self.identify(self._last)), asks))

    async def _write(self, exchange: Exchange) -> None:
        if self.exchange is not exchange or exchange.complete:
            return
        pending: list[bytes] = []
        top = self.delivered
        for one in self.kept:
            if one.number > self.delivered:
                pending.append(one.data)
                top = one.number
        with suppress(Abandoned):
            await exchange.write_events(b"".join(pending), last=self.closed)
            if self.exchange is exchange:
                self.delivered = top


class EventLog:
    """The order in which the events of a session came, and the bound on how many are kept."""

    def __init__(self, most: int, on_drop: Callable[[EventStream, StoredEvent], None]) -> None:
        self._most = max(most, 1)
        self._on_drop = on_drop
        self._order: deque[EventStream] = deque()
        self._bytes = 0

    def add(self, stream: EventStream, added: StoredEvent) -> None:
        """Keep an event; the oldest of the session go when there are too many."""
        stream.kept.append(added)
        self._order.append(stream)
        self._bytes += len(added.data)
        while len(self._order) > 1 and (len(self._order) > self._most or self._bytes > _STORED_BYTES):
            oldest = self._order.popleft()
            dropped = oldest.kept.popleft()
            self._bytes -= len(dropped.data)
            self._on_drop(oldest, dropped)
