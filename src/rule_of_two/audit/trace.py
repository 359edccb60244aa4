"""What one session did, step by step, from the journal alone (R13): what came in, what it then held, and what went out.

Names, targets and ids are the model's and its servers': whoever shows them escapes them.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.documents import Document, count_of, listed, lists_of
from rule_of_two.audit.journal import targets_text
from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.audit.told import asked, commanded, endorsed, said
from rule_of_two.escape import visible
from rule_of_two.model import EGRESS, INGRESS, NONE, ORDER, Labels, Outcome
from rule_of_two.records import replace
from rule_of_two.store.journal import Entry, JournalStore

_NOT_SENT: Final = "not_sent"
MOST_STEPS: Final = 5000
"""Steps of one timeline; what comes after them is counted. What went in and what went out is told of all."""


class Step(Struct):
    """One call, or one thing that a person did to the session (``deed``). ``held`` is what the session holds after it,
    ``adds`` what of that is new; ``became`` says what came of the call."""

    number: int
    at: str
    call: Recorded | None
    deed: str = ""
    targets: str = ""
    outcome: Outcome | None = None
    observed: bool = False
    held: Labels = NONE
    adds: Labels = NONE
    dropped: bool = False
    policies: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    acted: bool = False
    """Whether an act was let out, whatever became of its result."""
    people: list[str] = field(default_factory=list)
    """What people were shown and answered, one sentence each, escaped."""
    became: str = ""
    documents: tuple[Document, ...] = ()
    count: int = 0
    """How many documents were handed over."""
    withheld: int = 0
    """How many were not."""

    @property
    def passed(self) -> bool:
        """Whether it was carried out."""
        return self.outcome is Outcome.ALLOW or self.observed

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "decision": f"d{self.number}" if self.call is not None else None,
            "at": self.at,
            "call": None if self.call is None else self.call.qualified,
            "deed": self.deed or None,
            "outcome": self.outcome,
            "observed": self.observed,
            "labels": sorted(self.call.labels) if self.call is not None else [],
            "adds": sorted(self.adds),
            "held": sorted(self.held),
            "dropped": self.dropped,
            "targets": [] if self.call is None else [one.value for one in self.call.targets],
            "policies": list(self.policies),
            "people": self.people,
            "became": self.became,
            "documents": [one.as_facts() for one in self.documents],
            "count": self.count,
            "withheld": self.withheld,
        }


class Trace(Struct, frozen=True):
    """A session, whole.

    # INVARIANT: no number of calls, and nothing that becomes of a result, hides what went out;
    # tests/attacks/test_hidden_steps.py.
    """

    session: str
    client: str
    user: str
    every: tuple[Step, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Those of its timeline: the first ones."""
        return self.every[:MOST_STEPS]

    @property
    def more(self) -> int:
        """How many steps are not among them."""
        return max(len(self.every) - MOST_STEPS, 0)

    @property
    def held(self) -> Labels:
        """What it held in the end."""
        return self.every[-1].held if self.every else NONE

    @property
    def incoming(self) -> tuple[Step, ...]:
        """The calls that brought something untrusted or private, or documents that are known one by one."""
        brought = (step for step in self.every if step.call is not None and step.passed and step.became != _NOT_SENT)
        return tuple(step for step in brought if step.documents or (step.call and step.call.labels & INGRESS))

    @property
    def outgoing(self) -> tuple[Step, ...]:
        """The acts that were carried out."""
        return tuple(step for step in self.every if step.acted)

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "session": self.session,
            "client": self.client,
            "user": self.user,
            "held": sorted(self.held),
            "steps": [step.as_facts() for step in self.steps],
            "more": self.more,
            "incoming": [f"d{step.number}" for step in self.incoming],
            "outgoing": [f"d{step.number}" for step in self.outgoing],
        }


def trace(store: JournalStore, session: str) -> Trace | None:
    """The trace of a session; ``None``: the journal has nothing of it.

    :raises StoreError: the journal cannot be read.
    """
    tracing = _Tracing()
    for entry in store.of_session(session):
        tracing.take(entry)
    if not tracing.seen:
        return None
    return Trace(session, tracing.client, tracing.user, tuple(tracing.ordered()))


class _Tracing:
    """Puts entries together: what repeats a decision, releases its result or answers its question is one step."""

    def __init__(self) -> None:
        self.seen = False
        self.client = self.user = "?"
        self._steps: dict[int, Step] = {}
        self._root: dict[int, int] = {}
        """Of every decision, the first one about the same call."""
        self._questions: dict[int, dict[str, Any]] = {}
        """Of every step, the question that was not answered yet."""

    def take(self, entry: Entry) -> None:
        """The next entry of the session."""
        self.seen = True
        if entry.kind == "decision":
            self._decision(entry)
        elif entry.kind == "command":
            self._steps[entry.number] = Step(entry.number, entry.at, None, deed=commanded(entry.body))
        elif entry.kind == "endorsement":
            self._steps[entry.number] = Step(entry.number, entry.at, None, deed=endorsed(entry.body))
        elif entry.decision is not None and (step := self._steps.get(self._first(entry.decision))) is not None:
            self._follows(step, entry)

    def ordered(self) -> list[Step]:
        """The steps, each with what the session held after it: what the next decision found, and of the last one what
        it can have brought."""
        steps = [self._steps[number] for number in sorted(self._steps)]
        found: Labels | None = None
        for step in reversed(steps):
            call = step.call
            before = frozenset(call.before) if call is not None else NONE
            brings = call.labels if call is not None and step.passed and step.became != _NOT_SENT else NONE
            if call is not None and step.acted:
                brings |= call.labels & EGRESS
            step.held = found if found is not None else before | brings
            step.adds = step.held & brings - before
            if call is not None:
                found = before
        return steps

    def _first(self, number: int) -> int:
        return self._root.get(number, number)

    def _decision(self, entry: Entry) -> None:
        call = recorded(entry)
        if call is None:
            return
        body = entry.body
        earlier = call.releases or call.approves or call.after
        root = self._first(earlier) if earlier is not None else entry.number
        self._root[entry.number] = root
        step = self._steps.get(root)
        # What is about another call is a step of its own, whatever it says it repeats.
        if step is None or step.call is None or step.call.qualified != call.qualified:
            self._root[entry.number] = entry.number
            step = self._steps[entry.number] = Step(entry.number, entry.at, call)
        elif call.arrives:  # it is about what came back: the act had gone out, with what was held then
            sent = step.call
            step.call = replace(call, labels=call.labels | sent.labels & EGRESS, before=sent.before)
        else:
            step.call = call
        step.acted |= call.passed and not call.arrives and bool(call.labels & EGRESS)
        self.client = str(body.get("client", self.client))
        principal = body.get("principal")
        self.user = str(principal.get("user", self.user)) if isinstance(principal, dict) else self.user
        step.outcome, step.observed, step.dropped = call.outcome, call.observed, call.dropped
        step.targets = targets_text(body) if isinstance(body.get("targets"), list) else ""
        if call.approves is None:  # after a yes it stays told why a person was asked
            step.policies, step.messages = call.policies, tuple(str(one) for one in body.get("messages") or ())
        if call.arrives:
            lists = lists_of(body)
            step.withheld = sum(count for name, (_, count) in lists.items() if name != "items")

    def _follows(self, step: Step, entry: Entry) -> None:
        body = entry.body
        match entry.kind:
            case "question":
                self._questions[step.number] = body
            case "answer":
                question = self._questions.pop(step.number, None)
                if question is not None and body.get("answer"):  # only an answer proves that somebody saw it
                    step.people.append(asked(question, answered=True))
                step.people.append(said(body))
            case "outcome":
                step.became = visible(str(body.get("outcome")))
                step.documents, step.count = listed(body.get("items")), count_of(body)


def picture(held: Labels) -> str:
    """``[A][B][ ]``."""
    return "".join(f"[{label}]" if label in held else "[ ]" for label in ORDER)
