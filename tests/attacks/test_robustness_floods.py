"""Upstreams that write as fast as they can: memory stays flat, and the others answer."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from rule_of_two.gateway.anchoring import ANCHOR
from tests.attacks.robust import PROC, flooding, resident, written
from tests.harness import INITIALIZE, Gateway, House, outcome

SECONDS = 3.0
"""How long a flood is watched."""
MEBIBYTE = 1 << 20
ALLOWED = 8 * MEBIBYTE
"""What memory may grow by while some ten thousands of lines of 200 bytes come in."""
PATIENCE = 5.0
"""The longest time that an innocent call may take, on a busy machine."""

pytestmark = PROC


@pytest.fixture
def flooded(house: House, request: pytest.FixtureRequest) -> House:
    house.servers = {"bad": flooding(house, request.param), "other": house.recorder("other")}
    return house


async def _watch(house: House, gateway: Gateway, report: Callable[[str], None]) -> None:
    """Call the other upstream all the time, while memory is measured."""
    pid = gateway.process.pid
    # The first checkpoint of the journal loads what signs it, once: that is no growth.
    while written(house) < 1000 or not (house.state / ANCHOR).exists():
        await gateway.request("ping")
    slowest, calls = 0.0, 0
    count, begun = written(house), time.monotonic()
    at_first = most = resident(pid)
    while time.monotonic() - begun < SECONDS:
        before = time.monotonic()
        assert outcome(await gateway.call("other__neutral")) == ("allow", None)
        slowest = max(slowest, time.monotonic() - before)
        most = max(most, resident(pid))
        calls += 1
        await asyncio.sleep(0.005)
    rate = (written(house) - count) / (time.monotonic() - begun)
    first, more = at_first / MEBIBYTE, (most - at_first) / MEBIBYTE
    report(
        f"{rate:.0f} lines a second, memory {first:.1f} MiB and at most {more:.1f} more, "
        f"{calls} calls of another upstream, the slowest {slowest * 1000:.0f} ms"
    )
    assert most - at_first < ALLOWED
    assert slowest < PATIENCE


@pytest.mark.parametrize("flooded", ["log", "garbage", "errors"], indirect=True)
async def test_a_flood_that_nobody_wants_costs_no_memory_and_no_other_call(
    flooded: House, record_property: Callable[[str, object], None]
) -> None:
    async with flooded.gateway() as gateway:
        await gateway.request("logging/setLevel", {"level": "emergency"})
        await gateway.request("tools/list")
        await gateway.call("bad__start")
        await _watch(flooded, gateway, lambda text: record_property("flood", text))
        assert not [one for one in gateway.notifications if one["method"] == "notifications/message"]
    assert written(flooded) > 10_000


@asynccontextmanager
async def _slow_client(house: House, lines_a_second: float) -> AsyncIterator[tuple[Gateway, list[int]]]:
    """A gateway whose client takes in its output only so fast. The list counts what it has read."""
    process = await asyncio.create_subprocess_exec(
        *house.command("serve"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, limit=16 * 1024, cwd=house.folder,
        env={**os.environ, "RULE_OF_TWO_STATE": str(house.state)},
    )  # fmt: skip
    gateway, read = Gateway(process), [0]

    async def take_in() -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            message = json.loads(line)
            read[0] += 1
            if message.get("id") in gateway._waiting:
                gateway._waiting.pop(message["id"]).set_result(message)
            elif "method" in message:
                await asyncio.sleep(1 / lines_a_second)

    reader = asyncio.create_task(take_in())
    try:
        await gateway.request("initialize", INITIALIZE)
        await gateway.notify("notifications/initialized")
        yield gateway, read
        await gateway.close()
    finally:
        reader.cancel()
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # else its pipes warn when collected


@pytest.mark.parametrize("flooded", ["log", "progress"], indirect=True)
async def test_a_client_that_reads_slowly_makes_the_flood_wait(
    flooded: House, record_property: Callable[[str, object], None]
) -> None:
    async with _slow_client(flooded, 2000) as (gateway, read):
        await gateway.request("tools/list")
        gateway.start("tools/call", {"name": "bad__start", "arguments": {}, "_meta": {"progressToken": "t"}})
        await _watch(flooded, gateway, lambda text: record_property("flood", text))
        # What was written and not read stands in pipes and in buffers of bounded size.
        assert (written(flooded) - read[0]) * 200 < 2 * MEBIBYTE
