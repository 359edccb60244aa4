"""Why a call was allowed, asked or denied, from the journal alone: a few lines that someone else can check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from rule_of_two.audit.documents import HandedOver, call_of, count_of, handed_over_before, handed_over_by
from rule_of_two.audit.gates import gate_lines, released_lines
from rule_of_two.audit.journal import Origin, described, targets_text
from rule_of_two.audit.pruned import pruned
from rule_of_two.audit.recorded import recorded
from rule_of_two.audit.testimony import DROP, FREEZE, GRANT
from rule_of_two.audit.told import asked, commanded, kept, said, stored
from rule_of_two.errors import Code, RuleOfTwoError, StoreError
from rule_of_two.escape import visible
from rule_of_two.model import label_text
from rule_of_two.store.journal import Entry, JournalStore
from rule_of_two.wording import counted

_DOCUMENTS = 3
"""The newest results that people are told of."""
_VERBS = {"allow": "allowed", "ask": "asked", "deny": "denied"}
_NOBODY_ATTACHED = "nobody_attached"
_DEEDS = {Code.SESSION_FROZEN: FREEZE, Code.DROPPED_CAPABILITY: DROP}
"""What a person had done to the session, where that is why a call was denied."""


class UnknownDecision(RuleOfTwoError):
    """The journal holds no decision of that number."""


class Explanation(Struct, frozen=True):
    """One decision with what led to it and what followed."""

    decision: Entry
    origins: Mapping[str, Origin]
    """Of every label that the session held or had reserved, the call that brought it."""
    followed: tuple[Entry, ...]
    """Questions, answers, outcomes, and the decision that an answer led to; oldest first."""
    rests_on: tuple[Entry, ...] = ()
    """The answers and commands of people that it rests on: the yes, the grant, or what they did to the session."""
    call: Entry | None = None
    """Of a decision about what came back: the one that sent the call."""
    brought: Mapping[str, HandedOver] = field(default_factory=dict)
    """Of every label that the session held: what the call that brought it handed over, where items are known."""
    before: tuple[HandedOver, ...] = ()
    """What else the session had been handed before, newest first."""
    before_count: tuple[int, int] = (0, 0)
    """How many results that were in all, and how many items."""
    definition: Mapping[str, Any] | None = None
    """Of a call that was denied because a definition had changed: what had, as it was written down."""

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "decision": f"d{self.decision.number}",
            "at": self.decision.at,
            "session": self.decision.session,
            **self.decision.body,
            "origins": {
                label: {
                    "decision": f"d{one.number}",
                    "call": one.what,
                    "where": one.where,
                    "at": one.at,
                    **({"brought": self.brought[label].as_facts()} if label in self.brought else {}),
                }
                for label, one in self.origins.items()
            },
            **({} if self.definition is None else {"definition": self.definition}),
            "sent_by": None if self.call is None else f"d{self.call.number}",
            "came_after": {
                "results": self.before_count[0],
                "items": self.before_count[1],
                "newest": [one.as_facts() for one in self.before],
            },
            "followed": [
                {"number": entry.number, "at": entry.at, "kind": entry.kind, **entry.body} for entry in self.followed
            ],
            "rests_on": [
                {"number": entry.number, "at": entry.at, "kind": entry.kind, **entry.body} for entry in self.rests_on
            ],
        }

    def lines(self) -> list[str]:
        """For people: what was decided, what the session had seen, who said what and what became of it.

        Names, targets, reasons and details come from the model, its servers and consoles: they are escaped, so that
        none can begin a line of its own.
        """
        gate = [f"  {line}" for line in gate_lines(self.decision)]
        return [
            self._what(), self._seen(), *self._after(), *self._because(), *gate, *self._rests(), *self._then(),
        ]  # fmt: skip

    def _what(self) -> str:
        body = self.decision.body
        where = visible(targets_text(body))
        verb = _VERBS[body["outcome"]] + (", let pass by observe mode" if body.get("observed") else "")
        verb += ", of what came back" if "releases" in body else ""
        return (
            f"d{self.decision.number} {verb}: {visible(described(body))}{f' to {where}' if where else ''} "
            f"{label_text(frozenset(body['labels']))}, {_clock(self.decision.at)}, session {self.decision.session}"
        )

    def _seen(self) -> str:
        if not self.origins:
            return "  The session held nothing."
        seen = [
            f"[{label}] since {f'd{one.number} ' if one.number else ''}{visible(one.what)}"
            f"{f' ({visible(one.where)})' if one.where else ''}{f' {_clock(one.at)}' if one.at else ''}"
            f"{self._with(label)}"
            for label, one in sorted(self.origins.items())
        ]
        return f"  The session held {'; '.join(seen)}."

    def _with(self, label: str) -> str:
        brought = self.brought.get(label)
        return "" if brought is None else f", with {counted(brought.count, 'item')} of d{brought.number}"

    def _after(self) -> list[str]:
        """Which documents it came after: those of the calls that brought what was held, and the newest."""
        results, items = self.before_count
        if not self.before:
            return []
        origins = {one.number for one in self.brought.values()}
        shown = {one.number: one for one in (*self.brought.values(), *self.before[:_DOCUMENTS])}
        newest = "" if len(shown) >= results else ", the newest and those that brought a label"
        lines = [f"  It came after {counted(items, 'item')} of {counted(results, 'result')}{newest}:"]
        return lines + [
            f"    {one.text}{' (brought a label)' if number in origins else ''}"
            for number, one in sorted(shown.items(), reverse=True)
        ]

    def _because(self) -> list[str]:
        body = self.decision.body
        told = visible(" ".join((*body["messages"], *body.get("errors", ()))))
        policies = visible(", ".join(body["policies"])) or "no policy"
        code = f" {body['code']}" if body["code"] else ""
        lines = [f"  Because{code} [{policies}]{f': {told}' if told else ''}"]
        if any(target.get("given") is False for target in body.get("targets", ())):
            lines.append("  An address that it reaches was not known from any result of this session.")
        lines += [f"  It carries {stored(one)}." for one in body.get("stored", ())]
        if stamps := body.get("stamps"):
            lines.append(f"  What it writes keeps what was seen: {kept(stamps)}.")
        lines += [f"  A label was lowered by {visible(line)}." for line in body.get("lowered_by", ())]
        lines += [
            f"  Its argument {visible(one['argument'])} was the value held at {visible(one['held'])}, "
            f"{label_text(frozenset(one['labels']))}."
            for one in body.get("passes", ())
        ]
        lines += [_forced(one) for one in body.get("forced", ())]
        return lines + _changed(body, self.definition)

    def _rests(self) -> list[str]:
        return [
            f"  It rests on this: {commanded(one.body) if one.kind == 'command' else said(one.body)}"
            f"{f', asked at d{one.decision}' if one.decision else ''}, {_clock(one.at)}."
            for one in self.rests_on
        ]

    def _then(self) -> list[str]:
        answers = {entry.decision: entry.body for entry in self.followed if entry.kind == "answer"}
        away = {entry.decision for entry in self.followed if entry.body.get("reason") == "pending"}
        lines: list[str] = []
        for entry in self.followed:
            text = _followed(entry, answers.get(entry.decision, {}), came_back=entry.decision in away)
            more: list[str] = []
            if entry.kind == "decision" and "releases" in entry.body:
                text, *more = released_lines(entry)
            if text:
                lines += [f"  Then {text}, {_clock(entry.at)}.", *(f"    {line}" for line in more)]
        return lines


def explain(store: JournalStore, reference: str) -> Explanation:
    """The explanation of ``d<number>`` (or the bare number).

    :raises UnknownDecision: there is no such decision in this journal.
    :raises StoreError: the journal cannot be read.
    """
    digits = reference.removeprefix("d")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else 0
    entry = store.get(number)
    if entry is None or entry.kind != "decision":
        raise UnknownDecision(_unknown(store, reference, number))
    before = _before(entry)
    call = call_of(entry)
    brought = {label: handed_over_by(store, number) for label, number in before.items() if number}
    session = entry.session or ""
    return Explanation(
        decision=entry,
        origins={label: origin_of(store, number) for label, number in before.items()},
        followed=tuple(one for one in _chain(store, call) if one.number > entry.number),
        rests_on=tuple(_rests_on(store, entry)),
        call=None if call == entry.number else store.get(call),
        brought={label: one for label, one in brought.items() if one is not None},
        before=tuple(handed_over_before(store, session, entry.number)),
        before_count=store.count_handed_over(session, before=entry.number),
        definition=_definition(store, entry),
    )


def _unknown(store: JournalStore, reference: str, number: int) -> str:
    record = pruned(store)
    if record is not None and 0 < number <= record.last:
        return f"'{reference}' is no decision any more: entries up to #{record.last} were pruned, {_clock(record.at)}"
    return f"the journal has no decision '{reference}'; `rule-of-two audit tail` names the newest"


def _before(entry: Entry) -> dict[str, int]:
    """The labels that counted before a decision, with the calls that brought them.

    :raises StoreError: the entry is not one that a gateway wrote.
    """
    body = entry.body
    held, reserved = body.get("held"), body.get("reserved")
    if recorded(entry) is None or not isinstance(held, dict) or not isinstance(reserved, dict):
        raise StoreError(f"entry {entry.number} of the journal cannot be read: `rule-of-two audit verify` looks at all")
    return {**reserved, **held}


def origin_of(store: JournalStore, number: int) -> Origin:
    """The call that brought a label, for people. Number 0: no call did."""
    entry = store.get(number) if number else None
    if entry is None:
        return Origin(number, "before the first call", "declared by the operator, or state that was lost", "")
    return Origin(number, described(entry.body), targets_text(entry.body), entry.at)


def _chain(store: JournalStore, number: int) -> list[Entry]:
    """What followed a decision, and what followed the decision that an approval turned it into."""
    followed: list[Entry] = []
    for entry in store.of_decision(number):
        followed.append(entry)
        if entry.kind == "decision" and entry.number > number:
            followed += _chain(store, entry.number)
    return followed


def _rests_on(store: JournalStore, decision: Entry) -> list[Entry]:
    """What people had said that let a call pass or stopped it; each of its answers, where it needs several."""
    body = decision.body
    if body["outcome"] == "allow" and isinstance(body.get("approves"), int):
        answers = [one for one in store.of_decision(body["approves"]) if one.kind == "answer" and one.body["answer"]]
        return [one for one in answers if one.number < decision.number]
    if isinstance(body.get("grant"), str):
        return [one for one in store.answers_to(body["grant"]) if one.body.get("answer") == GRANT]
    deed = _DEEDS.get(body["code"])
    if deed is None or decision.session is None:
        return []
    words = store.words(decision.session, before=decision.number)
    return [one for one in words if deed in (one.body.get("answer"), one.body.get("command"))][:1]


def _definition(store: JournalStore, decision: Entry) -> Mapping[str, Any] | None:
    """What had changed of the definition that a call was denied for: the newest entry before it, else one just after,
    as changes are written down a moment after they are noticed."""
    if decision.body["code"] != Code.DEFINITION_CHANGED:
        return None
    entries = store.changed_definitions(str(decision.body.get("upstream")), around=decision.number)
    for entry in entries:
        for one in entry.body.get("changes", ()):
            if isinstance(one, dict) and one.get("name") == str(decision.body.get("name"))[:200]:
                return one
    return None


def _changed(body: Mapping[str, Any], definition: Mapping[str, Any] | None) -> list[str]:
    """What changed of a definition, and how to look at it."""
    if body["code"] != Code.DEFINITION_CHANGED:
        return []
    lines = []
    if definition is not None:
        summary = definition.get("summary") or f"it is {definition.get('what', 'another one')}"
        marks = definition.get("marks")
        marked = f"; marked: it {', it '.join(map(str, marks))}" if isinstance(marks, list) and marks else ""
        lines.append(f"  Not as accepted: {visible(str(summary))}{visible(marked)}.")
    server, name = visible(str(body.get("upstream"))), visible(str(body.get("name")))
    return [*lines, f"  To look at it: c in `rule-of-two console`, or `rule-of-two manifest pin {server} {name}`."]


def _forced(one: Mapping[str, Any]) -> str:
    value = visible(json.dumps(one["value"], ensure_ascii=False))
    return f"  The argument {visible(one['pointer'])} was set to {value} by {visible(one['by'])}."


def _followed(entry: Entry, answer: Mapping[str, Any], *, came_back: bool) -> str:
    """What an entry tells. ``answer`` is the body of the last answer to the same decision's question, if there is one;
    ``came_back``: the client was not kept waiting for it."""
    body = entry.body
    match entry.kind:
        case "question" if answer.get("reason") != _NOBODY_ATTACHED:
            return asked(body, answered=bool(answer.get("answer")))
        case "answer":
            return said(body)
        case "decision" if came_back and body["outcome"] == "allow":
            return f"the agent came back and the call ran on that answer: d{entry.number} allow"
        case "decision":
            return f"it was decided again with the session's state of that moment: d{entry.number} {body['outcome']}"
        case "outcome":
            return _outcome(body)
    return ""


def _outcome(body: Mapping[str, Any]) -> str:
    detail = f" ({visible(body['detail'])})" if body["detail"] else ""
    if count := count_of(body):
        detail += f", {counted(count, 'item')}"
    return {
        "result": "it was sent and its result handed over",
        "error": "it was sent and the server's error handed over",
        "not_sent": "it could not be sent",
        "lost": "it was sent and no reply came",
        "timeout": "it was sent and no reply came in time",
        "cancelled": "the client cancelled it",
        "withheld": "it was sent and its result withheld",
        "held": "it was sent and the gateway kept its result, of which the client has a handle",
        "failed": "it failed inside the gateway, and counts as carried out",
    }[body["outcome"]] + detail


def _clock(at: str) -> str:
    return at[:19].replace("T", " ") + "Z"
