"""`rule-of-two demo` in a real pseudo-terminal of 80 by 24, and what of it is left when it has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import terminal as any_terminal
from tests.terminal import Terminal

FOOT = b"press a key"


@dataclass
class DemoTerminal(Terminal):
    """A running demo, whose pages a key turns."""

    turned: int = 0

    def turn_to(self, words: str) -> str:
        """Press a key at the foot of every page until one shows ``words``."""
        while True:
            self.when(lambda text: words in text or self._at_foot, f"{words!r}, or the foot of a page,")
            if words in self.text():
                return self.text()
            self.press(b" ")
            self.turned += 1

    def page(self, words: str) -> str:
        """The whole page that shows ``words``; pages before it are turned."""
        self.turn_to(words)
        return self.when(lambda _: self._at_foot, f"the foot of {words!r}")

    @property
    def _at_foot(self) -> bool:
        return self.output.count(FOOT) > self.turned


@contextmanager
def terminal(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[DemoTerminal]:
    """Start the demo with ``arguments``."""
    with any_terminal.terminal(["demo", *arguments], environment) as here:
        yield DemoTerminal(here.process, here.master, here.screen, here.stream)


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
