"""What our own commands could do for an agent that runs them, and attempts with those that could approve or loosen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from rule_of_two.doctor.account import PYTHON, own_environment
from rule_of_two.doctor.brief import Brief
from rule_of_two.doctor.finding import Area, Finding, Result

_SECONDS: Final = 60.0


if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")


class Power(StrEnum):
    """What a command could do for an agent that runs it."""

    NONE = "none"
    """It shows facts, or starts something of the agent's own that decides nothing for others."""
    TRIED = "tried"
    """It could approve or loosen, so it is run against the probe (:func:`attempts`)."""
    STATE = "state"
    """It writes the state and approves nothing; whether it could is tried with the state itself."""
    CONFIGURATION = "configuration"
    """It writes the configuration; whether it could is tried with the file itself."""


POWERS: Final[Mapping[str, Power]] = {
    "audit bundle": Power.NONE,
    "audit export": Power.NONE,
    "audit prune": Power.STATE,
    "audit tail": Power.NONE,
    "audit verify": Power.NONE,
    "completion": Power.NONE,
    "console": Power.TRIED,
    "demo": Power.NONE,
    "doctor": Power.NONE,
    "init": Power.CONFIGURATION,
    "install": Power.CONFIGURATION,
    "ledger endorse": Power.STATE,  # what it says counts by the same keys as `session new`, which is tried
    "ledger list": Power.NONE,
    "ledger show": Power.NONE,
    "manifest diff": Power.NONE,
    "manifest draft": Power.CONFIGURATION,  # a new file, and worst case but for what a person took off in a terminal
    "manifest lint": Power.NONE,
    "manifest list": Power.NONE,
    "manifest pin": Power.STATE,
    "manifest show": Power.NONE,
    "policy check": Power.CONFIGURATION,
    "policy diff": Power.NONE,
    "policy history": Power.NONE,
    "policy rollback": Power.CONFIGURATION,
    "policy sign": Power.CONFIGURATION,
    "policy simulate": Power.NONE,
    "policy test": Power.NONE,
    "policy verify": Power.NONE,
    "serve": Power.NONE,
    "session drop": Power.TRIED,
    "session freeze": Power.TRIED,
    "session list": Power.NONE,
    "session new": Power.TRIED,
    "session report": Power.NONE,
    "session show": Power.NONE,
    "token list": Power.NONE,
    "token new": Power.STATE,
    "token revoke": Power.STATE,
    "trace": Power.NONE,
    "uninstall": Power.CONFIGURATION,
    "why": Power.NONE,
    "wrap": Power.NONE,
}
"""Every command; a new one has to be put here before the tests pass."""

_ENROL: Final = "make an approver's key with `rule-of-two init`: then only signed commands count"


_NOT_OURS: Final = "this user cannot run it; a copy of it could use the socket and write rows, which is tried by itself"


def attempts(brief: Brief) -> tuple[Finding, ...]:
    """Run every command that is to be tried. The order matters: a session that was dropped or frozen can be renewed."""
    _, second, third, _ = brief.probe.sessions
    ours = ("--config", brief.config) if os.path.exists(brief.config) else ()  # noqa: PTH110  # Path.exists raises where a folder is closed
    return (
        _tried("console", (*ours, "console"), brief, Area.APPROVE),
        _tried("session drop", (*ours, "session", "drop", "--unsigned", second), brief, Area.GAP),
        _tried("session freeze", (*ours, "session", "freeze", "--unsigned", second), brief, Area.GAP),
        _tried("session new", (*ours, "session", "new", "--yes", "--unsigned", second), brief, Area.APPROVE),
        _with_own_configuration(third, brief),
    )


OWN_CONFIGURATION: Final = "run `session new` with a configuration of one's own"


def _with_own_configuration(session: str, brief: Brief) -> Finding:
    """Whoever runs the command chooses the configuration that says who may."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "own.yaml")
        own = {"version": 1, "mcpServers": {}, "principal": {"tenant": brief.tenant}}
        file.write_text(json.dumps(own), encoding="utf-8")
        arguments = ("--config", str(file), "session", "new", "--yes", "--unsigned", session)
        return _run(OWN_CONFIGURATION, arguments, brief, Area.APPROVE)


def _tried(command: str, arguments: tuple[str, ...], brief: Brief, area: Area) -> Finding:
    where = " without a terminal" if command == "console" else ", unsigned"
    return _run(f"run `{command}`{where}", arguments, brief, area)


def _run(attempt: str, arguments: tuple[str, ...], brief: Brief, area: Area) -> Finding:
    command = [*PYTHON, "rule_of_two", "--state", brief.probe.folder, *arguments]
    try:
        done = subprocess.run(  # noqa: S603  # our own commands
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=own_environment(),
        )
    except PermissionError:
        return Finding(attempt=attempt, area=area, result=Result.FAILED, evidence=_NOT_OURS)
    except (OSError, subprocess.TimeoutExpired):
        return Finding(attempt=attempt, area=area, result=Result.UNTRIED, evidence="the command did not run to its end")
    if done.returncode == 0:
        close = _ENROL if area is Area.APPROVE else ""
        return Finding(attempt=attempt, area=area, result=Result.SUCCEEDED, evidence="it was carried out", close=close)
    if done.returncode not in {1, 2} or b"Traceback (most recent call last)" in done.stderr:
        return Finding(attempt=attempt, area=area, result=Result.UNTRIED, evidence="the command broke off")
    return Finding(attempt=attempt, area=area, result=Result.FAILED, evidence=_last_line(done.stderr))


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("rule-of-two: ").removeprefix("Error: ") if lines else "it was refused"
