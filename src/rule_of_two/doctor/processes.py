"""The running consoles, as Linux tells of them, and the terminals that they run in."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

PROC: Final = Path("/proc")
_OURS: Final = re.compile(r"(.*/)?rule[-_]of[-_]two")
_PTS_MAJORS: Final = range(136, 144)


class Process(Struct, frozen=True):
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


def consoles(state: Path) -> list[Process]:
    """Every process that runs `rule-of-two console` for the gateways of ``state``, as far as this user can tell: one
    whose state folder it cannot see counts."""
    own = os.path.realpath(state)
    return [one for one, words in _processes() if is_console(words) and _state_of(one.id, words) in {None, own}]


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


def _state_of(number: int, words: list[str]) -> str | None:
    """The state folder of a console: its option's, else its environment's; ``None``: it cannot be told."""
    folder = PROC / str(number)
    given = [after for word, after in itertools.pairwise(words) if word == "--state"]
    given += [word.partition("=")[2] for word in words if word.startswith("--state=")]
    try:
        if not given:
            variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            given = [one.partition("=")[2] for one in variables if one.startswith("RULE_OF_TWO_STATE=")]
        return os.path.realpath((folder / "cwd").readlink() / given[-1]) if given else None
    except OSError:
        return None


def _terminal(number: int) -> int | None:
    try:
        text = (PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[4])
