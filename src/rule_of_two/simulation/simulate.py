"""What would have been otherwise: calls whose outcome changes, and questions that come or do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.model import Outcome
from rule_of_two.simulation.recording import Past, Recording, confirmed, past_of
from rule_of_two.simulation.replay import Doubt, Replay, Replayed

MOST_CHANGES: Final = 1000
"""Changed calls that are kept one by one, of each direction; what does not fit is counted."""


class Change(Struct, frozen=True):
    """A call whose outcome changes."""

    recording: str
    replayed: Replayed

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        call, verdict = self.replayed.past.call, self.replayed.verdict
        return {
            "recording": self.recording,
            "decision": f"d{call.number}",
            "at": call.at.isoformat() if call.at else None,
            "session": call.session,
            "action": call.action,
            "call": call.qualified,
            "of_what_came_back": call.arrives,
            "labels": sorted(call.labels),
            "targets": [one.value for one in call.targets],
            "was": self.replayed.past.was,
            "was_by": list(call.policies),
            "would_be": verdict.outcome,
            "by": list(verdict.policies),
            "messages": list(verdict.messages),
            "errors": list(verdict.errors),
            "direction": "looser" if self.replayed.looser else "stricter",
            "follows": self.replayed.follows,
            "ran": self.replayed.past.ran,
            "would_run": self.replayed.runs,
            "certain": self.replayed.certain,
            "doubts": sorted(self.replayed.doubts),
        }


class Simulation(Struct):
    """The whole of it. ``days``: on which anything was decided."""

    sessions: set[tuple[str, str]] = field(default_factory=set)
    days: set[date] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    calls: int = 0
    looser: int = 0
    stricter: int = 0
    following: dict[str, int] = field(default_factory=lambda: {"looser": 0, "stricter": 0})
    """Of both: those that change only since an earlier call does."""
    changes: list[Change] = field(default_factory=list)
    """At most :data:`MOST_CHANGES` of each direction, in order."""
    asked: int = 0
    """Questions then; what a standing yes covered is none."""
    would_ask: int = 0
    denied: int = 0
    would_deny: int = 0
    uncertain: int = 0
    """Calls of which it is not certain what these policies would have said."""
    doubts: Counter[Doubt] = field(default_factory=Counter)
    """Of these: how many for each reason; one call can have several."""
    fixed: int = 0
    """What no policy decided, so that no other policy changes it."""
    unreadable: int = 0
    undecided: int = 0
    """Calls that the other policies fail to decide, and so deny."""

    @property
    def questions_a_day(self) -> float:
        """How many more questions came on each day; below 0: fewer."""
        return (self.would_ask - self.asked) / max(len(self.days), 1)

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "sessions": len(self.sessions),
            "days": len(self.days),
            "policy_versions": len(self.versions),
            "calls": self.calls,
            "looser": self.looser,
            "stricter": self.stricter,
            "following": self.following,
            "asked": self.asked,
            "would_ask": self.would_ask,
            "questions_a_day": round(self.questions_a_day, 2),
            "denied": self.denied,
            "would_deny": self.would_deny,
            "uncertain": self.uncertain,
            "undecided": self.undecided,
            "arguments_not_kept": self.doubts[Doubt.ARGUMENTS],
            "environment_not_recorded": self.doubts[Doubt.ENVIRONMENT],
            "risk_of_then": self.doubts[Doubt.RISK],
            "items_not_kept": self.doubts[Doubt.DOCUMENTS],
            "not_policys": self.fixed,
            "unreadable": self.unreadable,
            "changes": [change.as_facts() for change in self.changes],
        }


def simulate(
    recordings: Iterable[Recording],
    replay: Callable[[], Replay],
    *,
    since: datetime | None = None,
    session: str | None = None,
) -> Simulation:
    """Replay each recording by itself, from ``since`` on, or one session of it. What stood before stays.

    :raises StoreError: the journal cannot be read.
    :raises ConfigurationError: a recording cannot be read.
    """
    found = Simulation()
    for recording in recordings:
        answered = confirmed(recording.entries())
        one = replay()
        for entry in recording.entries():
            past = None if entry is None else past_of(entry, answered)
            if past is None:
                found.unreadable += 1
            elif past.call.again:
                one.repeat(past.call)
            elif _counts(past, since, session):
                if past.policys:
                    _count(found, recording, past, one.step(past))
                else:
                    found.fixed += 1
    return found


def _counts(past: Past, since: datetime | None, session: str | None) -> bool:
    early = since is not None and past.call.at is not None and past.call.at < since
    return not early and session in (None, past.call.session)


def _count(found: Simulation, recording: Recording, past: Past, replayed: Replayed | None) -> None:
    found.calls += not past.call.arrives
    found.sessions.add((recording.name, past.call.session))
    found.versions.add(past.version)
    if past.call.at is not None:
        found.days.add(past.call.at.date())
    would = None if replayed is None else replayed.verdict.outcome
    if not past.call.unasked:
        found.asked += past.was is Outcome.ASK and not past.standing
        found.would_ask += would is Outcome.ASK and not past.standing
    found.denied += past.was is Outcome.DENY
    found.would_deny += would is Outcome.DENY
    if replayed is None:
        return
    found.uncertain += not replayed.certain
    found.doubts.update(replayed.doubts)
    found.undecided += bool(replayed.verdict.errors)
    found.looser += replayed.looser
    found.stricter += replayed.stricter
    found.following["looser"] += replayed.looser and replayed.follows
    found.following["stricter"] += replayed.stricter and replayed.follows
    if replayed.looser or replayed.stricter:
        same = found.looser if replayed.looser else found.stricter
        if same <= MOST_CHANGES:
            found.changes.append(Change(recording.name, replayed))
