"""What upstreams write on standard error, for the operator: each has its share, and drowns nobody out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from rule_of_two.escape import visible

LINES: Final = 500
CHARACTERS: Final = 256 * 1024
"""What is passed on of one upstream in one second."""


class ErrorLines:
    """The lines of one upstream. Those beyond its share are counted, and left out."""

    def __init__(self, name: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._say = say
        self._clock = clock
        self._second = clock()
        self._lines = 0
        self._characters = 0
        self._left_out = 0

    def take(self, line: str) -> None:
        """Pass a line on, if it still fits."""
        now = self._clock()
        if now - self._second >= 1:
            self._second, self._lines, self._characters = now, 0, 0
            if self._left_out:
                self._say(f"[{self._name}] {self._left_out} lines were left out here")
                self._left_out = 0
        self._lines += 1
        self._characters += len(line)
        if self._lines > LINES or self._characters > CHARACTERS:
            self._left_out += 1
        else:
            self._say(f"[{self._name}] {visible(line)}")
