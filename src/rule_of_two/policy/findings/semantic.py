"""What policies do to each other, as far as it is certain: some can never decide anything.

Decided by the same formulas as proofs: those have at least every request as a model, so that what no model does is
certain, and nothing else is said. `tests/policy/findings/test_semantic.py` holds each kind against the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rule_of_two.policy.findings.finding import Finding
from rule_of_two.policy.findings.neighbourhood import Neighbourhood
from rule_of_two.policy.findings.question import Question
from rule_of_two.policy.findings.samples import Samples, Values
from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.abstraction import Abstract, Abstraction, tree_of
from rule_of_two.policy.proof.formula import Formula, negated
from rule_of_two.policy.proof.schema_text import read_schema
from rule_of_two.policy.references import shipped_policies, told_path
from rule_of_two.policy.trees import context_reads

_MOST_TRIED: Final = 25
"""Policies that may cover another one, asked of the solver before it is let be."""

_MOST_NAMED: Final = 3
_FEW: Final = 20
"""So many forbids are looked at one by one, for whether the others do without."""


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
        self._neighbourhood = Neighbourhood(self._abstraction.facts(self._absent.values()))

    def findings(self) -> Iterator[Finding]:
        requests = [self._sample(one) for one in self._all]
        samples = Samples(requests)
        rows = [samples.row(one.matches) for one in self._all]
        for place in self._own:
            one = self._all[place]
            self._progress(f"{one.policy.id} beside the others")
            question = Question(one.matches, self._neighbourhood)
            found = self._dead(one) if requests[place] is None else self._hidden(place, question, rows)
            yield from (finding for finding in (found, *self._unsupplied(one, question)) if finding is not None)

    def _sample(self, one: Abstract) -> Values | None:
        """Values of a request that a policy matches; ``None``: there is none."""
        question = Question(one.matches, self._neighbourhood)
        return question.request() if question.possible() else None

    def _dead(self, one: Abstract) -> Finding:
        effect = "permit" if one.permit else "forbid"
        return _finding(
            one, "never-matches", f"no request can match this {effect}: its conditions exclude each other",
            "correct the condition, or remove it",
        )  # fmt: skip

    def _hidden(self, place: int, question: Question, rows: Sequence[int]) -> Finding | None:
        one = self._all[place]
        if one.permit:
            forbids = [other for other, by in enumerate(self._all) if not by.permit]
            forbidden = self._forbidden(place, question, forbids, rows)
            if forbidden is not None:
                return forbidden
        same = [other for other, by in enumerate(self._all) if by.permit is one.permit and other != place]
        by = self._covering(place, question, same, rows)
        if by is None:
            return None
        told = _named(self._all[by])
        if one.permit:
            problem = f"everything that it permits is permitted by {told} already"
            return _finding(one, "redundant", problem, "remove it, or narrow the other one", error=False)
        problem = f"everything that it forbids is forbidden by {told} already, with the same or a stronger outcome"
        return _finding(one, "shadowed", problem, "remove it, or narrow the other one", error=False)

    def _forbidden(self, place: int, question: Question, forbids: Sequence[int], rows: Sequence[int]) -> Finding | None:
        """A permit, all of whose requests are forbidden."""
        one = self._all[place]
        by = self._covering(place, question, forbids, rows)
        if by is not None:
            problem = f"contradicts {_named(self._all[by])}, which forbids everything that it permits"
            return _finding(one, "contradicts", problem, "narrow the forbid, or remove the permit")
        union = 0
        for other in forbids:
            union |= rows[other]
        if rows[place] & ~union:
            return None
        needed = self._needed(question, forbids, [other for other in forbids if rows[other] >> place & 1])
        if not needed:
            return None
        named = [_named(self._all[other]) for other in needed[:_MOST_NAMED]]
        more = f" and {len(needed) - len(named)} more" if len(needed) > len(named) else ""
        problem = f"can never fire: what it permits is forbidden by {' and '.join(named)}{more} together"
        return _finding(one, "never-fires", problem, "narrow one of the forbids, or remove the permit")

    def _needed(self, question: Question, forbids: Sequence[int], tried: Sequence[int]) -> Sequence[int]:
        """Few forbids that leave nothing of a permit; none: something is left.

        It starts with those ``tried``, and adds what forbids each request that is found to be left.
        """
        needed = list(tried)
        while (core := self._together(question, needed)) is None:
            left = Samples([question.request()])
            more = [other for other in forbids if other not in needed and left.row(self._all[other].matches)]
            if not more:
                return ()
            needed += more
        for other in core if len(core) <= _FEW else ():
            fewer = [one for one in core if one != other]
            if self._together(question, fewer) is not None:
                core = fewer
        return sorted(core)

    def _together(self, question: Question, forbids: Sequence[int]) -> Sequence[int] | None:
        needed = question.covered([self._all[other].matches for other in forbids])
        return None if needed is None else [forbids[number] for number in needed]

    def _covering(self, place: int, question: Question, others: Sequence[int], rows: Sequence[int]) -> int | None:
        """One of ``others`` that matches whatever the policy at ``place`` does.

        Of two of the same effect that match the same, only the later one is covered.
        """
        beside: list[Samples] = []  # requests that it matches and one of the others does not
        for other in others:
            matches = self._all[other].matches
            if rows[place] & ~rows[other] or not all(one.row(matches) for one in beside):
                continue
            if question.possible(negated(matches)):
                beside.append(Samples([question.request()]))
                if len(beside) >= _MOST_TRIED:
                    return None
            elif not self._twin_later(place, other):
                return other
        return None

    def _twin_later(self, place: int, other: int) -> bool:
        one, later = self._all[place], self._all[other]
        if one.permit is not later.permit or other < place or other not in self._own:
            return False
        return not Question(later.matches, self._neighbourhood).possible(negated(one.matches))

    def _flags(self, names: frozenset[str]) -> dict[str, Formula]:
        return {name: self._abstraction.condition(f"context has {name}") for name in sorted(names)}

    def _unsupplied(self, one: Abstract, question: Question) -> Iterator[Finding]:
        """Optional attributes of the context that it reads and nobody supplies."""
        read = {path[0] for path in context_reads(tree_of(one.policy)) if path}
        missing = [name for name in self._absent if name in read]
        if not missing:
            return
        absent = [negated(self._absent[name]) for name in missing]
        named = " and ".join(f"`context.{name}`" for name in missing)
        if not question.possible(*absent):
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
    return f"'{one.policy.id}' ({told_path(one.policy.file)}:{one.policy.line})"
