"""What a policy says, as a formula that a solver decides: truth values, and integers that stand for values.

Everything that is not understood is an unknown of its own: free, but the same wherever the same expression stands.
Strings, entities and other values are integers too, equal exactly if the values are (:class:`Values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct

Node = Any
"""An expression in Cedar's JSON form."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An integer that a request fixes. ``varies``: with how many people said yes, which nothing else may do."""

    key: str
    sort: str
    node: Node = field(compare=False, hash=False, default=None)
    varies: bool = False


class Number(Struct, frozen=True):
    """An integer as written, or the one that stands for a value."""

    value: int


class Sum(Struct, frozen=True):
    """``left + right``, or ``left - right``."""

    left: Term
    right: Term
    minus: bool = False


class Product(Struct, frozen=True):
    """A term times a number."""

    factor: int
    term: Term


Term = Unknown | Number | Sum | Product


class Truth(Struct, frozen=True):
    """True or false, whatever the request."""

    value: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """A truth value that a request fixes. ``varies`` as in :class:`Unknown`."""

    key: str
    node: Node = field(compare=False, hash=False, default=None)
    varies: bool = False


class Equal(Struct, frozen=True):
    """Two integers are the same."""

    left: Term
    right: Term


class Less(Struct, frozen=True):
    """One integer is smaller than another."""

    left: Term
    right: Term


class Not(Struct, frozen=True):
    """The opposite."""

    part: Formula


class Every(Struct, frozen=True, eq=False):
    """All of them."""

    parts: tuple[Formula, ...]


class Some(Struct, frozen=True, eq=False):
    """At least one of them."""

    parts: tuple[Formula, ...]


Formula = Truth | Flag | Equal | Less | Not | Every | Some
Atom = Flag | Equal | Less

TRUE: Final = Truth(value=True)
FALSE: Final = Truth(value=False)
APPROVALS: Final = Unknown("context.approvals", "Long", varies=True)
"""How many people said yes: the one thing that differs between the passes over one request."""


def every(parts: Iterable[Formula]) -> Formula:
    """All of ``parts``, simplified."""
    kept: list[Formula] = []
    for part in parts:
        if part == FALSE:
            return FALSE
        if part != TRUE:
            kept.extend(part.parts if isinstance(part, Every) else (part,))
    return kept[0] if len(kept) == 1 else Every(tuple(kept)) if kept else TRUE


def some(parts: Iterable[Formula]) -> Formula:
    """At least one of ``parts``, simplified."""
    kept: list[Formula] = []
    for part in parts:
        if part == TRUE:
            return TRUE
        if part != FALSE:
            kept.extend(part.parts if isinstance(part, Some) else (part,))
    return kept[0] if len(kept) == 1 else Some(tuple(kept)) if kept else FALSE


def negated(part: Formula) -> Formula:
    """The opposite of ``part``, simplified."""
    if isinstance(part, Truth):
        return Truth(not part.value)
    return part.part if isinstance(part, Not) else Not(part)


def choose(condition: Formula, then: Formula, otherwise: Formula) -> Formula:
    """``if condition then then else otherwise``."""
    return some((every((condition, then)), every((negated(condition), otherwise))))


def atoms(formula: Formula) -> Iterator[Atom]:
    """What the truth of ``formula`` hangs on; an atom that stands twice comes twice."""
    waiting = [formula]
    while waiting:
        match waiting.pop():
            case Not(part):
                waiting.append(part)
            case Every(parts) | Some(parts):
                waiting.extend(parts)
            case Truth():
                pass
            case atom:
                yield atom


def unknowns(formula: Formula) -> Iterator[Unknown | Flag]:
    """The unknowns under the atoms of ``formula``."""
    terms: list[Term] = []
    for atom in atoms(formula):
        if isinstance(atom, Flag):
            yield atom
        else:
            terms += (atom.left, atom.right)
    while terms:
        match terms.pop():
            case Unknown() as unknown:
                yield unknown
            case Sum(left, right):
                terms += (left, right)
            case Product(_, term):
                terms.append(term)
            case _:
                pass


class Values:
    """Numbers for values that are not numbers: one for each, and the way back."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._values: list[tuple[str, str]] = []

    def number(self, sort: str, text: str) -> int:
        """The number of a value; a new one the first time."""
        key = (sort, text)
        if key not in self._numbers:
            self._numbers[key] = len(self._values)
            self._values.append(key)
        return self._numbers[key]

    def text(self, sort: str, number: int) -> str | None:
        """The value of a number; ``None``: it is none of this sort that a policy writes."""
        known = self._values[number] if 0 <= number < len(self._values) else ("", "")
        return known[1] if known[0] == sort else None
