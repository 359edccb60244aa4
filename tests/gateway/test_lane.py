"""Places for the requests to one upstream."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from rule_of_two.gateway.lane import Lane, LaneFull
from rule_of_two.wire.transport import Limits


class Queue:
    """Requests that take a place and keep it until they are told to go."""

    def __init__(self, calls: int, waiting: int) -> None:
        self.lane = Lane("notes", Limits(calls=calls, waiting_calls=waiting))
        self.entered: list[tuple[str, bool]] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.leave: dict[str, anyio.Event] = {}

    async def come(self, name: str) -> None:
        async def stay() -> None:
            async with self.lane as waited:
                self.entered.append((name, waited))
                await self.leave[name].wait()

        self.leave[name] = anyio.Event()
        self.tasks[name] = asyncio.create_task(stay())
        await anyio.wait_all_tasks_blocked()

    async def go(self, name: str) -> None:
        self.leave[name].set()
        await self.tasks[name]
        await anyio.wait_all_tasks_blocked()


async def test_places_are_given_in_the_order_of_arrival() -> None:
    queue = Queue(calls=2, waiting=5)
    for name in "abcd":
        await queue.come(name)
    assert queue.entered == [("a", False), ("b", False)]
    await queue.go("b")
    assert queue.entered[2:] == [("c", True)]
    await queue.go("a")
    assert queue.entered[3:] == [("d", True)]
    await queue.go("c")
    await queue.go("d")
    await queue.come("e")
    assert queue.entered[4:] == [("e", False)]
    await queue.go("e")


async def test_who_comes_when_the_queue_is_full_is_refused_at_once() -> None:
    queue = Queue(calls=1, waiting=1)
    await queue.come("a")
    await queue.come("b")
    with pytest.raises(LaneFull, match="'notes' works on 1 requests, and 1 more are waiting"):
        async with queue.lane:
            pytest.fail("it has no place")
    await queue.go("a")
    await queue.go("b")


async def test_who_is_cancelled_leaves_the_queue_and_gives_back_a_place_that_it_was_just_given() -> None:
    queue = Queue(calls=1, waiting=2)
    async with queue.lane:
        for name in "bc":
            await queue.come(name)
    # The place is b's now, but b has not run yet.
    queue.tasks["b"].cancel()
    await anyio.wait_all_tasks_blocked()
    assert queue.tasks["b"].cancelled()
    assert [name for name, _ in queue.entered] == ["c"]
    await queue.come("d")
    queue.tasks["d"].cancel()
    await anyio.wait_all_tasks_blocked()
    await queue.go("c")
    await queue.come("e")
    assert queue.entered[-1] == ("e", False)
    await queue.go("e")


async def test_one_that_fails_gives_its_place_back() -> None:
    lane = Lane("notes", Limits(calls=1, waiting_calls=0))
    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            async with lane:
                raise ValueError("no")
