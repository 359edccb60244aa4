"""However a gateway ends, it leaves no process behind, and it says whether its session ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.harness import UPSTREAMS, House, outcome


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ended(house: House) -> list[str | None]:
    return [how for (how,) in house.sql("SELECT ended_how FROM sessions ORDER BY rowid")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
async def test_a_clean_end_takes_stubborn_upstreams_along(house: House, number: signal.Signals | None) -> None:
    stubborn = {
        "command": sys.executable,
        "args": [str(UPSTREAMS / "stubborn.py"), str(house.folder / "pid")],
        "manifest": str(UPSTREAMS / "recorder.yaml"),
    }
    house.servers = {"stubborn": stubborn, "rec": house.recorder("sent")}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_untrusted")) == ("allow", None)
        while not (house.folder / "pid").exists():
            await gateway.request("ping")
        pid = int((house.folder / "pid").read_text())
        assert _alive(pid)
        if number is not None:
            gateway.process.send_signal(number)
            await gateway.process.wait()
    assert not _alive(pid)
    assert _ended(house) == ["clean"]
    assert gateway.process.returncode == 0
    assert "Traceback" not in gateway.stderr


async def test_a_client_that_goes_away_in_mid_call_leaves_a_settled_session(house: House) -> None:
    async with house.gateway() as gateway:
        gateway.start("tools/call", {"name": "rec__hang", "arguments": {}})
        while "hang" not in house.sent():
            await gateway.request("ping")
    assert _ended(house) == ["clean"]
    assert house.sql("SELECT count(*) FROM reservations") == [(0,)]
    assert [entry["outcome"] for entry in house.journal("outcome")] == ["cancelled"]


async def test_a_killed_gateway_leaves_no_upstream_that_reads_its_input(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        children = _children(gateway.process.pid)
        assert children
        await gateway.kill()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            while _alive(pid):
                os.sched_yield()
