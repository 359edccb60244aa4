"""A process that is called as a console, in a pseudo-terminal of its own."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rule_of_two.doctor import processes
from rule_of_two.doctor.processes import Process

PRETENDED = Path(__file__).with_name("pretended.py")


@contextmanager
def a_console(folder: Path, state: str | None = "x") -> Iterator[Process]:
    """A process that is called as a console and has a terminal of its own."""
    script = folder / "rule-of-two"
    shutil.copy(PRETENDED, script)
    master, slave = pty.openpty()
    command = [sys.executable, str(script), *(() if state is None else ("--state", state)), "console"]
    with subprocess.Popen(
        command, cwd=folder, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        try:
            assert b"ready" in os.read(master, 1000)
            found = processes.process(process.pid)
            assert found is not None
            yield found
        finally:
            process.kill()
            os.close(master)
