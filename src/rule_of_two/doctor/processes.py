"""The running consoles, as Linux tells of them, and the terminals that they run in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_OURS: Final = re.compile(r"(.*/)?rule[-_]of[-_]two")
_PTS_MAJORS: Final = range(136, 144)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, and the terminal that controls it: its device, 0 if it has none."""

    id: int
    terminal: int

    @property
    def terminal_path(self) -> Path | None:
        """Where the terminal can be opened; ``None`` if it has none that is known."""
        major, minor = os.major(self.terminal), os.minor(self.terminal)
        if major in _PTS_MAJORS:
            return Path(f"/dev/pts/{minor + (major - _PTS_MAJORS.start) * 256}")
        return Path(f"/dev/tty{minor}") if major == 4 and minor < 64 else None


def consoles() -> list[Process]:
    """Every process that runs `rule-of-two console`."""
    return [found for found, words in _processes() if is_console(words)]


def process(number: int) -> Process | None:
    """One process by its id; ``None`` if it is gone or is not ours to look at."""
    terminal = _terminal(number)
    return None if terminal is None else Process(number, terminal)


def _processes() -> Iterator[tuple[Process, list[str]]]:
    for folder in PROC.glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        found = process(int(folder.name))
        if found is not None and found.id != os.getpid():
            yield found, words


def is_console(words: list[str]) -> bool:
    """Whether it is our command with `console` behind it. Its name may be the script's or the module's."""
    ours = [
        place
        for place, word in enumerate(words[:4])
        if _OURS.fullmatch(word) or word.endswith("rule_of_two/__main__.py")
    ]
    return bool(ours) and "console" in words[ours[0] + 1 :]


def _terminal(number: int) -> int | None:
    try:
        text = (PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[4])
