"""A key that was unlocked in the console is not read from its memory by another process of the same user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rule_of_two.approvals.keys import ApproverKey
from tests.approvals.consoles import seat

pytestmark = [pytest.mark.terminal, pytest.mark.skipif(sys.platform != "linux", reason="prctl")]

PASSPHRASE = "correct horse battery"  # noqa: S105  # of a key that is made here
LESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""For root, which may read everything: the same user without privileges, as any other user is."""


def readable(process: int, what: str) -> bool:
    """Whether another process of the same user can read it."""
    command = [*LESS, sys.executable, "-c", f"open('/proc/{process}/{what}', 'rb').read(1)"]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.skipif(bool(LESS) and shutil.which("setpriv") is None, reason="root without setpriv")
async def test_memory_and_environment_of_a_console_with_a_key_are_closed(state: Path) -> None:
    path = state / "approver.key"
    ApproverKey.generate().save(path, PASSPHRASE, approver="alice")
    async with seat(state, "--key", str(path), before=LESS) as shown:
        await shown.shows("Passphrase of")
        shown.press(PASSPHRASE.encode() + b"\n")
        await shown.shows("signed by alice")
        for what in ("environ", "maps", "mem"):
            assert not readable(shown.process.pid, what), what
    async with seat(state, before=LESS) as shown:
        await shown.shows("unsigned, advisory")
        assert readable(shown.process.pid, "environ"), "so the reader above would have been able to"
