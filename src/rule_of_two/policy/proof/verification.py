"""Everything that is verified of one set, and what it amounts to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import cedarpy
from msgspec import Struct

from rule_of_two.escape import visible
from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.abstraction import tree_of
from rule_of_two.policy.proof.claims import KEEPS
from rule_of_two.policy.proof.enumeration import Enumeration, enumerate_invariant
from rule_of_two.policy.proof.expressions import attributes_read, paths_read
from rule_of_two.policy.proof.solver import can_prove
from rule_of_two.policy.proof.story import story
from rule_of_two.policy.proof.verify import Progress, Prover, Result
from rule_of_two.policy.references import shipped_policies, told_path
from rule_of_two.policy.syntax import Policy
from rule_of_two.wording import counted

ALWAYS: Final = frozenset(("third-label", "dropped", KEEPS, "frozen"))
"""The claims that hold of every combination of sets, since the invariant is none of them."""

ASSUMED: Final = (
    "Proved means: no request that the schema describes breaks it, whatever the entities and arguments are.",
    (
        "Assumed: the gateway's facts about a call are right (labels, targets, who asks), the engine does what Cedar "
        "specifies, and a policy that errs denies."
    ),
)


class Verification(Struct, frozen=True):
    """``results`` is ``None`` where `cvc5` is not installed, so that nothing but the enumeration was done."""

    policies: Policies
    properties: Sequence[Policy]
    enumeration: Enumeration
    results: Sequence[Result] | None
    combinations: int | None = None
    """How many combinations of sets it was proved for; ``None``: for all of them together only."""

    @property
    def good(self) -> bool:
        """Everything was shown: nothing differs, nothing is refuted, nothing is open."""
        shown = {"proved", "does not apply"}
        return (
            not self.enumeration.differences
            and self.results is not None
            and all(one.status in shown for one in self.results)
        )

    def lines(self) -> Iterator[str]:
        """For people, with every hidden character shown."""
        return map(visible, self._lines())

    def _lines(self) -> Iterator[str]:
        named = ", ".join(self.policies.sets)
        policies = counted(len(self.policies.by_id), "policy")
        yield f"{named}: {policies} with the invariant's, version {self.policies.version[:12]}"
        if self.combinations is not None:
            sets = counted(len(self.policies.sets), "set")
            yield f"Each of the {self.combinations} combinations of these {sets}, with the invariant."
        yield ""
        yield from self._enumerated()
        if self.results is None:
            return
        for one in self.results:
            yield from self._told(one)
        yield ""
        yield from ASSUMED

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "policies": {"sets": self.policies.sets, "version": self.policies.version},
            "combinations": self.combinations,
            "good": self.good,
            "enumeration": {
                "cases": self.enumeration.cases,
                "differences": [
                    {"action": str(one.action), "case": str(one.case), "outcome": str(one.outcome)}
                    for one in self.enumeration.differences
                ],
            },
            "claims": None if self.results is None else [self._facts(one) for one in self.results],
            "assumed": ASSUMED,
        }

    def _enumerated(self) -> Iterator[str]:
        found = self.enumeration
        cases = f"in all {found.cases} cases"
        if not found.differences:
            yield f"enumerated      The invariant on the engine, {cases}: each policy does as the rule says."
            return
        yield f"refuted         The invariant on the engine, {cases}: {len(found.differences)} differ, such as"
        one = found.differences[0]
        outcome = one.case.expected()[0]
        yield f"                {one.action}, {one.case}: {one.outcome}, and the rule says {outcome}"

    def _told(self, one: Result) -> Iterator[str]:
        yield f"{one.status:15} {one.claim.sentence}{_place(one)}"
        if one.skipping is False:
            yield "                It holds because what errs is denied; an engine that skips what errs would break it."
        if one.why:
            yield f"                {one.why}"
        if one.counterexample is not None:
            if one.counterexample.sets:
                yield f"                with the sets {', '.join(one.counterexample.sets)}: {one.claim.broken}"
            else:
                yield f"                {one.claim.broken}:"
            yield from (f"                {step}" for step in self._story(one))
        if one.status == "not proved" and one.tried:
            tried = counted(one.tried, "request")
            yield f"                Only tested: of {tried} that might break it, none did on the engine."
            yield from (f"                Not found possible there: {expression_text(key)}" for key in one.assumed[:5])

    def _story(self, one: Result) -> Sequence[str]:
        found = one.counterexample
        origin = () if one.claim.origin is None else (one.claim.origin.policy,)
        if found is None:
            return []
        shipped = shipped_policies()
        own = (policy for policy in self.policies.by_id.values() if shipped not in policy.file.parents)
        paths = frozenset[tuple[str, ...]]().union(*(paths_read(tree_of(policy)) for policy in (*own, *origin)))
        return story(found.request, found.answers, self.policies.by_id, self._read(origin), paths)

    def _read(self, besides: Iterable[Policy]) -> frozenset[str]:
        """The names of the attributes that policies and ``besides`` read."""
        read = (attributes_read(tree_of(policy)) for policy in (*self.policies.by_id.values(), *besides))
        return frozenset(("interactive",)).union(*read)

    def _facts(self, one: Result) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "claim": one.claim.name,
            "sentence": one.claim.sentence,
            "status": one.status,
            "why": one.why,
            "holds_if_errors_are_skipped": one.skipping,
        }
        if one.claim.origin is not None:
            policy = one.claim.origin.policy
            facts |= {"file": str(policy.file), "line": policy.line}
        if one.status == "not proved":
            facts |= {"tried": one.tried, "assumed": [expression_text(key) for key in one.assumed]}
        if one.counterexample is not None:
            answers = [
                {"approvals": answer.approvals, "allowed": answer.allowed, "policies": answer.policies}
                for answer in one.counterexample.answers
            ]
            request = one.counterexample.request.as_facts()
            facts["counterexample"] = {"request": request, "answers": answers, "session": self._story(one)}
            facts["counterexample"]["sets"] = one.counterexample.sets
        return facts


def verify(
    policies: Policies, properties: Sequence[Policy] = (), *, progress: Progress = lambda _: None
) -> Verification:
    """Enumerate the invariant, then prove every claim about the whole set and the operator's properties.

    :raises PolicyError: the schema cannot be read by the prover.
    """
    progress("the invariant on the engine")
    enumeration = enumerate_invariant(policies)
    results = list(Prover(policies, properties).results(progress)) if can_prove() else None
    return Verification(policies, properties, enumeration, results)


def verify_combinations(
    policies: Policies, set_of: Callable[[Policy], str | None], *, progress: Progress = lambda _: None
) -> Verification:
    """Prove the invariant's claims for every combination of the loaded sets at once, each set being there or not.

    :param set_of: the set that a policy belongs to; ``None``: it is always there, as the invariant's are.
    :raises PolicyError: the schema cannot be read by the prover.
    """
    progress("the invariant on the engine")
    enumeration = enumerate_invariant(policies)
    results = None
    if can_prove():
        prover = Prover(policies, set_of=set_of)
        results = list(prover.results(progress, only=ALWAYS))
    sets = {set_of(policy) for policy in policies.by_id.values()} - {None}
    return Verification(policies, (), enumeration, results, combinations=2 ** len(sets))


def _attributes(policies: Iterable[Policy]) -> frozenset[str]:
    """The names of the attributes that they read."""
    return frozenset().union(*(attributes_read(tree_of(policy)) for policy in policies))


def expression_text(key: str) -> str:
    """An expression in Cedar, from its JSON text."""
    everything = {"op": "All"}
    scope = {"principal": everything, "action": everything, "resource": everything}
    condition = {"kind": "when", "body": json.loads(key)}
    tree = {"effect": "permit", **scope, "conditions": [condition]}
    try:
        text = json.dumps({"templates": {}, "staticPolicies": {"policy0": tree}, "templateLinks": []})
        written: str = cedarpy.policies_from_json_str(text)
    except ValueError:  # it nests too deep for the engine's reader
        return key
    return written.partition("when {")[2].rpartition("}")[0].strip()


def _place(one: Result) -> str:
    origin = one.claim.origin
    return "" if origin is None else f"  ({origin.policy.id}, {told_path(origin.policy.file)}:{origin.policy.line})"
