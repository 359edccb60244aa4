"""When a key counts: what it answers has been on screen for a while, and the clocks have not jumped. No I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

SETTLE_SECONDS: Final = 0.7
"""How long something must have been on screen, and the answer keys at rest, before one of them counts."""

JUMP: Final = timedelta(seconds=2)
"""How far the wall clock may move against the monotonic one, between two looks, before it has jumped."""


class Haste(Enum):
    """Why a key does not count."""

    EARLY = "This has only just appeared. Read it, then press the key again."
    JUMPED = "The clock has jumped, so times on screen were wrong. Read it again, then press the key again."


class Rest:
    """What is on screen, and since when. Times are monotonic seconds unless they are datetimes."""

    def __init__(self) -> None:
        self.showing = 0
        """Counts up whenever there is something else to read."""
        self._since: float | None = None
        self._behind: datetime | None = None

    def restart(self) -> None:
        """Something else is to be read: nothing counts until it was painted, and then for a while."""
        self.showing += 1
        self._since = None

    def painted(self, showing: int, at: float) -> None:
        """``showing`` is on screen at ``at``; the time of what already was goes on."""
        if showing == self.showing and self._since is None:
            self._since = at

    def jumped(self, at: float, now: datetime) -> bool:
        """Whether the clocks have moved against each other since the last look, as after a suspension."""
        behind = now - timedelta(seconds=at)
        last, self._behind = self._behind, behind
        return last is not None and abs(behind - last) > JUMP

    def haste(self, at: float, now: datetime) -> Haste | None:
        """Why a key that is pressed at ``at`` does not count yet; a held-down key never comes to rest."""
        if self.jumped(at, now):
            self.restart()
            return Haste.JUMPED
        if self._since is None or at - self._since < SETTLE_SECONDS:
            self._since = None if self._since is None else at
            return Haste.EARLY
        return None
