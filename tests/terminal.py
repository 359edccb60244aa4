"""A command of ours in a real pseudo-terminal, and its screen."""

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import pyte

SECONDS = 30
_CONTROLLED = (
    "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from rule_of_two.cli.main import main; main()"
)
"""The terminal must be the controlling one, so that Ctrl-C is a signal."""


@dataclass
class Terminal:
    """A running command and its screen. ``output`` is every byte that it wrote."""

    process: subprocess.Popen[bytes]
    master: int
    screen: pyte.HistoryScreen
    stream: pyte.ByteStream
    output: bytes = b""
    closed: bool = False
    arrived: anyio.Event = field(default_factory=anyio.Event)

    def text(self) -> str:
        """What is on the screen now."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, words: str) -> str:
        """The screen, once it shows ``words``."""
        return self.when(lambda text: words in text, repr(words))

    def when(self, condition: Callable[[str], bool], what: str) -> str:
        """The screen, once it is so."""
        deadline = time.monotonic() + SECONDS
        while not condition(self.text()):
            assert time.monotonic() < deadline, f"{what} never came:\n{self.text()}"
            assert self._read(0.5), f"it ended before {what} came:\n{self.text()}"
        return self.text()

    async def shows(self, words: str) -> str:
        """As :meth:`until`, in an event loop where :meth:`pump` runs. Line breaks within ``words`` do not matter."""
        return await self.comes(lambda text: words in text or words in flat(text), words)

    async def comes(self, condition: Callable[[str], bool], what: str) -> str:
        """As :meth:`when`, in an event loop where :meth:`pump` runs."""
        with anyio.move_on_after(SECONDS) as waiting:
            while not condition(self.text()):
                assert not self.closed, f"it ended before {what!r} came:\n{self.text()}"
                self.arrived = anyio.Event()
                await self.arrived.wait()
        assert not waiting.cancelled_caught, f"{what!r} never came:\n{self.text()}"
        return self.text()

    async def pump(self) -> None:
        """Take what is printed, as it comes, until nobody holds the terminal any more."""
        while not self.closed:
            await anyio.wait_readable(self.master)
            self.closed = not self._read(0)
            self.arrived.set()

    async def pressed(self, *keys: bytes, pause: float) -> None:
        """Press each key as a person does who reads for ``pause`` seconds before it."""
        for key in keys:
            await anyio.sleep(pause)
            self.press(key)

    def press(self, keys: bytes) -> None:
        """Press keys at once."""
        os.write(self.master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Change the terminal's size, with nothing left on it."""
        self.screen.resize(lines, columns)
        self.screen.reset()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))

    def rest(self, seconds: float) -> None:
        """Press nothing for a while: a key counts only for a question that could be read."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._read(left):
            pass

    def end(self) -> int:
        """Read on to the end; the exit code."""
        while self._read(SECONDS):
            pass
        return self.process.wait(SECONDS)

    async def ended(self) -> int:
        """As :meth:`end`, in an event loop where :meth:`pump` runs."""
        await self.comes(lambda _: self.closed, "the end")
        return await anyio.to_thread.run_sync(self.process.wait, SECONDS)

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


def flat(text: str) -> str:
    """A screen's text without its line breaks and bars."""
    return " ".join(text.replace("┊", " ").split())


@contextmanager
def terminal(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    size: tuple[int, int] = (80, 24),
    before: Sequence[str] = (),
) -> Iterator[Terminal]:
    """Start ``rule-of-two`` with ``arguments`` on a terminal of ``size`` (columns, lines), through the command
    ``before`` it."""
    columns, lines = size
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
    command = [*before, sys.executable, "-c", _CONTROLLED, *arguments]
    env = {**(os.environ if environment is None else environment), "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=env) as process:
        os.close(slave)
        screen = pyte.HistoryScreen(columns, lines, history=1000)
        try:
            yield Terminal(process, master, screen, pyte.ByteStream(screen))
        finally:
            process.kill()
            with suppress(OSError):
                os.close(master)
