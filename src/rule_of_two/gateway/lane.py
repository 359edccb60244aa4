"""How much of one upstream's is under way at the same time, so that a slow one cannot pile up work without end."""

from __future__ import annotations

from types import TracebackType

import anyio

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.transport import Limits


class LaneFull(LimitExceeded):
    """Too many wait for one upstream already; nothing was decided, and nothing sent."""


class Lane:
    """The places for requests to one upstream. ``async with`` takes one, in the order of arrival, and gives it back.

    # INVARIANT: a request has its place before it is decided, since from the decision to the sending nothing waits;
    # tests/attacks/test_robustness_limits.py.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._places = anyio.Semaphore(limits.calls, fast_acquire=True)

    async def __aenter__(self) -> bool:
        """Take a place. Returns whether that took time; whoever is cancelled while waiting leaves the queue.

        :raises LaneFull: too many wait already.
        """
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            return await self._wait()
        return False

    async def _wait(self) -> bool:
        if self._places.statistics().tasks_waiting >= self._limits.waiting_calls:
            raise LaneFull(
                f"the server '{self._name}' works on {self._limits.calls} requests, "
                f"and {self._limits.waiting_calls} more are waiting"
            )
        await self._places.acquire()
        return True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._places.release()
