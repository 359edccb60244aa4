"""One decision: facts, session and policies in, a verdict out. No I/O, no clock.

Cedar is asked with ``context.approved`` false: may this run unasked? A clean deny is asked again with true: may it run
if a person says yes, or two different people, or more? Then the answer is *ask*, else *deny*.

Cedar skips a policy that errors, so a forbid that errors would let the call pass. Therefore every diagnostic, every
missing decision and every exception is a deny with :attr:`Code.POLICY_ERROR`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import cedarpy
import orjson

from rule_of_two.errors import Code
from rule_of_two.model import Action, Facts, Item, Labels, Obligation, Outcome, Principal, SessionView, Verdict
from rule_of_two.policy.cache import MAX_KEY_BYTES, RecentlyUsed
from rule_of_two.policy.context import NOTHING_KNOWN, Environment, context_of, minute
from rule_of_two.policy.directory import Entity
from rule_of_two.policy.documents import Documents, Form, Moment, entity_of
from rule_of_two.policy.engine import contained, evaluate
from rule_of_two.policy.entities import RELEASE, EntityStore, Participants
from rule_of_two.policy.load import Policies
from rule_of_two.policy.slices import HOLD_RESULT, LOWER_C
from rule_of_two.policy.syntax import DEFAULT_DENY
from rule_of_two.policy.trusts import trusted_folders
from rule_of_two.policy.typed.shapes import Unencodable
from rule_of_two.records import replace

MOST_FORMS: Final = 1000
"""Items of one result that policies can tell apart."""

_NOT_PERMITTED: Final = "No policy permits this."
_NOT_CHECKED: Final = "A policy about this tool does not fit the tool's definition, so nothing is allowed."
_NOT_KNOWN: Final = "Policies read the arguments of this call, which are not known here, so nothing is allowed."
_TOO_MANY_FORMS: Final = f"More than {MOST_FORMS} items of one result differ in what policies read; ask for fewer."
_NOT_EVALUATED: Final = "The policies could not be evaluated, so nothing is allowed."

MOST_APPROVALS: Final = 5
"""Different people that a policy can want to say yes."""

_DECISIONS: Final = 4096
_SAME: Final = 256
_MAX_ERRORS: Final = 10
_MAX_ERROR_LENGTH: Final = 400
_POSITION: Final = re.compile(r"policy `policy([0-9]{1,6})`")


class Authorizer:
    """Decides for one principal. Handles are parsed once, decisions remembered; the cost is flat in mounted tools."""

    def __init__(self, policies: Policies, principal: Principal, client: str) -> None:
        """:param client: the name of the client profile, for policies to read."""
        self._policies = policies
        self._entities = EntityStore(policies, principal, client)
        self._documents = Documents(policies.documents, policies.directory, policies.literals, principal)
        self._decided: RecentlyUsed[Verdict] = RecentlyUsed(_DECISIONS)
        self._same: dict[tuple[int, int, bool], tuple[Facts, SessionView, Verdict]] = {}
        """What was decided about the very same facts and view, by their identity: what is kept here keeps it theirs."""
        self._folders = trusted_folders(policies.directory, principal)
        self._obligations: dict[str, tuple[Obligation, ...]] = {
            name: tuple(term.bound(principal, name) for term in policy.obligations)
            for name, policy in policies.by_id.items()
            if policy.obligations
        }
        self.obliges = bool(self._obligations)
        """Whether any policy demands something of arguments."""
        self.holds_results = policies.holds
        """Whether any policy permits that the gateway keeps a result."""
        self.lowers_c = policies.lowers
        """Whether any policy permits to leave C out of account."""
        self.types_arguments = bool(policies.typed)
        """Whether any policy reads arguments of a tool."""

    def decide(
        self,
        facts: Facts,
        view: SessionView,
        *,
        now: datetime,
        approvals: int = 0,
        environment: Environment = NOTHING_KNOWN,
        releases: bool = False,
    ) -> Verdict:
        """Allow, ask or deny; with ``approvals``, when so many different people said yes, only allow or deny.
        ``releases``: not the request, but handing over what it brought back, whose labels the facts have then.

        Never raises for anything that the request or the engine does.

        # INVARIANT: what is not a clean allow of the engine's is not an allow; `tests/policy/test_fail_closed.py`.
        """
        people = int(approvals) if isinstance(approvals, int) and approvals > 0 else 0
        known = self._same.get((id(facts), people, releases))
        if known is not None and known[0] is facts and known[1] is view and not environment and now.tzinfo is UTC:
            return known[2]  # a clock that makes no sense, or anything that could change it, is looked at anew below
        return contained(
            lambda: self._decide(facts, view, now, people, environment, releases), lambda error: _failed([error], ())
        )

    def _decide(
        self,
        facts: Facts,
        view: SessionView,
        now: datetime,
        approvals: int,
        environment: Environment,
        releases: bool,
    ) -> Verdict:
        context = self._context(facts, view, environment)
        calls = facts.action is Action.CALL_TOOL and not releases
        typed = self._policies.typed.get(facts.qualified) if calls else None
        if typed is not None:
            if typed.problem:
                return Verdict(Outcome.DENY, Code.POLICY_ERROR, typed.policies, (_NOT_CHECKED,), (typed.problem,))
            if facts.arguments is None:
                # INVARIANT: a call that was taken in before policies read its arguments is not decided without them;
                # tests/policy/typed/test_actions.py.
                return Verdict(Outcome.DENY, Code.POLICY_ERROR, (), (_NOT_KNOWN,))
            try:
                context["input"] = typed.input.encode(facts.arguments)
            except Unencodable as error:
                text = f"Policies read the argument '{error.pointer}', and {error}, so nothing is allowed."
                return Verdict(Outcome.DENY, Code.POLICY_ERROR, (), (text,))
        request = (view.id, facts.action, facts.upstream, facts.name, context, approvals, releases)
        at = minute(now)
        key = orjson.dumps((request, at if self._policies.reads_now else None), option=orjson.OPT_SORT_KEYS)
        verdict = self._decided.get(key)
        if verdict is None:
            participants = self._entities.participants(view.id, facts, instead=RELEASE if releases else None)
            verdict = self._two_passes(participants, {**context, "now": at}, approvals)
            if verdict.errors:
                return verdict
            self._decided.put(key, verdict)
        if not environment and typed is None and not self._policies.reads_now and len(key) <= MAX_KEY_BYTES:
            if len(self._same) >= _SAME:
                self._same.clear()
            self._same[id(facts), approvals, releases] = facts, view, verdict
        return verdict

    def judge_holding(
        self, facts: Facts, view: SessionView, *, now: datetime, environment: Environment = NOTHING_KNOWN
    ) -> Verdict:
        """Whether what a request brought back is kept by the gateway (the action `hold_result`): allow or deny. The
        labels of ``facts`` are those of what came back.

        Never raises for anything that the request or the engine does.
        """
        return contained(
            lambda: self._named(HOLD_RESULT, facts, view, now, environment), lambda error: _failed([error], ())
        )

    def judge_lowering(
        self, facts: Facts, view: SessionView, *, now: datetime, environment: Environment = NOTHING_KNOWN
    ) -> Verdict:
        """Whether the C of a request may be left out of account in this session (the action `lower_c`): allow or deny.
        ``facts`` carry it.

        Never raises for anything that the request or the engine does.
        """
        return contained(
            lambda: self._named(LOWER_C, facts, view, now, environment), lambda error: _failed([error], ())
        )

    def _named(self, action: str, facts: Facts, view: SessionView, now: datetime, environment: Environment) -> Verdict:
        """One of the actions that only permits which name them permit, and about which nobody is asked."""
        context, at = self._context(facts, view, environment), minute(now)
        request = (view.id, facts.action, facts.upstream, facts.name, context, action)
        key = orjson.dumps((request, at if self._policies.reads_now else None), option=orjson.OPT_SORT_KEYS)
        known = self._decided.get(key)
        if known is not None:
            return known
        participants = self._entities.participants(view.id, facts, instead=action)
        verdict = self._evaluate(participants, {**context, "now": at}, 0)
        if not verdict.errors:
            self._decided.put(key, verdict)
        return verdict

    def _context(self, facts: Facts, view: SessionView, environment: Environment) -> dict[str, Any]:
        read = self._policies
        own = context_of(facts, view, urls=read.reads_urls, folders=self._folders, readers=read.reads_readers)
        return {**environment, **own}

    def release(
        self,
        document: Entity,
        labels: Labels,
        view: SessionView,
        *,
        now: datetime,
        approvals: int = 0,
        environment: Environment = NOTHING_KNOWN,
    ) -> Verdict:
        """Whether one item of a result may be handed over (the action `return_document`). ``document`` is the item as
        an entity of type `Document`, its server being what ``document["attrs"]["server"]`` names.

        Never raises for anything that the item or the engine does.
        """

        def work() -> Verdict:
            known = {**environment, **context_of(Facts(Action.CALL_TOOL, "", "", labels), view), "now": minute(now)}
            return self._two_passes(self._entities.of_document(view.id, document), known, approvals)

        return contained(work, lambda error: _failed([error], ()))

    def documents(
        self,
        items: Sequence[Item],
        upstream: str,
        view: SessionView,
        *,
        now: datetime,
        approvals: int = 0,
        environment: Environment = NOTHING_KNOWN,
    ) -> list[Verdict]:
        """Whether each item of a result of ``upstream`` may be handed over (the action `return_document`), in order.

        Items that the policies cannot tell apart are decided once. More than :data:`MOST_FORMS` that they can are
        denied from there on, so that nobody chooses how long it takes. Never raises for anything that an item or the
        engine does.

        # INVARIANT: an item that cannot be decided is denied, and no other for it; tests/policy/test_documents.py.
        """
        decided: dict[Form, Verdict] = {}

        def of(item: Item, moment: Moment) -> Verdict:
            form = self._documents.form(item, moment)
            known = decided.get(form)
            if known is None:
                if len(decided) >= MOST_FORMS:
                    return Verdict(Outcome.DENY, Code.LIMIT_EXCEEDED, (), (_TOO_MANY_FORMS,))
                entity = entity_of(form, upstream)
                known = decided[form] = self.release(
                    entity, item.labels, view, now=now, approvals=approvals, environment=environment
                )
            return known

        def each() -> list[Verdict]:
            moment = Moment(now)
            return [contained(partial(of, item, moment), lambda error: _failed([error], ())) for item in items]

        return contained(each, lambda error: [_failed([error], ())] * len(items))

    def _two_passes(self, participants: Participants, context: dict[str, Any], approvals: int) -> Verdict:
        first = self._evaluate(participants, context, approvals)
        if approvals or first.errors or first.outcome is Outcome.ALLOW:
            return first
        firm = [name for name in first.policies if name != DEFAULT_DENY and name not in self._policies.yields]
        if firm:
            return self._denied(firm)  # whoever says yes, these forbid it again
        second = self._evaluate(participants, context, 1)
        wanting = 1 if second.outcome is Outcome.ALLOW or second.errors else self._wanting(participants, context)
        if wanting and not second.errors:
            enough = second if wanting == 1 or not self.obliges else self._evaluate(participants, context, wanting)
            # Where nothing forbade it, the permit that waits for approval is what asks.
            alone = DEFAULT_DENY in first.policies
            decided = {*(() if alone else first.policies), *(second.policies if alone or wanting > 1 else ())}
            asking = self._verdict(Outcome.ASK, None, decided - {DEFAULT_DENY})
            return replace(asking, approvals=wanting, obligations=enough.obligations)
        ids = {*first.policies, *second.policies}
        if second.errors or DEFAULT_DENY in ids or len(ids) < len(first.policies) + len(second.policies):
            return second
        # What asks and what refuses the asking are different policies: an explanation needs both.
        return self._verdict(Outcome.DENY, second.code, ids)

    def _wanting(self, participants: Participants, context: dict[str, Any]) -> int:
        """How many people, more than one, have to say yes; 0: no number of them suffices."""

        def suffices(count: int) -> bool:
            return self._evaluate(participants, context, count).outcome is Outcome.ALLOW

        counted = not self._policies.counts.isdisjoint(participants.slice.ids)
        if not counted or not suffices(MOST_APPROVALS):
            return 0
        return next((count for count in range(2, MOST_APPROVALS) if suffices(count)), MOST_APPROVALS)

    def _evaluate(self, participants: Participants, facts: dict[str, Any], approvals: int) -> Verdict:
        """One pass: allow, deny, or deny with errors."""
        context = {**facts, "approved": approvals > 0, "approvals": approvals}
        result = evaluate(participants, context)
        diagnostics = result.diagnostics
        if diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            return _failed(diagnostics.errors or ["the engine gave no decision"], participants.slice.ids)
        names = diagnostics.id_annotations_by_reason
        decided = [names[reason] for reason in diagnostics.reasons]
        if result.decision is cedarpy.Decision.Allow:
            allowed = self._verdict(Outcome.ALLOW, None, decided)
            return replace(allowed, obligations=self._demanded(decided)) if self.obliges else allowed
        if not decided:
            return Verdict(Outcome.DENY, Code.DENIED_BY_POLICY, (DEFAULT_DENY,), (_NOT_PERMITTED,))
        return self._denied(decided)

    def _denied(self, ids: Iterable[str]) -> Verdict:
        names = sorted(ids)
        codes = (self._policies.by_id[name].code for name in names)
        return self._verdict(Outcome.DENY, next(filter(None, codes), Code.DENIED_BY_POLICY), names)

    def _demanded(self, ids: Iterable[str]) -> tuple[Obligation, ...]:
        """The obligations of all permits that let a call pass: the engine reports every one that is satisfied."""
        return tuple(sorted(one for name in ids for one in self._obligations.get(name, ())))

    def _verdict(self, outcome: Outcome, code: Code | None, ids: Iterable[str]) -> Verdict:
        decided = [self._policies.by_id[name] for name in sorted(ids)]
        messages = tuple(policy.message for policy in decided if policy.message is not None)
        return Verdict(outcome, code, tuple(policy.id for policy in decided), messages)


def _failed(errors: Iterable[str], ids: Sequence[str]) -> Verdict:
    """Denied because it could not be decided. The engine calls policies by position in ``ids``; say their ``@id``."""

    def named(position: re.Match[str]) -> str:
        number = int(position[1])
        return f"policy `{ids[number]}`" if number < len(ids) else position[0]

    told = tuple(_POSITION.sub(named, error)[:_MAX_ERROR_LENGTH] for error in errors)[:_MAX_ERRORS]
    return Verdict(Outcome.DENY, Code.POLICY_ERROR, (), (_NOT_EVALUATED,), told)
