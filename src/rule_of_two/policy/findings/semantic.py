"""What policies do to each other, as far as it is certain: some can never decide anything.

Decided by the same formulas as proofs: those have at least every request as a model, so that what no model does is
certain, and nothing else is said. `tests/policy/findings/test_semantic.py` holds each kind against the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from rule_of_two.policy.findings.finding import Finding
from rule_of_two.policy.findings.samples import Samples, Values
from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.abstraction import Abstract, Abstraction, tree_of
from rule_of_two.policy.proof.actions import ACTION, TYPE_OF
from rule_of_two.policy.proof.claims import ANY
from rule_of_two.policy.proof.formula import APPROVALS, Flag, Formula, Unknown, negated, unknowns
from rule_of_two.policy.proof.schema_text import read_schema
from rule_of_two.policy.proof.solver import Solver
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.trees import context_reads

_MOST_TRIED: Final = 25
"""Policies that may cover another one, asked of the solver before it is let be."""

_MOST_NAMED: Final = 3
_ROUNDS: Final = 2
_FEW: Final = 20
"""So many are looked at one by one: forbids for whether the others do without, expressions for what they imply."""


def semantic_findings(
    policies: Policies, *, supplied: frozenset[str] | None = None, progress: Callable[[str], None] = lambda _: None
) -> Sequence[Finding]:
    """What is certain of the operator's own policies; shipped ones are only held against them.

    :param supplied: the optional context attributes that somebody supplies; ``None``: it is not known.
    :raises ConfigurationError: `cvc5` is not installed.
    :raises PolicyError: the schema cannot be read.
    """
    return list(_Search(policies, supplied, progress).findings())


class _Search:
    def __init__(self, policies: Policies, supplied: frozenset[str] | None, progress: Callable[[str], None]) -> None:
        view = read_schema(policies.schema_text, policies.schema)
        self._progress = progress
        self._abstraction = Abstraction(policies.by_id.values(), view)
        self._all = self._abstraction.policies
        shipped = shipped_policies()
        self._own = [place for place, one in enumerate(self._all) if shipped not in one.policy.file.parents]
        self._absent = {} if supplied is None else self._flags(view.optional_context() - supplied)
        self._solver = Solver()
        self._related: dict[Unknown | Flag, set[Unknown | Flag]] = defaultdict(set)
        for fact in self._abstraction.facts(self._absent.values()):
            self._solver.add(fact)
            together = frozenset(unknowns(fact))
            for unknown in together:
                self._related[unknown] |= together
        self._terms: list[Any] = [self._solver.define(self._solver.term(one.matches, ANY)) for one in self._all]

    def findings(self) -> Iterator[Finding]:
        requests = [self._sample(place) for place in range(len(self._all))]
        samples = Samples(requests)
        rows = [samples.row(one.matches) for one in self._all]
        for place in self._own:
            one = self._all[place]
            self._progress(f"{one.policy.id} beside the others")
            found = self._dead(one) if requests[place] is None else self._hidden(place, rows)
            yield from (finding for finding in (found, *self._unsupplied(place)) if finding is not None)

    def _sample(self, place: int) -> Values | None:
        """Values of a request that a policy matches; ``None``: there is none."""
        if self._solver.possible(self._terms[place]) is False:
            return None
        own = set(unknowns(self._all[place].matches))
        related = [one for unknown in own if len(self._related[unknown]) <= _FEW for one in self._related[unknown]]
        return self._solver.values((*own, *related, ACTION, *TYPE_OF.values(), APPROVALS), ANY)

    def _dead(self, one: Abstract) -> Finding:
        effect = "permit" if one.permit else "forbid"
        return _finding(
            one, "never-matches", f"no request can match this {effect}: its conditions exclude each other",
            "correct the condition, or remove it",
        )  # fmt: skip

    def _hidden(self, place: int, rows: Sequence[int]) -> Finding | None:
        one = self._all[place]
        if one.permit:
            forbids = [other for other, by in enumerate(self._all) if not by.permit]
            forbidden = self._forbidden(place, forbids, rows)
            if forbidden is not None:
                return forbidden
        same = [other for other, by in enumerate(self._all) if by.permit is one.permit and other != place]
        by = self._covering(place, same, rows)
        if by is None:
            return None
        told = _named(self._all[by])
        if one.permit:
            problem = f"everything that it permits is permitted by {told} already"
            return _finding(one, "redundant", problem, "remove it, or narrow the other one", error=False)
        problem = f"everything that it forbids is forbidden by {told} already, with the same or a stronger outcome"
        return _finding(one, "shadowed", problem, "remove it, or narrow the other one", error=False)

    def _forbidden(self, place: int, forbids: Sequence[int], rows: Sequence[int]) -> Finding | None:
        """A permit, all of whose requests are forbidden."""
        one = self._all[place]
        by = self._covering(place, forbids, rows)
        if by is not None:
            problem = f"contradicts {_named(self._all[by])}, which forbids everything that it permits"
            return _finding(one, "contradicts", problem, "narrow the forbid, or remove the permit")
        union = 0
        for other in forbids:
            union |= rows[other]
        if rows[place] & ~union:
            return None
        needed = self._needed(place, forbids)
        if not needed:
            return None
        named = [_named(self._all[other]) for other in needed[:_MOST_NAMED]]
        more = f" and {len(needed) - len(named)} more" if len(needed) > len(named) else ""
        problem = f"can never fire: what it permits is forbidden by {' and '.join(named)}{more} together"
        return _finding(one, "never-fires", problem, "narrow one of the forbids, or remove the permit")

    def _needed(self, place: int, forbids: Sequence[int]) -> Sequence[int]:
        """Few forbids that leave nothing of a permit; none: something is left."""
        needed: Sequence[int] = forbids
        for _ in range(_ROUNDS):
            left = {other: self._solver.negated(self._terms[other]) for other in needed}
            excluded = self._solver.excluded(self._terms[place], *left.values())
            if excluded is None:
                return ()
            needed = [other for other, term in left.items() if term in excluded]
        for other in needed if len(needed) <= _FEW else ():
            fewer = [one for one in needed if one != other]
            left = {one: self._solver.negated(self._terms[one]) for one in fewer}
            if self._solver.excluded(self._terms[place], *left.values()) is not None:
                needed = fewer
        return needed

    def _covering(self, place: int, others: Sequence[int], rows: Sequence[int]) -> int | None:
        """One of ``others`` that matches whatever the policy at ``place`` does.

        Of two of the same effect that match the same, only the later one is covered.
        """
        tried = 0
        for other in others:
            if rows[place] & ~rows[other] or tried >= _MOST_TRIED:
                continue
            tried += 1
            if self._covers(other, place) and not self._twin_later(place, other):
                return other
        return None

    def _covers(self, wide: int, narrow: int) -> bool:
        return self._solver.possible(self._terms[narrow], self._solver.negated(self._terms[wide])) is False

    def _twin_later(self, place: int, other: int) -> bool:
        same_effect = self._all[place].permit is self._all[other].permit
        return same_effect and other > place and other in self._own and self._covers(place, other)

    def _flags(self, names: frozenset[str]) -> dict[str, Formula]:
        return {name: self._abstraction.condition(f"context has {name}") for name in sorted(names)}

    def _unsupplied(self, place: int) -> Iterator[Finding]:
        """Optional attributes of the context that it reads and nobody supplies."""
        one = self._all[place]
        read = {path[0] for path in context_reads(tree_of(one.policy)) if path}
        missing = [name for name in self._absent if name in read]
        if not missing:
            return
        absent = [self._solver.term(negated(self._absent[name]), ANY) for name in missing]
        named = " and ".join(f"`context.{name}`" for name in missing)
        if self._solver.possible(self._terms[place], *absent) is False:
            problem = f"can never match: it needs {named}, and no provider supplies that"
            yield _finding(one, "needs-provider", problem, f"configure a provider of {named} under `providers:`")
        else:
            problem = f"reads {named}, and no provider supplies that, so it is always absent"
            yield _finding(
                one, "no-provider", problem, f"configure a provider of {named} under `providers:`", error=False
            )


def _finding(one: Abstract, kind: str, problem: str, suggestion: str, *, error: bool = True) -> Finding:
    policy = one.policy
    return Finding(kind, error, policy.file, policy.line, policy.id, problem, suggestion)


def _named(one: Abstract) -> str:
    return f"'{one.policy.id}' ({one.policy.file}:{one.policy.line})"
