"""How long to wait before the next attempt: longer after each failure, and never in step with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import SystemRandom
from typing import Final

PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds after the 1st, 2nd, 3rd, … failure in a row; the last one from then on."""

Random = Callable[[], float]
"""A number from 0 up to, but not including, 1."""

_RANDOM: Final[Random] = SystemRandom().random


class BackOff:
    """Counts failures in a row. Each pause is drawn from the upper half of its step, so that upstreams which fell
    together (one machine, one network) are not called again together."""

    def __init__(self, *, random: Random = _RANDOM, pauses: Sequence[float] = PAUSES) -> None:
        self.failures = 0
        self._random = random
        self._pauses = pauses

    def failed(self) -> float:
        """One more failure. Returns the seconds to wait now."""
        step = self._pauses[min(self.failures, len(self._pauses) - 1)]
        self.failures += 1
        return step * (1 + self._random()) / 2

    def succeeded(self) -> None:
        """Begin anew with the shortest pause."""
        self.failures = 0


def rare(count: int) -> bool:
    """Whether something that may come without end is worth a line: the 1st time, the 10th, the 100th, …"""
    return str(count).strip("0") == "1"
