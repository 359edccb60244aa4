"""Where the streams of one connection come together, with back-pressure for each of them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from rule_of_two.wire.frames import Message

_MOST_ITEMS: Final = 64
_MOST_BYTES: Final = 256 * 1024
"""What is held for a reader that is busy, before those who bring more have to wait."""


class Inbox:
    """Messages, and exceptions in place of messages, in the order in which they were put. One task may read."""

    def __init__(self) -> None:
        self._items: deque[tuple[Message | Exception, int]] = deque()
        self._bytes = 0
        self._end: Exception | None = None
        self._room = asyncio.Event()
        self._waiter: asyncio.Future[None] | None = None

    async def put(self, item: Message | Exception, size: int = 0) -> None:
        """Add an item of ``size`` bytes, once there is room. After the end it is dropped."""
        while self._end is None and (
            len(self._items) >= _MOST_ITEMS or (self._items and self._bytes + size > _MOST_BYTES)
        ):
            self._room.clear()
            await self._room.wait()
        if self._end is None:
            self._items.append((item, size))
            self._bytes += size
            self._wake()

    async def get(self) -> Message:
        """The next message; raises the next exception."""
        while not self._items:
            if self._end is not None:
                raise self._end
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        item, size = self._items.popleft()
        self._bytes -= size
        self._room.set()
        if isinstance(item, Exception):
            raise item
        return item

    def end(self, error: Exception, *, now: bool = False) -> None:
        """Nothing comes after what is here but ``error``, again and again. ``now`` throws away what is here."""
        if now:
            self._items.clear()
            self._bytes = 0
        if self._end is None:
            self._end = error
        self._room.set()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
