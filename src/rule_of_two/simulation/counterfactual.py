"""What would have had to be different for a call to come out otherwise: the fewest changes, each of them tried.

Nothing is guessed: a change counts only if the same policies, asked anew with it, say something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any, Final

from msgspec import Struct

from rule_of_two.audit.journal import targets_text
from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.errors import StoreError
from rule_of_two.escape import visible
from rule_of_two.model import EGRESS, ORDER, Facts, Label, Outcome, SessionView, Verdict
from rule_of_two.records import replace
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import Past, past_of
from rule_of_two.simulation.replay import as_recorded
from rule_of_two.store.journal import Entry, JournalStore

MOST: Final = 3
"""Changes at a time."""
_NAMED: Final = 3
"""Calls that are named of those that brought a label."""


class Change(Struct, frozen=True):
    """One thing that would have been otherwise: a label that the session ``holds`` or the call ``carries``, [C] that
    the session ``gave up``, that it was ``frozen``."""

    what: str
    label: Label | None = None
    now: bool = True
    """Whether it would be so; ``False``: it would not."""

    def of(self, facts: Facts, view: SessionView) -> tuple[Facts, SessionView]:
        """The call and the session with this change."""
        match self.what:
            case "holds" if self.label is not None:
                kept = {label: number for label, number in view.after.items() if label != self.label}
                return facts, replace(view, held=kept | ({self.label: 0} if self.now else {}), reserved={})
            case "carries" if self.label is not None:
                labels = facts.labels | {self.label} if self.now else facts.labels - {self.label}
                return replace(facts, labels=labels), view
            case "gave up":
                return facts, replace(view, dropped=self.now)
        return facts, replace(view, frozen=self.now)


class Way(Struct, frozen=True):
    """Changes that together make the outcome another one, none of them needless."""

    changes: tuple[Change, ...]
    verdict: Verdict


class Counterfactual(Struct, frozen=True):
    """``brought``: of each label that the session held, every call that brought it; ``same`` is false where the
    policies of today do not say of the recorded call what was decided then, so that the ways are not of that decision.
    """

    call: Recorded
    verdict: Verdict
    same: bool
    ways: tuple[Way, ...]
    brought: dict[Label, tuple[Entry, ...]]
    policies: str
    """Whose policies were asked: the version in force then, or today's."""

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "decision": f"d{self.call.number}",
            "outcome": self.call.outcome,
            "policies": self.policies,
            "same": self.same,
            "ways": [
                {
                    "outcome": way.verdict.outcome,
                    "policies": list(way.verdict.policies),
                    "changes": [
                        {
                            "what": one.what,
                            "label": one.label,
                            "now": one.now,
                            "calls": [f"d{entry.number}" for entry in self.brought.get(one.label, ())]
                            if one.what == "holds" and not one.now and one.label is not None
                            else [],
                        }
                        for one in way.changes
                    ],
                }
                for way in self.ways
            ],
        }

    def lines(self) -> list[str]:
        """For people; what others wrote is escaped."""
        call = self.call
        named = f"d{call.number} {visible(call.qualified)}"
        if not self.same:
            return [
                f"{named} was decided as {call.outcome}; {self.policies} say {self.verdict.outcome} of it.",
                "  So what would have changed the decision cannot be told from them.",
            ]
        if not self.ways:
            what = visible(", ".join(self.verdict.policies)) or "no policy that permits it"
            return [
                f"{named}: {call.outcome}, whatever the session held and whatever labels the call carried ({what}).",
                "  What the call is decides: its target, its arguments, on whose behalf, or when.",
            ]
        lines = [f"{named} was {_PAST[call.outcome]}; {self.policies}, asked again, say otherwise if"]
        for place, way in enumerate(self.ways):
            told = ", and ".join(self._told(one) for one in _together(way.changes))
            lines.append(f"  {'or ' if place else ''}{told}: {_SAYS[way.verdict.outcome]}")
        if self.verdict.outcome is Outcome.ASK:
            who = "a person" if self.verdict.approvals == 1 else f"{self.verdict.approvals} people"
            lines.append(f"  or {who} said yes to exactly this call: allow")
        return lines

    def _told(self, changes: Sequence[Change]) -> str:
        """Changes of one kind, in words."""
        first, labels = changes[0], " and ".join(f"[{one.label}]" for one in changes)
        match first.what:
            case "holds" if first.now:
                return f"the session had held {labels}"
            case "holds":
                each = [f"[{one.label}]{_without(self.brought.get(one.label or 'A', ()))}" for one in changes]
                return f"the session had not held {' and '.join(each)}"
            case "carries":
                return f"the call had carried {'' if first.now else 'no '}{labels}"
            case "gave up":
                return f"[C] had {'' if first.now else 'not '}been given up before"
        return f"the session had {'' if first.now else 'not '}been frozen"


def _together(changes: Sequence[Change]) -> list[list[Change]]:
    """Those of one kind side by side."""
    kinds: dict[tuple[str, bool], list[Change]] = {}
    for one in changes:
        kinds.setdefault((one.what, one.now), []).append(one)
    return list(kinds.values())


_PAST: Final = {Outcome.ALLOW: "allowed", Outcome.ASK: "asked", Outcome.DENY: "denied"}
_SAYS: Final = {Outcome.ALLOW: "allow", Outcome.ASK: "ask", Outcome.DENY: "deny"}


def _without(calls: Sequence[Entry]) -> str:
    if not calls:
        return " (declared before the first call)"
    names = [
        f"d{entry.number} {visible(entry.body.get('upstream', '?'))}__{visible(entry.body.get('name', '?'))}"
        + (f" ({where})" if (where := visible(targets_text(entry.body))) else "")
        for entry in calls[:_NAMED]
    ]
    more = f" and {len(calls) - _NAMED} more" if len(calls) > _NAMED else ""
    return f" (without {', '.join(names)}{more})"


def counterfactual(store: JournalStore, entry: Entry, judge: Judge, *, policies: str) -> Counterfactual:
    """What would have changed a decision, by the policies of ``judge``; ``policies`` says whose these are.

    :raises StoreError: the journal cannot be read.
    """
    past = past_of(entry, frozenset())
    if past is None:
        raise StoreError(f"entry {entry.number} of the journal cannot be read: `rule-of-two audit verify` looks at all")
    call = past.call
    view = SessionView(call.session, dict(call.before), {}, call.dropped, past.frozen)
    facts = as_recorded(past).facts
    verdict = _decide(judge, past, facts, view)
    same = verdict.outcome is past.was and set(verdict.policies) >= set(call.policies)
    ways = tuple(_ways(judge, past, facts, view, verdict.outcome)) if same else ()
    return Counterfactual(call, verdict, same, ways, _brought(store, call), policies)


def _decide(judge: Judge, past: Past, facts: Facts, view: SessionView) -> Verdict:
    known = judge.counted(past, facts, [view])
    gates = (False, True) if past.call.arrives else (False,)
    verdicts = [judge.decide(past, known, view, releases=gate) for gate in gates]
    return max(verdicts, key=lambda one: one.outcome.strictness)


def _ways(judge: Judge, past: Past, facts: Facts, view: SessionView, outcome: Outcome) -> Iterator[Way]:
    """Every minimal set of changes after which the outcome is an allow; of an allow, no allow any more."""
    found: list[frozenset[Change]] = []
    for size in range(1, MOST + 1):
        for changes in combinations(tuple(_changes(facts, view, outcome)), size):
            if any(one <= frozenset(changes) for one in found):
                continue
            other_facts, other_view = facts, view
            for change in changes:
                other_facts, other_view = change.of(other_facts, other_view)
            verdict = _decide(judge, past, other_facts, other_view)
            if (verdict.outcome is Outcome.ALLOW) is not (outcome is Outcome.ALLOW):
                found.append(frozenset(changes))
                yield Way(changes, verdict)


def _changes(facts: Facts, view: SessionView, outcome: Outcome) -> Iterable[Change]:
    """What can be otherwise: less of what stops a call, more of what would stop one."""
    stopped = outcome is not Outcome.ALLOW
    for label in ORDER:
        if (label in view.after) is stopped:
            yield Change("holds", label, now=not stopped)
        if (label in facts.labels) is stopped:
            yield Change("carries", label, now=not stopped)
    if stopped:
        # Giving up C lets reads through, and stops acts.
        if view.dropped or not facts.labels & EGRESS:
            yield Change("gave up", now=not view.dropped)
        if view.frozen:
            yield Change("frozen", now=False)


def _brought(store: JournalStore, call: Recorded) -> dict[Label, tuple[Entry, ...]]:
    """Of every label that was held, all calls of the session that passed and carried it before this one."""
    found: dict[Label, list[Entry]] = {label: [] for label in call.before}
    for entry in store.of_session(call.session):
        if entry.number >= call.number:
            break
        other = recorded(entry)
        if other is not None and other.passed:
            for label in other.labels & found.keys():
                found[label].append(entry)
    return {label: tuple(entries) for label, entries in found.items()}
