"""Attempts to get into a running console: its memory, its terminal, and the multiplexer that it runs in.

Nothing is typed and nothing is written. Where no console runs, a process of the gateway's user stands in for one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rule_of_two.doctor.brief import APART, Brief
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.doctor.processes import PROC, Process, process
from rule_of_two.doctor.typing_into import can_type

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

_SECONDS: Final = 10.0
_NO_TMUX: Final = "run the console outside of tmux, or as another user than the agent"


def attempts(brief: Brief) -> tuple[Finding, ...]:
    """Try every console that runs; without one, the stand-in."""
    if not PROC.joinpath("self", "stat").exists():
        evidence = "this system does not tell which processes run (/proc)"
        return (
            Finding(
                attempt="get into a console", area=Area.REACH, result=Result.UNTRIED, evidence=evidence, close=APART
            ),
        )
    running = [process(number) or Process(number, 0) for number in brief.consoles]
    if not running:
        note = "no console runs; tried with another process of the gateway's user: "
        return (memory([Process(brief.probe.process, 0)], Area.REACH, note=note),)
    return (memory(running, Area.APPROVE), terminal(running), multiplexer(running, tmux_sockets()))


def memory(running: Sequence[Process], area: Area, *, note: str = "") -> Finding:
    """Open the memory in which an unlocked key lies."""
    attempt, why = "read a console's memory", ""
    for one in running:
        try:
            os.close(os.open(PROC / str(one.id) / "mem", os.O_RDONLY))
        except OSError as error:
            why = f"the memory of process {one.id} cannot be opened: {error.strerror}"
        else:
            evidence = f"{note}the memory of process {one.id} can be read, and with it an unlocked key"
            return Finding(attempt=attempt, area=area, result=Result.SUCCEEDED, evidence=evidence, close=APART)
    return Finding(attempt=attempt, area=area, result=Result.FAILED, evidence=f"{note}{why}")


def terminal(running: Sequence[Process]) -> Finding:
    """Type into the console's terminal. Where it can only be written to, the screen can be false."""
    attempt = "type into a console's terminal"
    own = process(os.getpid())
    for one in running:
        shared = own is not None and own.terminal == one.terminal != 0
        if can_type(one.terminal_path, shared=shared):
            return Finding(
                attempt=attempt,
                area=Area.APPROVE,
                result=Result.SUCCEEDED,
                evidence=f"the terminal of process {one.id} takes keys from this process (TIOCSTI)",
                close="set the sysctl dev.tty.legacy_tiocsti to 0, and open the console in a terminal of its own",
            )
    writable = next((one for one in running if _can_write(one.terminal_path)), None)
    if writable is None:
        evidence = "no console's terminal can be opened"
        return Finding(attempt=attempt, area=Area.APPROVE, result=Result.FAILED, evidence=evidence)
    evidence = f"the terminal of process {writable.id} can be written to, which shows a false screen, but takes no keys"
    return Finding(attempt=attempt, area=Area.REACH, result=Result.SUCCEEDED, evidence=evidence, close=APART)


def multiplexer(running: Sequence[Process], sockets: Sequence[Path]) -> Finding:
    """Find a tmux server that has the console in one of its panes: it sends keys for whoever may use its socket."""
    attempt = "send keys to a console through tmux"
    terminals = {str(one.terminal_path) for one in running if one.terminal_path is not None}
    reached = 0
    for socket in sockets:
        panes = _panes(socket)
        reached += panes is not None
        if terminals & (panes or set()):
            evidence = f"the tmux server of {socket} has a console in a pane, and takes keys from this process"
            return Finding(
                attempt=attempt, area=Area.APPROVE, result=Result.SUCCEEDED, evidence=evidence, close=_NO_TMUX
            )
    evidence = f"{reached} tmux servers can be reached, and none has a console in a pane"
    return Finding(attempt=attempt, area=Area.APPROVE, result=Result.FAILED, evidence=evidence)


def tmux_sockets() -> list[Path]:
    """The sockets of tmux servers, of whatever user, where tmux puts them."""
    folders = {Path(os.environ.get("TMUX_TMPDIR") or "/tmp"), Path("/tmp")}  # noqa: S108  # where tmux puts them
    found = [socket for folder in folders for socket in folder.glob("tmux-*/*")]
    own = os.environ.get("TMUX", "").partition(",")[0]
    return [*found, *([Path(own)] if own and Path(own) not in found else [])]


def _panes(socket: Path) -> set[str] | None:
    """The terminals of a server's panes; ``None``: it is not ours to use."""
    program = shutil.which("tmux")
    if program is None:
        return None
    command = [program, "-S", str(socket), "list-panes", "-a", "-F", "#{pane_tty}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return set(done.stdout.decode(errors="replace").split()) if done.returncode == 0 else None


def _can_write(path: Path | None) -> bool:
    if path is None:
        return False
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
