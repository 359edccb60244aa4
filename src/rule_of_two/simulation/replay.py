"""Replays what was recorded under other policies, carrying each session forward as these would have had it.

What a session held when a call was decided is taken from the recording, less what calls brought that would not have
run, and with what calls would have brought that did not run then. A call that is asked about runs where the recording
says that it ran after a person's yes (or that observe mode let it pass); else nobody answered, and it does not run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, get_args

from rule_of_two.audit.recorded import Reached, Recorded
from rule_of_two.model import EGRESS, Action, Facts, Label, Labels, Outcome, SessionView, Target, TargetKind, Verdict
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import Past

STRICTNESS: Final = (Outcome.ALLOW, Outcome.ASK, Outcome.DENY)
_KINDS: Final = frozenset(get_args(TargetKind))
_ACTIONS: Final = frozenset(Action)
UNREAD: Final = Target("host", None, "", exact=False)
"""A target of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A call's facts. ``certain`` is false where they depend on arguments that the journal does not keep."""

    facts: Facts
    certain: bool = True


Relabel = Callable[[Past], Relabelled]
"""The facts of a recorded call."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A call with what the other policies say of it. ``runs``: it would have been carried out."""

    past: Past
    verdict: Verdict
    runs: bool
    certain: bool

    @property
    def looser(self) -> bool:
        """Whether less stands in its way than then."""
        return STRICTNESS.index(self.verdict.outcome) < STRICTNESS.index(self.past.was)

    @property
    def stricter(self) -> bool:
        """Whether more stands in its way than then."""
        return STRICTNESS.index(self.verdict.outcome) > STRICTNESS.index(self.past.was)


@dataclass(slots=True)
class _Session:
    """What the replay makes of a session: the first running call of each label, and what came that did not then."""

    supported: dict[Label, int] = field(default_factory=dict)
    extra: dict[Label, int] = field(default_factory=dict)


class Replay:
    """Goes through the calls of one recording in order. ``all_yes``: each question counts as answered yes."""

    def __init__(self, judge: Judge, relabel: Relabel, *, all_yes: bool = False) -> None:
        self._judge = judge
        self._relabel = relabel
        self._all_yes = all_yes
        self._sessions: dict[str, _Session] = {}
        self._lost: set[tuple[int, Label]] = set()
        """What calls brought then, and would not."""

    def step(self, past: Past) -> Replayed:
        """Decide the next call. Never raises for anything that a recording says."""
        call = past.call
        session = self._sessions.setdefault(call.session, _Session())
        found = self._relabel(past)
        verdict = self._decide(past, found.facts, session)
        runs = self._runs(past, verdict)
        self._carry(call, session, labels=self._judge.labels(found.facts), ran=past.ran, runs=runs)
        return Replayed(past, verdict, runs, found.certain)

    def _runs(self, past: Past, verdict: Verdict) -> bool:
        if verdict.outcome is not Outcome.ASK:
            return verdict.outcome is Outcome.ALLOW
        if past.call.unasked:
            return past.call.observed  # nobody is ever asked about it
        return self._all_yes or (past.ran and past.was is not Outcome.ALLOW)

    def _carry(self, call: Recorded, session: _Session, *, labels: Labels, ran: bool, runs: bool) -> None:
        brings = labels if runs else frozenset()
        brought = call.labels if ran else frozenset()
        for label in brings & brought:
            session.supported.setdefault(label, call.number)
        for label in brings - brought:
            session.extra.setdefault(label, call.number)
        self._lost.update((call.number, label) for label in brought - brings)

    def _decide(self, past: Past, facts: Facts, session: _Session) -> Verdict:
        """The strictest verdict of all sessions that the call was judged by."""
        call = past.call
        held = self._before(call, session)
        views = [SessionView(call.session, held, {}, call.dropped, past.frozen)]
        if call.beside:
            views = [
                SessionView(call.session, self._of(held, letters, session), {}, dropped, past.frozen)
                for letters, dropped in call.beside
            ]
        verdicts = [self._judge.decide(past, facts, view) for view in views]
        return max(verdicts, key=lambda verdict: STRICTNESS.index(verdict.outcome))

    def _before(self, call: Recorded, session: _Session) -> dict[Label, int]:
        """What the session would have held. What stood there before the recording begins, and what the operator
        declared, stays: a label goes only with the recorded call that brought it."""
        held: dict[Label, int] = {}
        for label, number in call.before.items():
            if (number, label) not in self._lost:
                held[label] = number
            elif label in session.supported:
                held[label] = session.supported[label]
        for label, number in session.extra.items():
            held[label] = min(number, held.get(label, number))
        return held

    @staticmethod
    def _of(held: dict[Label, int], letters: Labels, session: _Session) -> dict[Label, int]:
        return {label: number for label, number in held.items() if label in letters or label in session.extra}


def as_recorded(past: Past) -> Relabelled:
    """The facts as the journal has them. What reached more than it keeps counts as not wholly known."""
    call = past.call
    targets = tuple(_target(one) for one in call.targets)
    action = Action(call.action) if call.action in _ACTIONS else Action.VENDOR
    return Relabelled(
        Facts(
            action,
            call.upstream,
            call.name,
            call.labels | EGRESS if past.lowered else call.labels,
            targets=(*targets, UNREAD) if past.partly else targets,
            manifest=call.manifest,
            communicates=past.communicates and not past.lowered,
            irreversible=past.irreversible,
        ),
        certain=not past.partly,
    )


def _target(reached: Reached) -> Target:
    if reached.kind not in _KINDS:
        return UNREAD
    return Target(reached.kind, reached.value, reached.value or "", reached.exact)  # type: ignore[arg-type]  # checked
