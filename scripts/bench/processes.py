"""The processes that a run starts: how much memory they take, and that none of them is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

_GRACE_SECONDS: Final = 5.0
"""How long a contender may take to end by itself after its stdin was closed; then it is killed."""
_PROC: Final = Path("/proc")


def resident_bytes(pid: int) -> int:
    """The resident set of one process; 0 when there is none."""
    if (_PROC / "self/statm").exists():
        with contextlib.suppress(OSError):
            return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0
    return int(_ps("-o", "rss=", "-p", str(pid)) or 0) * 1024


def end(process: subprocess.Popen[bytes]) -> None:
    """Close its pipes, wait a little, then kill it, its process group, and whatever it started that is still there.

    The process must lead a group of its own.
    """
    family = _descendants(process.pid)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # A server that reads its stdin ends by itself; nothing tells who is not its parent when, so it is asked for.
    deadline = time.monotonic() + _GRACE_SECONDS
    while (left := _still(family)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where only a corpse is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        lines = (_PROC / "cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    system = os.uname()
    return {
        "processors": f"{os.cpu_count()} × {names[0] if names else system.machine}",
        "system": f"{system.sysname} {system.release}",
    }


def _descendants(pid: int) -> dict[int, str]:
    """Every process below ``pid``, each with its start: a number alone may be given again."""
    alive = _alive()
    children: dict[int, list[int]] = {}
    for child, (parent, _) in alive.items():
        children.setdefault(parent, []).append(child)
    found: dict[int, str] = {}
    waiting = children.get(pid, [])
    while waiting:
        child = waiting.pop()
        found[child] = alive[child][1]
        waiting += children.get(child, [])
    return found


def _still(family: dict[int, str]) -> list[int]:
    alive = _alive()
    return [pid for pid, start in family.items() if alive.get(pid, (0, ""))[1] == start]


def _alive() -> dict[int, tuple[int, str]]:
    """The parent and the start of every process that is not a corpse."""
    if not (_PROC / "self/stat").exists():
        rows = [line.split(maxsplit=3) for line in _ps("-A", "-o", "pid=,ppid=,stat=,lstart=").splitlines()]
        return {int(pid): (int(parent), start) for pid, parent, state, start in rows if not state.startswith("Z")}
    found: dict[int, tuple[int, str]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it ended meanwhile
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    found[int(folder.name)] = (int(fields[1]), fields[19])
    return found


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout.strip()
