"""Results that wait for a person while their client is away: it repeats its request, and what waits is not read again.

They stand in memory alone, for as long as their question does. A gateway that ends forgets them, and then the request
is carried out anew.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals.canonical import canonical
from rule_of_two.approvals.question import bound_parameters
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.wire.frames import dump

MOST_HELD: Final = 16
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one session's pipeline. The oldest is given up for a newer one."""


class HeldResult(Struct, frozen=True):
    """One result, and the call that brought it."""

    call: Call
    flight: Flight
    reply: dict[str, Any]
    until: datetime
    size: int


class HeldResults:
    """What waits in one session's pipeline. ``life`` is how long a question lives."""

    def __init__(self, clock: Callable[[], datetime], life: timedelta) -> None:
        self._clock = clock
        self._life = life
        self._held: dict[str, HeldResult] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def put(self, call: Call, flight: Flight, reply: dict[str, Any]) -> None:
        """Keep a result until its call is repeated."""
        key = _key(call)
        if key is None:
            return
        self._held.pop(key, None)
        size, now = len(dump(reply)), self._clock()
        for old in [old for old, one in self._held.items() if one.until <= now]:
            del self._held[old]
        while self._held and (len(self._held) >= MOST_HELD or self._bytes + size > MOST_BYTES):
            del self._held[next(iter(self._held))]
        if size <= MOST_BYTES:
            self._held[key] = HeldResult(call, flight.landed(), reply, now + self._life, size)

    @property
    def _bytes(self) -> int:
        return sum(one.size for one in self._held.values())

    def take(self, call: Call, session: str) -> HeldResult | None:
        """The result that waits for the repetition of exactly this call, in the same session, if there is one.

        # INVARIANT: a result is handed over once, to a call that reaches the same by the same definition, and never to
        another session; tests/gateway/test_release.py.
        """
        if not self._held:
            return None
        key = _key(call)
        held = None if key is None else self._held.pop(key, None)
        if held is None or held.until <= self._clock():
            return None
        same = held.flight.decision.session == session and held.call.facts == call.facts
        return held if same else None


def _key(call: Call) -> str | None:
    """The same for every repetition of a call; ``None`` for one that has no canonical form."""
    facts = call.facts
    try:
        return canonical(
            [
                str(facts.action),
                facts.upstream,
                facts.name,
                call.pin,
                dict(call.arguments),
                bound_parameters(facts.action, call.forwarded, call.call_keys),
            ]
        )
    except (BadRequest, LimitExceeded):
        return None
