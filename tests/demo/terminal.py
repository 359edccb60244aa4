"""`rule-of-two demo` in a real pseudo-terminal of 80 by 24, and what of it is left when it has ended."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyte

SECONDS = 60
FOOT = b"press a key"
_CONTROLLED = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from rule_of_two.cli.main import main; main()"
)
"""The terminal must be the controlling one, so that Ctrl-C is a signal."""


@dataclass
class Terminal:
    """A running demo and its screen."""

    process: subprocess.Popen[bytes]
    master: int
    screen: pyte.HistoryScreen
    stream: pyte.ByteStream
    output: bytes = b""
    turned: int = 0

    def text(self) -> str:
        """What is on the screen now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, words: str) -> str:
        """The screen, once it shows ``words``."""
        return self._when(lambda text: words in text, repr(words))

    def _when(self, condition: Callable[[str], bool], what: str) -> str:
        deadline = time.monotonic() + SECONDS
        while not condition(self.text()):
            assert time.monotonic() < deadline, f"{what} never came:\n{self.text()}"
            assert self._read(0.5), f"it ended before {what} came:\n{self.text()}"
        return self.text()

    def press(self, keys: bytes) -> None:
        """As a person does."""
        os.write(self.master, keys)

    def rest(self, seconds: float) -> None:
        """Press nothing for a while: a key counts only for a question that could be read."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._read(left):
            pass

    def turn_to(self, words: str) -> str:
        """Press a key at the foot of every page until one shows ``words``."""
        while True:
            self._when(lambda text: words in text or self._at_foot, f"{words!r}, or the foot of a page,")
            if words in self.text():
                return self.text()
            self.press(b" ")
            self.turned += 1

    def page(self, words: str) -> str:
        """The whole page that shows ``words``; pages before it are turned."""
        self.turn_to(words)
        return self._when(lambda _: self._at_foot, f"the foot of {words!r}")

    @property
    def _at_foot(self) -> bool:
        return self.output.count(FOOT) > self.turned

    def end(self) -> int:
        """Read on to the end; the exit code."""
        while self._read(SECONDS):
            pass
        return self.process.wait(SECONDS)

    def _read(self, seconds: float) -> bool:
        """Take what was printed, waiting a little for it. ``False``: nobody holds the terminal any more."""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the other side is closed: the end, on Linux
                return False
            self.output += data
            self.stream.feed(data)
            return bool(data)
        return True


@contextmanager
def terminal(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Start the demo with ``arguments``."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    command = [sys.executable, "-c", _CONTROLLED, "demo", *arguments]
    env = {**environment, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=env) as process:
        os.close(slave)
        screen = pyte.HistoryScreen(80, 24, history=1000)
        try:
            yield Terminal(process, master, screen, pyte.ByteStream(screen))
        finally:
            process.kill()
            os.close(master)


def left_behind(folder: Path) -> list[str]:
    """Processes that were started with ``folder`` as their temporary one and still run; only Linux tells."""
    mark = f"TMPDIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text(errors="replace"))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found
