"""How risky a session looks by what it did of late: 0 to 100, the more the worse, in steps of ten."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

WINDOW: Final = 600.0
"""Seconds that are looked back on."""
MINUTE: Final = 60.0

DENIAL: Final = 10
"""Points of a call, or text, that policy denied."""
NO: Final = 20
"""Points of a person's no, or freeze."""
ERROR: Final = 5
"""Points of a call that an upstream answered with an error, or not at all."""
FREE_CALLS: Final = 20
"""Decisions in the last minute that cost nothing; each further one is a point."""

_MOST_SESSIONS: Final = 1000
_MOST_REMEMBERED: Final = 1000
_FAILURES: Final = frozenset(("error", "lost", "timeout"))
_REFUSALS: Final = frozenset(("no", "freeze"))


class _Past(Struct):
    points: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_MOST_REMEMBERED))
    decisions: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_REMEMBERED))
    risk: int = 0

    def reckon(self, now: float) -> None:
        """Forget what is long past, and say what is left."""
        while self.points and self.points[0][0] <= now - WINDOW:
            self.points.popleft()
        while self.decisions and self.decisions[0] <= now - MINUTE:
            self.decisions.popleft()
        total = sum(points for _, points in self.points) + max(0, len(self.decisions) - FREE_CALLS)
        self.risk = min(100, total) // 10 * 10


class Risk:
    """Of each session of one gateway process, by what its journal is told. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Past] = {}

    def of(self, session: str) -> int:
        """As of the last entry or tick."""
        past = self._sessions.get(session)
        return 0 if past is None else past.risk

    def heard(self, kind: str, session: str | None, body: Mapping[str, Any], now: float) -> None:
        """An entry of the journal."""
        if session is None:
            return
        points = _points(kind, body)
        if not points and kind != "decision":
            return
        past = self._sessions.pop(session, None) or _Past()
        self._sessions[session] = past
        if len(self._sessions) > _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        if points:
            past.points.append((now, points))
        if kind == "decision":
            past.decisions.append(now)
        past.reckon(now)

    def tick(self, now: float) -> None:
        """Time went by."""
        for past in self._sessions.values():
            past.reckon(now)


def _points(kind: str, body: Mapping[str, Any]) -> int:
    match kind:
        case "decision":
            return DENIAL if body.get("outcome") == "deny" else 0
        case "answer":
            return NO if body.get("answer") in _REFUSALS else 0
        case "outcome":
            return ERROR if body.get("outcome") in _FAILURES else 0
    return 0
