"""Replays what was recorded under other policies, carrying each session forward as these would have had it.

What a session held when a call was decided is taken from the recording, less what calls brought that would not have
run, and with what calls would have brought that did not run then. A call that is asked about runs where the recording
says that it ran after a person's yes (or that observe mode let it pass); else nobody answered, and it does not run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, get_args

from msgspec import Struct, field

from rule_of_two.audit.documents import Document
from rule_of_two.audit.recorded import Reached, Recorded
from rule_of_two.gateway.providers.risk import WINDOW
from rule_of_two.model import (
    EGRESS,
    INGRESS,
    NONE,
    Action,
    Facts,
    Label,
    Labels,
    Outcome,
    SessionView,
    Target,
    TargetKind,
    Verdict,
    earliest,
)
from rule_of_two.records import replace
from rule_of_two.simulation.judge import Judge
from rule_of_two.simulation.recording import Past

_KINDS: Final = frozenset(get_args(TargetKind))
_ACTIONS: Final = frozenset(Action)
UNREAD: Final = Target("host", None, "", exact=False)
"""A target of which nothing is known."""


class Relabelled(Struct, frozen=True):
    """A call's facts. ``certain`` is false where they depend on arguments that the journal does not keep."""

    facts: Facts
    certain: bool = True


Relabel = Callable[[Past], Relabelled]
"""The facts of a recorded call."""


class Doubt(StrEnum):
    """Why it is not certain what the other policies would have said of a call."""

    ARGUMENTS = "arguments"
    """They depend on arguments, or targets, that the journal does not keep."""
    ENVIRONMENT = "environment"
    """They read what context providers know, and the entry does not have all of that: it counts as not known."""
    RISK = "risk"
    """They read the risk, and it is that of then, though shortly before calls of the session come out otherwise."""
    DOCUMENTS = "documents"
    """They read of the items of a result what the journal does not keep, or would drop others than were dropped."""


class Replayed(Struct, frozen=True):
    """A call with what the other policies say of it. ``runs``: it would be carried out. ``itself``: what they say
    where every earlier call ran that ran then, so that nothing is due to what the session would hold instead."""

    past: Past
    verdict: Verdict
    itself: Outcome
    runs: bool
    doubts: frozenset[Doubt]

    @property
    def certain(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.doubts

    @property
    def looser(self) -> bool:
        """Whether less stands in its way than then."""
        return self.verdict.outcome.strictness < self.past.was.strictness

    @property
    def stricter(self) -> bool:
        """Whether more stands in its way than then."""
        return self.verdict.outcome.strictness > self.past.was.strictness

    @property
    def follows(self) -> bool:
        """Whether it changes only since an earlier call would have run that did not, or not have run that did."""
        was, itself = self.past.was.strictness, self.itself.strictness
        return (self.looser and itself >= was) or (self.stricter and itself <= was)


class _Session(Struct):
    """What the replay makes of a session: the first running call of each label, and what came that did not then."""

    supported: dict[Label, int] = field(default_factory=dict)
    extra: dict[Label, int] = field(default_factory=dict)


class _Course(Struct):
    """One course of things: which labels sessions would have held, had other calls run or brought other labels."""

    sessions: dict[str, _Session] = field(default_factory=dict)
    lost: set[tuple[int, Label]] = field(default_factory=set)
    """What calls brought then, and would not."""
    first: dict[int, int] = field(default_factory=dict)
    """Of decisions that repeat another one, which was the first: labels are held since the last of them."""

    def carry(self, call: Recorded, *, labels: Labels, ran: bool, runs: bool) -> None:
        """Go on after a call: it had its own labels if it ``ran`` then, and has ``labels`` if it ``runs``."""
        session = self.sessions.setdefault(call.session, _Session())
        brings = labels if runs else NONE
        brought = call.labels if ran else NONE
        for label in brings & brought:
            session.supported.setdefault(label, call.number)
        for label in brings - brought:
            session.extra.setdefault(label, call.number)
        self.lost.update((call.number, label) for label in brought - brings)

    def views(self, past: Past) -> list[SessionView]:
        """The sessions that a call is judged by: its own, or each of several."""
        call = past.call
        session = self.sessions.setdefault(call.session, _Session())
        held = self._before(call, session)
        if not call.beside:
            return [SessionView(call.session, held, {}, call.dropped, past.frozen)]
        return [
            SessionView(
                call.session,
                {label: number for label, number in held.items() if label in letters or label in session.extra},
                {},
                dropped,
                past.frozen,
            )
            for letters, dropped in call.beside
        ]

    def _before(self, call: Recorded, session: _Session) -> dict[Label, int]:
        """What the session would have held. What stood there before the recording begins, and what the operator
        declared, stays: a label goes only with the recorded call that brought it."""
        held: dict[Label, int] = {}
        for label, number in call.before.items():
            if (self.first.get(number, number), label) not in self.lost:
                held[label] = number
            elif label in session.supported:
                held[label] = session.supported[label]
        return earliest(held, session.extra)


class Replay:
    """Goes through the calls of one recording in order. ``all_yes``: each question counts as answered yes."""

    def __init__(self, judge: Judge, relabel: Relabel, *, all_yes: bool = False) -> None:
        self._judge = judge
        self._relabel = relabel
        self._all_yes = all_yes
        self._carried = _Course()
        self._as_run = _Course()
        """Every call runs that ran then; only its labels may be others."""
        self._first: dict[int, int] = {}
        self._carried.first = self._as_run.first = self._first
        self._sent: dict[int, Labels] = {}
        """What calls could bring then, by their numbers, where other manifests say what they can."""
        self._stopped: set[int] = set()
        """The calls that would not be sent, by their numbers."""
        self._changed: dict[str, datetime | None] = {}
        """Of each session in which a call comes out otherwise: when the last one did; ``None``: nobody knows."""

    def repeat(self, call: Recorded) -> None:
        """Note a decision that repeats another one."""
        before = call.approves if call.approves is not None else call.after
        if before is not None:
            self._first[call.number] = self._first.get(before, before)

    def step(self, past: Past) -> Replayed | None:
        """Decide the next call, or what came back of one. ``None``: nothing would have come back, since the call would
        not have been sent. Never raises for anything that a recording says."""
        call = past.call
        found = self._found(past)
        if found is None:
            self._carried.carry(call, labels=NONE, ran=past.ran, runs=False)
            self._as_run.carry(call, labels=call.labels, ran=past.ran, runs=past.ran)
            return None
        carried, as_run = self._carried.views(past), self._as_run.views(past)
        verdict = self._decide(past, found.facts, carried)
        itself = verdict if carried == as_run else self._decide(past, found.facts, as_run)
        runs = self._runs(past, verdict)
        labels, alone = (self._judge.counted(past, found.facts, views).labels for views in (carried, as_run))
        self._carried.carry(call, labels=labels, ran=past.ran, runs=runs)
        self._as_run.carry(call, labels=alone, ran=past.ran, runs=past.ran)
        if not runs and not call.arrives:
            self._stopped.add(call.number)
        elif self._relabel is not as_recorded:
            self._sent[call.number] = call.can_bring
        doubts = frozenset(self._doubts(past, found))
        if verdict.outcome is not past.was:
            self._changed[call.session] = call.at
        return Replayed(past, verdict, itself.outcome, runs, doubts)

    def _found(self, past: Past) -> Relabelled | None:
        """The facts to decide by. A call that was sent with nothing counted still is, unless it acts now; and what came
        back brings what it brought, less what it cannot bring now, and with what it can bring now besides."""
        call, found = past.call, self._relabel(past)
        labels = found.facts.labels
        if call.defers and "C" not in labels:
            return replace(found, facts=replace(found.facts, labels=NONE))
        if call.releases is None:
            return found
        sent = self._first.get(call.releases, call.releases)
        if sent in self._stopped:
            return None
        brings = call.labels
        if self._relabel is not as_recorded:
            brings = (brings & labels) | (labels & INGRESS - self._sent.get(sent, NONE))
        again = [one.labels for (one, dropped), drops in self._drops(past) if dropped and not drops]
        facts = replace(found.facts, labels=brings.union(*again))
        certain = found.certain and facts.labels == call.labels
        return Relabelled(facts, certain)

    def _drops(self, past: Past) -> list[tuple[tuple[Document, bool], bool]]:
        """Each document with what was done then, and what would be: by the strictest session that is judged."""
        if not past.documents:
            return []
        each = [self._judge.drops(past, view) for view in self._carried.views(past)]
        return list(zip(past.documents, map(any, zip(*each, strict=True)), strict=True))

    def _doubts(self, past: Past, found: Relabelled) -> Iterator[Doubt]:
        if not (found.certain and self._judge.knows_addresses(found.facts)):
            yield Doubt.ARGUMENTS
        if past.documents:
            otherwise = any(dropped is not drops for (_, dropped), drops in self._drops(past))
            if self._judge.reads_documents or otherwise:
                yield Doubt.DOCUMENTS
        if not self._judge.knows_environment(past):
            yield Doubt.ENVIRONMENT
        if "risk" in self._judge.reads and "risk" in past.environment and self._changed_of_late(past.call):
            yield Doubt.RISK

    def _changed_of_late(self, call: Recorded) -> bool:
        """Whether an earlier call of the session, no longer ago than the risk looks back, comes out otherwise."""
        if call.session not in self._changed:
            return False
        before = self._changed[call.session]
        return before is None or call.at is None or (call.at - before).total_seconds() < WINDOW

    def _runs(self, past: Past, verdict: Verdict) -> bool:
        if verdict.outcome is not Outcome.ASK:
            return verdict.outcome is Outcome.ALLOW
        if past.call.unasked:
            return past.call.observed  # nobody is ever asked about it
        return self._all_yes or (past.ran and past.was is not Outcome.ALLOW)

    def _decide(self, past: Past, facts: Facts, views: list[SessionView]) -> Verdict:
        """The strictest verdict of all sessions that the call is judged by; of what came back, also of handing it
        over."""
        counted = self._judge.counted(past, facts, views)
        gates = (False, True) if past.call.arrives else (False,)
        verdicts = [self._judge.decide(past, counted, view, releases=gate) for view in views for gate in gates]
        return max(verdicts, key=lambda verdict: verdict.outcome.strictness)


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
            call.labels | EGRESS if past.lowered or past.left_out else call.labels,
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
    address = reached.kind == "url" and reached.value is not None
    return Target(
        reached.kind,  # type: ignore[arg-type]  # checked
        reached.value,
        reached.value or "",
        reached.exact,
        url=f"https://{reached.value}/" if address else None,  # the journal keeps the host alone
        given=reached.given if address else None,
        indirect=reached.indirect,
    )
