"""Argument-conditional labels: conditions over canonical values, and the first rule whose conditions all hold.

INVARIANT: a value that is absent, unparseable, not canonical, or not the same for every element of an array never lets
a rule lower a label: the call then takes the union of its labels and those of all rules, and it can communicate, and
cannot be taken back, if the tool or any rule says so (DESIGN section 3; tests/manifests/test_rules.py and
test_effects.py).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from rule_of_two.manifests.arguments import SlotTable, Value
from rule_of_two.manifests.condition import reference
from rule_of_two.manifests.document import PromptSpec
from rule_of_two.manifests.parameters import Bound
from rule_of_two.manifests.pointer import MISSING, Pointer
from rule_of_two.model import Label, Labels
from rule_of_two.records import replace


class Match(Enum):
    """Whether a condition holds. ``UNSURE`` ends the search: worst case."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


Test = Callable[[Value], Match]


def one_of(names: frozenset[str]) -> Test:
    """A canonical name that is one of ``names``: hosts, recipients."""

    def test(value: Value) -> Match:
        if not value.exact:
            return Match.UNSURE
        return Match.YES if value.canonical in names else Match.NO

    return test


def at_most(cap: Decimal | None) -> Test:
    """An amount between zero and ``cap``. Without a cap nothing is at most that."""

    def test(value: Value) -> Match:
        if not value.exact or value.canonical is None or value.canonical.startswith("-"):
            return Match.UNSURE
        return Match.YES if cap is not None and Decimal(value.canonical) <= cap else Match.NO

    return test


def is_among(literals: tuple[Any, ...]) -> Test:
    """A scalar equal in type and value to one of ``literals``.

    One that an upstream could take for a literal (other type, letter case, Unicode form, white space) is unsure.
    """
    exact = {(type(literal), literal) for literal in literals}
    kinds = {type(literal) for literal in literals}
    loose = {_loose(literal) for literal in literals}

    def test(value: Value) -> Match:
        if not value.exact:
            return Match.UNSURE
        if (type(value.raw), value.raw) in exact:
            return Match.YES
        if literals and (type(value.raw) not in kinds or _loose(value.raw) in loose):
            return Match.UNSURE
        return Match.NO

    return test


def _loose(scalar: Any) -> str:
    text = scalar if isinstance(scalar, str) else repr(scalar)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def _fold(path: str) -> str:
    """The path as a file system would compare it that ignores letter case and Unicode form, with a closing slash."""
    folded = path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())
    return folded.rstrip(os.sep) + os.sep


def inside(folders: tuple[str, ...]) -> Test:
    """A path that is one of ``folders`` or below, compared by whole components.

    Unsure where only a file system that ignores letter case would say so, and for a folder that holds one of them.
    """
    exact = tuple(folder.rstrip(os.sep) + os.sep for folder in folders)
    folded = tuple(_fold(folder) for folder in folders)

    def test(value: Value) -> Match:
        if not value.exact or value.canonical is None:
            return Match.UNSURE
        if not folders:
            return Match.NO
        if (value.canonical.rstrip(os.sep) + os.sep).startswith(exact):
            return Match.YES
        near = _fold(value.canonical)
        if near.startswith(folded) or any(folder.startswith(near) for folder in folded):
            return Match.UNSURE
        return Match.NO

    return test


def outside(folders: tuple[str, ...]) -> Test:
    """The opposite of :func:`inside`; unsure where that is unsure."""
    test_inside = inside(folders)

    def test(value: Value) -> Match:
        answer = test_inside(value)
        return answer if answer is Match.UNSURE else Match.NO if answer is Match.YES else Match.YES

    return test


class Condition(Struct, frozen=True):
    """One operator over the values of some slots. Without a ``test`` it is ``absent: true``; then of slots that are
    ``optional`` it holds also for ``null`` and an empty list."""

    slots: tuple[int, ...]
    test: Test | None
    optional: bool = False

    def holds(self, values: Sequence[tuple[Value, ...]]) -> Match:
        """``YES`` or ``NO`` only when every element says the same, and there is one."""
        if self.test is None:
            absent = all(self._is_absent(values[slot]) for slot in self.slots)
            return Match.YES if absent else Match.NO
        answer: Match | None = None
        for slot in self.slots:
            if not values[slot]:
                return Match.UNSURE
            for value in values[slot]:
                said = self.test(value)
                if said is Match.UNSURE or (answer is not None and said is not answer):
                    return Match.UNSURE
                answer = said
        return answer or Match.UNSURE

    def _is_absent(self, found: tuple[Value, ...]) -> bool:
        return len(found) == 1 and (found[0].is_nothing if self.optional else found[0].raw is MISSING)


class Judgement(Struct, frozen=True):
    """What a call can do, at most. ``communicates`` and ``irreversible`` say more of its C. ``lowered_by`` names the
    rule by which it is less than its tool can do."""

    labels: Labels
    communicates: bool = True
    irreversible: bool = True
    lowered_by: tuple[str, ...] = ()

    def covers(self, other: Judgement) -> bool:
        """Whether ``other`` can do nothing that this cannot."""
        return (
            self.labels >= other.labels
            and self.communicates >= other.communicates
            and self.irreversible >= other.irreversible
        )


class Rule(Struct, frozen=True):
    """Conditions that must all hold, and what a call can do then."""

    conditions: tuple[Condition, ...]
    judgement: Judgement


class Rules(Struct, frozen=True):
    """What a tool can do, and the rules that may replace that."""

    own: Judgement
    rules: tuple[Rule, ...]

    @property
    def labels(self) -> Labels:
        """Those of the tool where no rule holds."""
        return self.own.labels

    @property
    def worst(self) -> Labels:
        """The union of the labels and those of all rules."""
        return self._worst().labels

    def judge(self, values: Sequence[tuple[Value, ...]]) -> Judgement:
        """What a call with these values can do."""
        for rule in self.rules:
            answers = [condition.holds(values) for condition in rule.conditions]
            if Match.UNSURE in answers:
                return self._worst()
            if Match.NO not in answers:
                return rule.judgement
        return self.own

    def _worst(self) -> Judgement:
        every = (self.own, *(rule.judgement for rule in self.rules))
        return Judgement(
            frozenset[Label]().union(*(one.labels for one in every)),
            communicates=any(one.communicates for one in every),
            irreversible=any(one.irreversible for one in every),
        )


_NAMED_IN_WORDS: Final = {"host_in": "in", "recipient_in": "in", "at_most": "at most", "absent": "absent"}


def bind_rules(
    entry: PromptSpec, table: SlotTable, parameters: Mapping[str, Bound], *, server: str, what: str
) -> Rules:
    """Compile the rules of one entry, with the operator's parameters filled in. ``what`` names the entry in lines."""
    own = Judgement(entry.labels, entry.communicates, not entry.reversible)
    rules = []
    for number, rule in enumerate(entry.rules, start=1):
        conditions = []
        words = []
        for name, condition in rule.when.items():
            target = entry.targets.get(name)
            kind = None if target is None else target.kind
            optional = target is not None and target.optional
            pointers = [Pointer.of(name)] if target is None else [Pointer.parse(pointer) for pointer in target.at]
            for operator, operand in condition.operators.items():
                compares = None if operator in ("in", "equals") else kind
                if operator == "absent" and optional:
                    slots = tuple(table.place(None, pointer.list_) for pointer in pointers)
                else:
                    slots = tuple(table.place(compares, pointer) for pointer in pointers)
                conditions.append(Condition(slots, _test(operator, operand, parameters), optional))
                words.append(f"{name} {_NAMED_IN_WORDS.get(operator, operator)}{_words(operator, operand)}")
        said = Judgement(
            rule.labels,
            communicates=own.communicates if rule.communicates is None else rule.communicates,
            irreversible=own.irreversible if rule.reversible is None else not rule.reversible,
        )
        line = f"{server}: rule {number} of {what} ({', '.join(words)})"
        rules.append(Rule(tuple(conditions), said if said.covers(own) else replace(said, lowered_by=(line,))))
    return Rules(own, tuple(rules))


def _test(operator: str, operand: Any, parameters: Mapping[str, Bound]) -> Test | None:
    if operator == "absent":
        return None
    if operator == "equals":
        return is_among((operand,))
    if operator == "at_most":
        name = reference(operand)
        bound = Decimal(operand) if name is None else parameters[name]
        return at_most(bound if isinstance(bound, Decimal) else None)
    items = _filled(operand, parameters)
    if operator == "in":
        return is_among(items)
    if operator in ("inside", "outside"):
        return inside(items) if operator == "inside" else outside(items)
    return one_of(frozenset(items))


def _filled(operand: tuple[Any, ...], parameters: Mapping[str, Bound]) -> tuple[Any, ...]:
    items: list[Any] = []
    for item in operand:
        name = reference(item)
        bound = (item,) if name is None else parameters[name]
        items.extend(bound if isinstance(bound, tuple) else ())
    return tuple(items)


def _words(operator: str, operand: Any) -> str:
    if operator == "absent":
        return ""
    items = operand if isinstance(operand, tuple) else (operand,)
    return " " + " or ".join(reference(item) or str(item) for item in items)
