"""A request for each policy that it matches, and which other policies match those too: all at once, in bits.

It only says which questions are worth putting to the solver. Bit ``n`` of a row is about the request of policy ``n``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from rule_of_two.policy.proof.formula import (
    Equal,
    Every,
    Flag,
    Formula,
    Less,
    Not,
    Number,
    Product,
    Some,
    Sum,
    Term,
    Truth,
    Unknown,
    unknowns,
)

Values = Mapping[Unknown | Flag, int | bool]

_NOWHERE: Final = -(2**70)
"""Further down than any number that policies write: what nothing is said of differs from everything."""


class Samples:
    """Requests as values of unknowns; ``None`` where a policy matches none. What a request does not say is plain."""

    def __init__(self, requests: Sequence[Values | None]) -> None:
        self._requests = requests
        self.all = sum(1 << number for number, request in enumerate(requests) if request is not None)
        self._by_value: dict[Unknown | Flag, dict[int | bool, int]] = defaultdict(lambda: defaultdict(int))
        for number, request in enumerate(requests):
            for unknown, value in (request or {}).items():
                self._by_value[unknown][value] |= 1 << number
        self._defaults: dict[Unknown, int] = {}
        self._rows: dict[Formula | int, int] = {}
        self._kept: list[Formula] = []

    def row(self, formula: Formula) -> int:
        """On which of the requests ``formula`` is true."""
        match formula:
            case Truth(value):
                return self.all if value else 0
            case Not(part):
                return self.all & ~self.row(part)
            case Every() | Some():
                key: Formula | int = id(formula)
            case _:
                key = formula
        if key not in self._rows:
            self._kept.append(formula)  # so that its id stays its own
            self._rows[key] = self._row(formula)
        return self._rows[key]

    def _row(self, formula: Formula) -> int:
        match formula:
            case Every(parts):
                row = self.all
                for part in parts:
                    row &= self.row(part)
                    if not row:
                        break
                return row
            case Some(parts):
                row = 0
                for part in parts:
                    row |= self.row(part)
                    if row == self.all:
                        break
                return row
            case Flag():
                return self._by_value[formula][True]
            case Equal(Unknown() as one, Number(value)) | Equal(Number(value), Unknown() as one):
                return self._by_value[one][value]
        return self._one_by_one(formula)

    def _one_by_one(self, atom: Formula) -> int:
        """Only where something is said of it; elsewhere it is as by default."""
        row = self.all if self._true(atom, {}) else 0
        said = 0
        for unknown in unknowns(atom):
            for bits in self._by_value[unknown].values():
                said |= bits
        row &= ~said
        while said:
            bit = said & -said
            said ^= bit
            if self._true(atom, self._requests[bit.bit_length() - 1] or {}):
                row |= bit
        return row

    def _true(self, atom: Formula, request: Values) -> bool:
        match atom:
            case Equal(left, right):
                return self._number(left, request) == self._number(right, request)
            case Less(left, right):
                return self._number(left, request) < self._number(right, request)
        return False

    def _number(self, term: Term, request: Values) -> int:
        match term:
            case Number(value):
                return value
            case Sum(left, right, minus):
                other = self._number(right, request)
                return self._number(left, request) + (-other if minus else other)
            case Product(factor, one):
                return factor * self._number(one, request)
            case Unknown():
                if term in request:
                    return request[term]
                return self._defaults.setdefault(term, _NOWHERE - len(self._defaults))
