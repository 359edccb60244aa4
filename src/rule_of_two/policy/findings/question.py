"""Questions about one policy beside others: a solver of its own, that is told of no more than they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from rule_of_two.policy.findings.neighbourhood import Neighbourhood
from rule_of_two.policy.findings.samples import Values
from rule_of_two.policy.proof.actions import ACTION, TYPE_OF
from rule_of_two.policy.proof.claims import ANY
from rule_of_two.policy.proof.formula import APPROVALS, Atom, Flag, Formula, Unknown, negated, unknowns
from rule_of_two.policy.proof.solver import Solver


class Question:
    """Whether requests that one policy matches can be something else besides.

    Asking raises ``ConfigurationError`` where `cvc5` is not installed.
    """

    def __init__(self, matches: Formula, neighbourhood: Neighbourhood) -> None:
        self._neighbourhood = neighbourhood
        self._about: frozenset[Atom] = frozenset()
        self._told: set[int] = set()
        self._matches = matches

    @cached_property
    def _solver(self) -> Solver:
        """Only where something is asked: making one takes longer than most answers."""
        return Solver()

    def possible(self, *besides: Formula) -> bool:
        """Whether a request may match the policy and all of ``besides``: false is certain."""
        self._tell(besides)
        terms = [self._solver.term(one, ANY) for one in (self._matches, *besides)]
        return self._solver.possible(*terms) is not False

    def covered(self, others: Sequence[Formula]) -> Sequence[int] | None:
        """The places of those of ``others`` that together match all that the policy does; ``None``: perhaps none do."""
        self._tell(others)
        left = [self._solver.term(negated(one), ANY) for one in others]
        excluded = self._solver.excluded(self._solver.term(self._matches, ANY), *left)
        return None if excluded is None else [place for place, term in enumerate(left) if term in excluded]

    def request(self) -> Values:
        """What was found possible last."""
        found: list[Unknown | Flag] = [one for atom in self._about for one in unknowns(atom)]
        return self._solver.values((*found, ACTION, *TYPE_OF.values(), APPROVALS), ANY)

    def _tell(self, formulas: Iterable[Formula]) -> None:
        more = self._about | self._neighbourhood.atoms((self._matches, *formulas))
        if more == self._about and self._told:
            return
        self._about = more
        for fact in self._neighbourhood.facts(more):
            if id(fact) not in self._told:
                self._told.add(id(fact))
                self._solver.add(fact)
