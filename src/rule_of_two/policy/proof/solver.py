"""Asks `cvc5` whether requests exist. Formulas over one request may be asked at several numbers of approvals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.policy.proof.formula import (
    APPROVALS,
    Atom,
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
)

NEED_CVC5 = "proofs need cvc5; install it with `pip install 'mcp-rule-of-two[prove]'`"


def can_prove() -> bool:
    """Whether `cvc5` is installed."""
    try:
        import cvc5  # noqa: F401, PLC0415  # an extra
    except ImportError:
        return False
    return True


class Pass(Struct, frozen=True):
    """One pass over a request: ``name`` tells passes apart, and ``least`` people said yes, or exactly ``count``."""

    name: str
    count: int | None = None
    least: int = 0
    after: Pass | None = None
    """The pass that this one has one more yes than."""


UNASKED = Pass("unasked", count=0)


class Model(Struct, frozen=True):
    """A request that satisfies what was asked, as far as the atoms tell. ``approvals`` by the name of the pass."""

    flags: Mapping[tuple[str, str], bool]
    numbers: Mapping[tuple[str, str], int]
    nodes: Mapping[str, Any]
    sorts: Mapping[str, str]
    approvals: Mapping[str, int]


class Solver:
    """One solver for many questions. What is asserted stays; what is asked does not."""

    def __init__(self) -> None:
        """:raises ConfigurationError: `cvc5` is not installed."""
        try:
            import cvc5  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise ConfigurationError(NEED_CVC5) from error
        self._kinds = cvc5.Kind
        self._terms = cvc5.TermManager()
        self._solver = cvc5.Solver(self._terms)
        self._solver.setOption("produce-models", "true")
        self._solver.setOption("incremental", "true")
        self._solver.setOption("produce-unsat-assumptions", "true")
        # Simplifying once more for each question takes 200 times as long as answering it, where a set has 800 elements.
        self._solver.setOption("simplification", "none")
        self._solver.setLogic("QF_UFLIA")
        self._unknowns: dict[tuple[str, str], Any] = {}
        self._sources: dict[tuple[str, str], Unknown | Flag] = {}
        self._encoded: dict[tuple[Formula | int, str], Any] = {}
        self._kept: list[Formula] = []
        self._passes: dict[str, Any] = {}
        self._defined = 0

    def add(self, fact: Formula) -> None:
        """It holds in every request."""
        self._solver.assertFormula(self.term(fact, UNASKED))

    def term(self, formula: Formula, at: Pass) -> Any:
        """``formula`` in the pass ``at``, for :meth:`ask`."""
        match formula:
            case Truth(value):
                return self._terms.mkBoolean(value)
            case Not(part):
                return self._terms.mkTerm(self._kinds.NOT, self.term(part, at))
            case Every(parts) | Some(parts):
                key = (id(formula), at.name)
                if key not in self._encoded:
                    self._kept.append(formula)  # so that its id stays its own
                    terms = [self.term(part, at) for part in parts]
                    self._encoded[key] = self.every(terms) if isinstance(formula, Every) else self.some(terms)
                return self._encoded[key]
        atom_key = (formula, at.name)
        if atom_key not in self._encoded:
            self._encoded[atom_key] = self._atom(formula, at)
        return self._encoded[atom_key]

    def define(self, term: Any) -> Any:
        """A name for a large term, so that it is given to the solver once."""
        self._defined += 1
        name = self._terms.mkConst(self._terms.getBooleanSort(), f"defined {self._defined}")
        self._solver.assertFormula(self._terms.mkTerm(self._kinds.EQUAL, name, term))
        return name

    def free(self, name: str) -> Any:
        """A truth value of its own."""
        return self._terms.mkConst(self._terms.getBooleanSort(), name)

    def every(self, terms: Sequence[Any]) -> Any:
        """All of these."""
        return self._joined(self._kinds.AND, terms, empty=True)

    def some(self, terms: Sequence[Any]) -> Any:
        """At least one of these."""
        return self._joined(self._kinds.OR, terms, empty=False)

    def negated(self, term: Any) -> Any:
        """The opposite."""
        return self._terms.mkTerm(self._kinds.NOT, term)

    def possible(self, *terms: Any) -> bool | None:
        """Whether a request can satisfy all of ``terms``; ``None``: the solver cannot tell."""
        answer = self._solver.checkSatAssuming(*terms) if terms else self._solver.checkSat()
        return True if answer.isSat() else False if answer.isUnsat() else None

    def excluded(self, *terms: Any) -> Sequence[Any] | None:
        """Those of ``terms`` that no request satisfies all of, not all of them if some suffice; else ``None``."""
        if not self._solver.checkSatAssuming(*terms).isUnsat():
            return None
        found: Sequence[Any] = self._solver.getUnsatAssumptions()
        return found

    def holds(self, term: Any) -> bool:
        """Whether ``term`` is true in what :meth:`possible` found last."""
        return bool(self._solver.getValue(term).getBooleanValue())

    def model(self, wanted: Iterable[Unknown | Flag], passes: Sequence[Pass]) -> Model:
        """What :meth:`possible` found last, as far as these unknowns tell."""
        flags: dict[tuple[str, str], bool] = {}
        numbers: dict[tuple[str, str], int] = {}
        nodes: dict[str, Any] = {}
        sorts: dict[str, str] = {}
        for unknown in wanted:
            if unknown == APPROVALS:
                continue
            nodes[unknown.key] = unknown.node
            for at in passes if unknown.varies else (UNASKED,):
                value = self._solver.getValue(self._unknown(unknown, at))
                key = (unknown.key, at.name if unknown.varies else "")
                if isinstance(unknown, Flag):
                    flags[key] = value.getBooleanValue()
                else:
                    numbers[key] = value.getIntegerValue()
                    sorts[unknown.key] = unknown.sort
        counts = {name: self._solver.getValue(term).getIntegerValue() for name, term in self._passes.items()}
        return Model(flags, numbers, nodes, sorts, counts)

    def values(self, wanted: Iterable[Unknown | Flag], at: Pass) -> Mapping[Unknown | Flag, int | bool]:
        """These unknowns in what :meth:`possible` found last."""
        found: dict[Unknown | Flag, int | bool] = {}
        for unknown in wanted:
            if unknown not in found:
                value = self._solver.getValue(self._unknown(unknown, at))
                found[unknown] = value.getBooleanValue() if isinstance(unknown, Flag) else value.getIntegerValue()
        return found

    def _atom(self, atom: Atom, at: Pass) -> Any:
        match atom:
            case Flag():
                return self._unknown(atom, at)
            case Equal(left, right):
                return self._terms.mkTerm(self._kinds.EQUAL, self._number(left, at), self._number(right, at))
            case Less(left, right):
                return self._terms.mkTerm(self._kinds.LT, self._number(left, at), self._number(right, at))

    def _number(self, term: Term, at: Pass) -> Any:
        match term:
            case Number(value):
                return self._terms.mkInteger(str(value))
            case Sum(left, right, minus):
                kind = self._kinds.SUB if minus else self._kinds.ADD
                return self._terms.mkTerm(kind, self._number(left, at), self._number(right, at))
            case Product(factor, one):
                return self._terms.mkTerm(self._kinds.MULT, self._terms.mkInteger(str(factor)), self._number(one, at))
            case Unknown():
                return self._unknown(term, at)

    def _unknown(self, unknown: Unknown | Flag, at: Pass) -> Any:
        if unknown == APPROVALS:
            return self._approvals(at)
        key = (unknown.key, at.name if unknown.varies else "")
        if key not in self._unknowns:
            sort = self._terms.getBooleanSort() if isinstance(unknown, Flag) else self._terms.getIntegerSort()
            self._unknowns[key] = self._terms.mkConst(sort, " ".join(key))
        return self._unknowns[key]

    def _approvals(self, at: Pass) -> Any:
        if at.name not in self._passes:
            integer = self._terms.getIntegerSort()
            self._passes[at.name] = count = self._terms.mkConst(integer, f"approvals {at.name}")
            number, equal, at_least = self._terms.mkInteger, self._kinds.EQUAL, self._kinds.GEQ
            if at.count is not None:
                self._solver.assertFormula(self._terms.mkTerm(equal, count, number(at.count)))
            self._solver.assertFormula(self._terms.mkTerm(at_least, count, number(at.least)))
            if at.after is not None:
                more = self._terms.mkTerm(self._kinds.ADD, self._approvals(at.after), number(1))
                self._solver.assertFormula(self._terms.mkTerm(equal, count, more))
        return self._passes[at.name]

    def _joined(self, kind: Any, terms: Sequence[Any], *, empty: bool) -> Any:
        if len(terms) < 2:
            return terms[0] if terms else self._terms.mkBoolean(empty)
        return self._terms.mkTerm(kind, *terms)
