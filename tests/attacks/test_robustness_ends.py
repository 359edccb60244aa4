"""However the client or the gateway ends: calls upstream are cancelled, and no process is left."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.attacks.evil import messages
from tests.attacks.robust import PROC, alive, clinging, until
from tests.harness import Gateway, House

BOUND = 10.0
"""Seconds that an end may take, with upstreams that have to be killed, on a busy machine."""

pytestmark = PROC


def _pids(house: House, name: str) -> list[int]:
    return [int(pid) for pid in (house.folder / name).read_text().split()]


async def _until_gone(pids: list[int]) -> None:
    await until(lambda: not any(map(alive, pids)), BOUND)


async def _until_exists(path: Path) -> None:
    await until(path.exists)


def _was_cancelled(house: House) -> None:
    """The upstream was told before it was ended."""
    seen = messages(house)
    hung = next(one["id"] for one in seen if one["method"] == "tools/call" and one["params"]["name"] == "hang")
    assert [one["params"]["requestId"] for one in seen if one["method"] == "notifications/cancelled"] == [hung]


@pytest.mark.parametrize("rest", [b"", b'{"jsonrpc":"2.0","id":99,"meth'])
async def test_a_client_that_ends_in_mid_call_cancels_it_upstream(house: House, rest: bytes) -> None:
    """In order, or in the middle of a line."""
    house.servers = {"rec": house.recorder("rec")}
    async with house.gateway() as gateway:
        gateway.start("tools/call", {"name": "rec__hang", "arguments": {}})
        while "hang" not in house.sent("rec"):
            await gateway.request("ping")
        assert gateway.process.stdin is not None
        gateway.process.stdin.write(rest)
    _was_cancelled(house)
    assert [entry["outcome"] for entry in house.journal("outcome")] == ["cancelled"]


CLIENT = """
import json, subprocess, sys, time
gateway = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(gateway.pid, flush=True)
initialize = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
for number, method, params in (
    (1, "initialize", initialize),
    (None, "notifications/initialized", {}),
    (2, "tools/call", {"name": "rec__hang", "arguments": {}}),
):
    message = {"jsonrpc": "2.0", "method": method, "params": params, **({"id": number} if number else {})}
    gateway.stdin.write(json.dumps(message).encode() + b"\\n")
    gateway.stdin.flush()
time.sleep(3600)
"""


async def test_a_client_that_is_killed_cancels_its_calls_and_leaves_no_process(house: House) -> None:
    """Both of its pipes break at once."""
    house.servers = {"rec": house.recorder("rec"), "clinging": clinging(house, "pids")}
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, *house.command("serve"), stdout=asyncio.subprocess.PIPE, cwd=house.folder
    )
    assert client.stdout is not None
    gateway = int(await client.stdout.readline())
    try:
        await _until_exists(house.folder / "pids")
        await until(lambda: "hang" in house.sent("rec"))
    finally:
        client.kill()
        await client.wait()
    await _until_gone([gateway, *_pids(house, "pids")])
    _was_cancelled(house)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
async def test_every_end_leaves_nothing_of_upstreams_that_ignore_it(house: House, how: signal.Signals | None) -> None:
    """While they start, while the handshake hangs, when idle, and with a call in flight; each has a child too."""

    async def starting(gateway: Gateway, own: House) -> None:
        await _until_exists(own.folder / "pids")

    async def shaking_hands(gateway: Gateway, own: House) -> None:
        await gateway.initialize()
        await _until_exists(own.folder / "pids")

    async def idle(gateway: Gateway, own: House) -> None:
        await gateway.initialize()
        assert (await gateway.request("tools/list"))["result"]["tools"]

    async def calling(gateway: Gateway, own: House) -> None:
        await idle(gateway, own)
        gateway.start("tools/call", {"name": "clinging__hang", "arguments": {}})
        await _until_exists(own.folder / "pids.called")

    async def end_in(name: str, reach: object, *more: str) -> float:
        own = House(house.folder / name)
        own.folder.mkdir()
        own.servers = {"clinging": clinging(own, "pids", *more), "rec": own.recorder("rec")}
        if name == "idle":
            own.servers.pop("rec")
        async with own.gateway(initialize=False) as gateway:
            await reach(gateway, own)  # type: ignore[operator]  # one of the above
            begun = time.monotonic()
            if how is None:
                assert gateway.process.stdin is not None
                gateway.process.stdin.close()
            else:
                gateway.process.send_signal(how)
            await asyncio.wait_for(gateway.process.wait(), BOUND)
            took = time.monotonic() - begun
            assert not [pid for pid in _pids(own, "pids") if alive(pid)], name
            assert gateway.process.returncode == 0, name
        assert "Traceback" not in gateway.stderr
        return took

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(end_in("starting", starting))
        tasks.create_task(end_in("deaf", shaking_hands, "deaf"))
        tasks.create_task(end_in("idle", idle))
        tasks.create_task(end_in("calling", calling))


async def test_a_second_signal_leaves_nothing_of_what_the_first_was_ending(house: House) -> None:
    """An impatient person presses Ctrl-C again, and service managers repeat themselves."""

    async def end_with(how: signal.Signals) -> None:
        own = House(house.folder / how.name)
        own.folder.mkdir()
        own.servers = {"clinging": clinging(own, "pids")}
        async with own.gateway() as gateway:
            assert (await gateway.request("tools/list"))["result"]["tools"]
            gateway.process.send_signal(how)
            await _until_exists(own.folder / "pids.left")
            for _ in range(3):
                gateway.process.send_signal(how)
            await asyncio.wait_for(gateway.process.wait(), BOUND)
            assert not [pid for pid in _pids(own, "pids") if alive(pid)]
            assert gateway.process.returncode == 0
        assert "Traceback" not in gateway.stderr

    async with asyncio.TaskGroup() as tasks:
        for how in (signal.SIGTERM, signal.SIGINT):
            tasks.create_task(end_with(how))
