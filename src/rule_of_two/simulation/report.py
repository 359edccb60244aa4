"""A simulation and attacks, in sentences for people, and the one question of a pipeline: is anything looser?

Names, targets and messages come from models, servers and journals: all are escaped, and none begins a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from rule_of_two.escape import visible
from rule_of_two.model import Outcome, Verdict, label_text
from rule_of_two.simulation.corpus import Attacked, Result
from rule_of_two.simulation.replay import Doubt
from rule_of_two.simulation.simulate import MOST_CHANGES, Change, Simulation
from rule_of_two.wording import counted

FailOn = Literal["looser", "stricter", "any"]
_RANKS: Final = (Result.PASSES, Result.ASKED, Result.STOPPED)
_SHOWN: Final = 50
"""Changes of each direction that people are shown; scripts get more."""
_DOUBTS: Final = {
    Doubt.ARGUMENTS: (
        "Judged by the worst that the manifest allows, as the journal does not keep the arguments (marked with ~)"
    ),
    Doubt.ENVIRONMENT: (
        "These policies read what context providers know, and not all of that is recorded; what is not counts as not "
        "known (marked with ~)"
    ),
    Doubt.DOCUMENTS: (
        "Judged by what the journal keeps of the items of results: labels, authors and ids (marked with ~)"
    ),
    Doubt.RISK: "Judged by the risk of then, though calls shortly before come out otherwise (marked with ~)",
}
_VALUES: Final = 3
_LONGEST: Final = 200
"""Characters of one name."""


class Compared(Struct, frozen=True):
    """An attack under today's policies and under the others."""

    now: Attacked
    then: Attacked

    @property
    def looser(self) -> bool:
        """Whether less stands in its way under the others."""
        return _RANKS.index(self.then.result) < _RANKS.index(self.now.result)

    @property
    def stricter(self) -> bool:
        """Whether more stands in its way under the others."""
        return _RANKS.index(self.then.result) > _RANKS.index(self.now.result)

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        direction = "looser" if self.looser else "stricter" if self.stricter else None
        return {**self.then.as_facts(), "today": self.now.result, "direction": direction}


def compared(now: Sequence[Attacked], then: Sequence[Attacked]) -> list[Compared]:
    """The same attacks, under both."""
    return [Compared(one, other) for one, other in zip(now, then, strict=True)]


def fails(fail_on: FailOn | None, found: Simulation | None, attacks: Sequence[Compared]) -> bool:
    """Whether the answer is no. A call that changes only since an earlier one does is no reason: that one is."""
    looser = bool(found and found.looser > found.following["looser"]) or any(one.looser for one in attacks)
    stricter = bool(found and found.stricter > found.following["stricter"]) or any(one.stricter for one in attacks)
    return (looser and fail_on in {"looser", "any"}) or (stricter and fail_on in {"stricter", "any"})


def simulation_lines(found: Simulation) -> Iterator[str]:
    """What would have been otherwise."""
    days = f" on {counted(len(found.days), 'day')}" if found.days else ""
    yield f"{counted(found.calls, 'call')} in {counted(len(found.sessions), 'session')}{days}."
    if len(found.versions) > 1:
        yield f"They were decided by {len(found.versions)} versions of policies."
    yield f"{found.looser} would be looser, {found.stricter} stricter."
    rate = found.questions_a_day
    changed = f"{abs(rate):.1f} {'more' if rate > 0 else 'fewer'} a day" if rate else "as many a day"
    yield f"Questions: {found.asked} then, {found.would_ask} with these, {changed}."
    yield f"Denials: {found.denied} then, {found.would_deny} with these."
    for direction in ("looser", "stricter"):
        changes = [one for one in found.changes if getattr(one.replayed, direction)]
        if changes:
            yield ""
            yield f"{direction.capitalize()}:"
            yield from (f"  {_change(one)}" for one in changes[:_SHOWN])
            rest = getattr(found, direction) - len(changes[:_SHOWN])
            if rest:
                yield f"  and {counted(rest, 'call')} more; --json lists up to {MOST_CHANGES:,}."
    yield from _limits(found)


def _limits(found: Simulation) -> Iterator[str]:
    lines = [f"{text}: {counted(count, 'call')}." for count, text in _told(found) if count]
    if found.unreadable:
        lines.append(f"Not readable, and counted as nothing: {counted(found.unreadable, 'entry')}.")
    if lines:
        yield ""
        yield from lines


def _told(found: Simulation) -> Iterator[tuple[int, str]]:
    yield from ((found.doubts[doubt], text) for doubt, text in _DOUBTS.items())
    yield found.undecided, "Not decided under these policies, and so denied"
    yield found.fixed, "No policy's to decide, and so as before"


def _change(change: Change) -> str:
    replayed = change.replayed
    call = replayed.past.call
    shown = [_short(one.value or "(unreadable)") for one in call.targets[:_VALUES]]
    more = f" and {len(call.targets) - _VALUES} more" if len(call.targets) > _VALUES else ""
    reached = f" to {', '.join(shown)}{more}" if shown else ""
    mark = "" if replayed.certain else "~"
    where = f"{_short(change.recording)}:" if change.recording else ""
    follows = " (since an earlier call changes)" if replayed.follows else ""
    what = "what came back of " if call.arrives else ""
    return (
        f"{mark}{where}d{call.number} {what}{_short(call.qualified)} {label_text(call.labels)}{reached}: "
        f"{replayed.past.was} -> {replayed.verdict.outcome}{follows}{_by(replayed.verdict)}"
    )


def attack_lines(attacks: Sequence[Compared], *, all_of_them: bool) -> Iterator[str]:
    """Of each attack what becomes of it, or of those only that change."""
    counts = [sum(one.then.result is result for one in attacks) for result in Result]
    stopped, asked, passes = counts
    yield f"{counted(len(attacks), 'attack')}: {stopped} stopped, {asked} asked about, {passes} would pass."
    for one in attacks:
        changed = one.looser or one.stricter
        if all_of_them or changed:
            attack, then = one.then.attack, one.then
            was = f" (today: {one.now.result})" if changed else ""
            yield f"  {then.result:8}{was} {attack.id}: {visible(attack.title)}"
            at = f"step {then.step} of {len(attack.steps)}, {attack.steps[then.step - 1].what}"
            yield f"           {visible(at)}{_by(then.verdict)}"
            if attack.source:
                yield f"           {visible(attack.source)}"


def _by(verdict: Verdict) -> str:
    if verdict.errors:
        return f" ({_short(verdict.errors[0])})"
    said = f": {verdict.messages[0]}" if verdict.messages and verdict.outcome is not Outcome.ALLOW else ""
    return f" by {', '.join(verdict.policies)}{_short(said)}" if verdict.policies else ""


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
