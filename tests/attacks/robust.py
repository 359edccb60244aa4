"""Upstreams that fail, and what a process costs, as the operating system says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness import UPSTREAMS, House

PROC: Final = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def faulty(house: House, fault: str = "", name: str = "faulty") -> dict[str, Any]:
    """The block of an upstream that goes away."""
    return {
        "command": sys.executable,
        "args": [str(UPSTREAMS / "faulty.py"), str(house.folder / f"{name}.jsonl"), *([fault] if fault else [])],
        "manifest": str(UPSTREAMS / "faulty.yaml"),
    }


def flooding(house: House, kind: str) -> dict[str, Any]:
    """The block of an upstream that writes without end. Its only tool and its texts carry nothing but A."""
    manifest = house.folder / "flooding.yaml"
    manifest.write_text(
        "version: 1\nserver: flooding\nsource: a test\nmatch: {command: flooding.py}\n"
        "tools: {start: {labels: [A]}}\ntexts: [A]\n"
    )
    script, journal = str(UPSTREAMS / "flooding.py"), str(house.folder / "flooding.jsonl")
    return {"command": sys.executable, "args": [script, journal, kind], "manifest": str(manifest)}


def written(house: House) -> int:
    """How many lines the flooding upstream has written."""
    with contextlib.suppress(OSError, ValueError):
        return int((house.folder / "flooding.count").read_text())
    return 0


def clinging(house: House, name: str, *more: str) -> dict[str, Any]:
    """The block of an upstream that does not want to end. Its numbers stand in the file of that name."""
    manifest = house.folder / "clinging.yaml"
    manifest.write_text(
        "version: 1\nserver: clinging\nsource: a test\nmatch: {command: clinging.py}\ntools: {hang: {labels: []}}\n"
    )
    script, pids = str(UPSTREAMS / "clinging.py"), str(house.folder / name)
    return {"command": sys.executable, "args": [script, pids, *more], "manifest": str(manifest)}


def resident(pid: int) -> int:
    """The bytes of memory that a process occupies."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Look at something of another process's, which nothing of ours tells of."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # there is no event for it
            await asyncio.sleep(0.01)
