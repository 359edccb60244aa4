"""A command of ours in a real pseudo-terminal, spoken to as a person does who answers what is asked."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS = 60
_CONTROLLED = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from rule_of_two.cli.main import main; main()"
)
"""The terminal must be the controlling one: passphrases are read from it."""


@dataclass
class Prompts:
    """A running command and everything that it wrote."""

    process: subprocess.Popen[bytes]
    master: int
    output: str = ""
    read: int = 0

    def answer(self, question: str, text: str) -> None:
        """Wait until ``question`` is asked, after all that was answered, and type ``text``."""
        deadline = time.monotonic() + SECONDS
        while question not in self.output[self.read :]:
            assert time.monotonic() < deadline, f"{question!r} never came:\n{self.output}"
            assert self._more(), f"it ended before {question!r} came:\n{self.output}"
        self.read = self.output.index(question, self.read) + len(question)
        os.write(self.master, f"{text}\n".encode())

    def end(self) -> int:
        """Read on to the end; the exit code."""
        while self._more():
            pass
        return self.process.wait(SECONDS)

    def _more(self) -> bool:
        if not select.select([self.master], [], [], SECONDS)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed: the end, on Linux
            return False
        self.output += data.decode(errors="replace")
        return bool(data)


@contextmanager
def prompts(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Prompts]:
    """Start ``rule-of-two`` with ``arguments``."""
    master, slave = pty.openpty()
    command = [sys.executable, "-c", _CONTROLLED, *arguments]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=dict(environment)
    ) as process:
        os.close(slave)
        try:
            yield Prompts(process, master)
        finally:
            process.kill()
            os.close(master)
