"""Listeners hear of answers that another process took, and one that fails stops neither the others nor the gateway."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio

from rule_of_two.errors import BadRequest
from rule_of_two.gateway.pin_watch import PinWatch
from rule_of_two.store.pins import Pin, PinAnswer, PinStore
from rule_of_two.store.state import open_state


async def test_an_answer_of_another_process_is_told_though_a_listener_fails(tmp_path: Path) -> None:
    with closing(open_state(tmp_path)) as own, closing(open_state(tmp_path)) as others:
        watch, heard, told = PinWatch(PinStore(own)), list[bool](), anyio.Event()

        async def fails(answered: bool) -> None:
            raise BadRequest("a definition that cannot be shown")

        async def hears(answered: bool) -> None:
            heard.append(answered)
            told.set()

        watch.listeners |= {fails, hears}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.run)
            watch.wake()
            with anyio.fail_after(10):
                await told.wait()
                told = anyio.Event()
                answer = PinAnswer("1", "tool", "send", "n", "{}", "t")
                pin = Pin("tool", "send", "n", {}, "alice", "t")
                assert await PinStore(others).settle("mail:1", answer, old="", pin=pin, keep=False)
                await told.wait()
            tasks.cancel_scope.cancel()
        assert heard == [False, True]
