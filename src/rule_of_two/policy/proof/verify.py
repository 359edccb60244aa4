"""Verifies a whole set: claim by claim, each proved, or refuted by a request that the engine was asked too."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.abstraction import Abstract, Abstraction, reads_approvals, tree_of
from rule_of_two.policy.proof.claims import ASKS, KEEPS, Claim, claims, property_claims
from rule_of_two.policy.proof.expressions import attributes_read
from rule_of_two.policy.proof.formula import APPROVALS, Flag, Less, Number, unknowns
from rule_of_two.policy.proof.replay import Answer, applies, replay, unrealised
from rule_of_two.policy.proof.request import Request, build
from rule_of_two.policy.proof.schema_text import read_schema
from rule_of_two.policy.proof.solver import UNASKED, Model, Pass, Solver
from rule_of_two.policy.proof.subset import only as only_those
from rule_of_two.policy.syntax import Policy

Status = Literal["proved", "refuted", "not proved", "does not apply"]
Progress = Callable[[str], None]

_ATTEMPTS: Final = 12
"""Requests tried on the engine before a claim counts as neither proved nor refuted."""

_PLAIN: Final = 3
"""The first of them, which are looked for among requests that are easy to follow."""

_PLAINER: Final = (
    'action == Gateway::Action::"call_tool"',
    "!context.frozen",
    "!context.dropped",
    "principal is Gateway::Session && principal.interactive",
    *(f"!(context.held has {label})" for label in "ABC"),
    *(f"!context.labels.{label}" for label in "ABC"),
    "context.target.complete",
)
"""An example of a request is easier to follow where these hold; each is dropped if it cannot be one then."""


class Counterexample(Struct, frozen=True):
    """A request, and what the engine says of it in each pass."""

    request: Request
    answers: Sequence[Answer]
    sets: tuple[str, ...] = ()
    """Which sets have to be loaded for it, where every combination was asked about."""


class Result(Struct, frozen=True):
    """What became of one claim.

    ``assumed`` names, where neither was shown, expressions that were taken to be possible together and that the engine
    did not find so. ``skipping``: whether it also holds on an engine that skips policies which err, as Cedar does.
    """

    claim: Claim
    status: Status
    counterexample: Counterexample | None = None
    assumed: tuple[str, ...] = ()
    tried: int = 0
    skipping: bool | None = None
    why: str = ""


class Prover:
    """Proves claims about the policies of a set. One solver, in which every formula is said once."""

    def __init__(
        self,
        policies: Policies,
        properties: Sequence[Policy] = (),
        *,
        set_of: Callable[[Policy], str | None] | None = None,
    ) -> None:
        """:param set_of: the set that a policy belongs to, to prove for all combinations; ``None``: always there.

        :raises ConfigurationError: `cvc5` is not installed.
        :raises PolicyError: the schema cannot be read.
        """
        self._policies = policies
        self._view = read_schema(policies.schema_text, policies.schema)
        self.abstraction = Abstraction(policies.by_id.values(), self._view, besides=properties)
        self.solver = Solver()
        general = (one for one in claims(self.abstraction) if one.name != KEEPS or policies.lowers)
        self._all_claims = (*general, *property_claims(self.abstraction))
        self._plainer = [self.abstraction.condition(text) for text in _PLAINER]
        facts = list(self.abstraction.facts((*(one.where for one in self._all_claims), *self._plainer)))
        for fact in facts:
            self.solver.add(fact)
        read = (*(one.matches for one in self.abstraction.policies), *facts, *self._plainer)
        found = dict.fromkeys(unknown for formula in read for unknown in unknowns(formula))
        self._unknowns = list(found)
        self._selectors: dict[str, Any] = {}
        self._set_of = set_of
        self._allowed: dict[tuple[str, bool], Any] = {}

    def results(self, progress: Progress = lambda _: None, *, only: Container[str] | None = None) -> Iterable[Result]:
        """Each claim in turn, or ``only`` those of these names; ``progress`` is told what is asked."""
        for claim in self._all_claims:
            if only is not None and claim.name not in only:
                continue
            progress(claim.sentence)
            yield self.prove(claim)

    def prove(self, claim: Claim) -> Result:
        """Proved, or a request that breaks it."""
        missing = self._does_not_apply(claim)
        if missing:
            return Result(claim, "does not apply", why=missing)
        question = [self.solver.term(claim.where, UNASKED)]
        if claim.origin is not None and self.solver.possible(*question) is False:
            return Result(claim, "not proved", why="no request that reaches a server matches it, so it says nothing")
        question += [self._outcome(at, allowed=allowed) for at, allowed in claim.passes]
        possible = self.solver.possible(*question)
        if possible is False:
            return Result(claim, "proved", skipping=self._skipping(claim) if claim.never else None)
        if possible is None:
            return Result(claim, "not proved", why="the solver could not decide it")
        return self._refute(claim, question)

    def _does_not_apply(self, claim: Claim) -> str:
        if claim.name.startswith("blocked") and not any(
            "blocked" in attributes_read(tree_of(one.policy)) for one in self.abstraction.policies
        ):
            return "no policy of this set reads `blocked`, so blocking a thing in an entities file stops nothing"
        if claim.needs_asking:
            asks = [self.solver.term(self.abstraction.use, UNASKED)]
            asks += [self._outcome(at, allowed=allowed) for at, allowed in ASKS]
            if self.solver.possible(*asks) is False:
                return "nothing asks with this set, so nobody ever says yes"
        return ""

    def _skipping(self, claim: Claim) -> bool:
        ((at, _),) = claim.passes
        return self.solver.possible(self.solver.term(claim.where, UNASKED), self._allows(at, skipping=True)) is False

    def _outcome(self, at: Pass, *, allowed: bool) -> Any:
        term = self._allows(at)
        return term if allowed else self.solver.negated(term)

    def _allows(self, at: Pass, *, skipping: bool = False) -> Any:
        """Some permit matches and no forbid does; with ``skipping``, no forbid that cannot err."""
        key = (at.name, skipping)
        if key not in self._allowed:
            solver, found = self.solver, self.abstraction.policies
            permits = [self._matches(one, at) for one in found if one.permit]
            forbids = [self._matches(one, at) for one in found if not one.permit and not (skipping and one.can_err)]
            allowed = solver.every([solver.some(permits), solver.negated(solver.some(forbids))])
            self._allowed[key] = solver.define(allowed)
        return self._allowed[key]

    def _matches(self, one: Abstract, at: Pass) -> Any:
        matches = self.solver.term(one.matches, at if reads_approvals(one.policy) else UNASKED)
        name = None if self._set_of is None else self._set_of(one.policy)
        if name is None:
            return matches
        if name not in self._selectors:
            self._selectors[name] = self.solver.free(f"set {name}")
        return self.solver.every([self._selectors[name], matches])

    def _refute(self, claim: Claim, question: Sequence[Any]) -> Result:
        """Tries requests on the engine until one does what the model says."""
        solver, tried = self.solver, 0
        assumed: tuple[str, ...] = ()
        question = list(question)
        while tried < _ATTEMPTS and solver.possible(*(self._plain(question, claim) if tried < _PLAIN else question)):
            tried += 1
            model = solver.model((*self._unknowns, *unknowns(claim.where)), [at for at, _ in claim.passes])
            sets = tuple(sorted(name for name, term in self._selectors.items() if solver.holds(term)))
            counts = [self._count(at, model) for at, _ in claim.passes]
            wrong: Sequence[str]
            try:
                request = build(model, self._view, self.abstraction.classes, self.abstraction.values)
            except ValueError:
                wrong = list(self._wanted(model))
            else:
                answers = replay(request, counts, self._only(sets))
                as_asked = [one.allowed for one in answers] == [allowed for _, allowed in claim.passes]
                if as_asked and applies(request, claim.witness, self._policies):
                    return Result(claim, "refuted", Counterexample(request, answers, sets), tried=tried)
                wrong = unrealised(request, self._wanted(model), self._policies)
            if not wrong:
                break
            assumed = (*assumed, *(name for name in wrong if name not in assumed))
            question.append(self._other_than(wrong, model))
        return Result(claim, "not proved", assumed=assumed, tried=tried)

    def _plain(self, question: Sequence[Any], claim: Claim) -> Sequence[Any]:
        """The question, with all that makes an example easy to follow and is possible besides."""
        kept = list(question)
        few = [(Less(APPROVALS, Number(at.least + 1)), at) for at, _ in claim.passes if at.count is None]
        for condition, at in (*few, *((one, UNASKED) for one in self._plainer)):
            term = self.solver.term(condition, at)
            if self.solver.possible(*kept, term):
                kept.append(term)
        return kept

    def _wanted(self, model: Model) -> Mapping[str, tuple[Any, bool]]:
        """The Boolean expressions that the model took for true or false."""
        return {key: (model.nodes[key], value) for (key, at), value in model.flags.items() if not at}

    def _other_than(self, wrong: Sequence[str], model: Model) -> Any:
        """Not all of these as the model has them."""
        terms = []
        for key in wrong:
            term = self.solver.term(Flag(key, model.nodes[key]), UNASKED)
            terms.append(self.solver.negated(term) if model.flags[key, ""] else term)
        return self.solver.some(terms)

    def _count(self, at: Pass, model: Model) -> int:
        least = at.count if at.count is not None else at.least
        return max(model.approvals.get(at.name, least), least)

    def _only(self, sets: tuple[str, ...]) -> Policies:
        """The policies of these sets, where every combination was asked about."""
        if self._set_of is None:
            return self._policies
        wanted = {None, *sets}
        set_of = self._set_of
        return only_those(self._policies, lambda policy: set_of(policy) in wanted)
