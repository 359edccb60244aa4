"""What is said of a request by the policies in force, in every session that it can belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from rule_of_two.errors import Code
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.given_urls import GivenUrls
from rule_of_two.gateway.obliged import UNSTEADY
from rule_of_two.gateway.protected import PROTECTED, ProtectedPaths
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.model import Facts, Item, Labels, Obligation, Outcome, SessionView, Verdict
from rule_of_two.policy.lowering import as_counted
from rule_of_two.records import replace
from rule_of_two.sessions.ledger import Ledger

_STILL_STOPS: Final = frozenset(
    (Code.SESSION_FROZEN, Code.DROPPED_CAPABILITY, Code.POLICY_ERROR, Code.APPROVAL_EXPIRED)
)
"""What observe mode does not let pass, besides everything that never comes to a verdict of policy's."""


class Verdicts:
    """Decides, and writes nothing. ``given`` remembers which addresses sessions were given; ``None`` where no policy
    asks. ``ledger`` knows what stored resources bring."""

    def __init__(
        self,
        rules: Rulebook,
        protected: ProtectedPaths,
        clock: Callable[[], datetime],
        given: GivenUrls | None,
        ledger: Ledger,
    ) -> None:
        self._rules = rules
        self._protected = protected
        self._clock = clock
        self._given = given
        self._ledger = ledger

    def of_call(self, call: Call, facts: Facts, view: SessionView, *, approvals: int = 0) -> Verdict:
        """The verdict of a whole call: of what it reaches, of its arguments as they have to be, of the answers that it
        brings. ``facts`` are its own as they are :meth:`known`."""
        own = self._protected.verdict(facts, cwd=call.cwd)
        if own is not None:
            return own
        verdict = self.of(facts, view, approvals=approvals)
        if verdict.outcome is not Outcome.DENY and (call.unmet is not None or verdict.obligations != call.obligations):
            # INVARIANT: what is allowed is a call whose arguments are what this very verdict demands;
            # tests/gateway/test_obliged.py.
            return UNSTEADY if verdict.obligations != call.obligations else call.unmet or UNSTEADY
        if call.answers is not None and verdict.outcome is not Outcome.DENY:
            also = self.of(call.answers, view, approvals=approvals)
            return also if also.outcome is not Outcome.ALLOW else verdict
        return verdict

    def of(self, facts: Facts, view: SessionView, *, approvals: int = 0, releases: bool = False) -> Verdict:
        """The strictest verdict of all sessions that the request can belong to, by facts as they are :meth:`known`.
        ``releases``: of handing over what it brought back."""
        now, authorizer = self._clock(), self._rules.current.authorizer

        def decided(one: SessionView) -> Verdict:
            environment = self._rules.environment(one.id)
            return authorizer.decide(
                facts, one, now=now, approvals=approvals, environment=environment, releases=releases
            )

        if not view.beside:
            return decided(view)
        verdicts = [decided(one) for one in view.beside]
        strictest = max(verdicts, key=lambda verdict: verdict.outcome.strictness)
        return replace(strictest, obligations=_of_all(verdicts)) if authorizer.obliges else strictest

    @property
    def holds(self) -> bool:
        """Whether any policy permits that results are kept."""
        return self._rules.current.authorizer.holds_results

    def of_holding(self, facts: Facts, view: SessionView) -> Verdict | None:
        """The verdict by which what came back, with the labels of ``facts``, is kept from the client; ``None``: it is
        not. All sessions that the request can belong to have to say so."""
        authorizer = self._rules.current.authorizer
        if not authorizer.holds_results or not facts.labels:
            return None
        now = self._clock()
        said = [
            authorizer.judge_holding(facts, one, now=now, environment=self._rules.environment(one.id))
            for one in view.judged
        ]
        if any(one.outcome is not Outcome.ALLOW for one in said):
            return None
        return Verdict(
            Outcome.DENY,
            Code.WITHHELD,
            tuple(sorted({name for one in said for name in one.policies})),
            tuple(dict.fromkeys(text for one in said for text in one.messages)),
        )

    def of_documents(
        self, items: Sequence[Item], upstream: str, view: SessionView, *, approvals: int = 0
    ) -> list[Verdict]:
        """Of each item of a result of ``upstream``, in order, the strictest verdict of all sessions that the request
        can belong to."""
        now, authorizer = self._clock(), self._rules.current.authorizer
        each = [
            authorizer.documents(
                items, upstream, one, now=now, approvals=approvals, environment=self._rules.environment(one.id)
            )
            for one in view.judged
        ]
        return [max(verdicts, key=lambda verdict: verdict.outcome.strictness) for verdicts in zip(*each, strict=True)]

    def grown(self, facts: Facts, decision: int) -> Labels:
        """The labels of facts as they were known at a decision, with those that what they read has gained since.

        :raises StoreError: the ledger cannot be read.
        """
        return self._ledger.grown(facts, decision)

    def clinging(self, facts: Facts, decision: int) -> Labels:
        """The labels that what a call of these facts reads brings now, also where the call could bring them itself, but
        for the stamps of its own ``decision``.

        :raises StoreError: the ledger cannot be read.
        """
        return self._ledger.clinging(facts, decision)

    def known(self, facts: Facts, view: SessionView) -> Facts:
        """The facts with what is remembered of their addresses now, with the labels of the stored resources that they
        read, and without C where policy leaves that out of account now. A call's own facts never hold it. What could
        belong to any of several conversations was given nothing, and its C counts unless it may be left out in each of
        them.

        :raises StoreError: the ledger cannot be read.
        """
        facts = self._ledger.looked_up(facts)
        if self._given is not None:
            facts = self._given.looked_up(facts, None if view.beside else view.id)
        authorizer = self._rules.current.authorizer
        if not authorizer.lowers_c:
            return facts
        return as_counted(facts, view.judged, authorizer, now=self._clock(), environment=self._rules.environment)


def policy_only(verdict: Verdict) -> bool:
    """Whether observe mode lets it pass: policy's own ask and deny."""
    if verdict.outcome is Outcome.ASK:
        return True
    return verdict.outcome is Outcome.DENY and verdict.code not in _STILL_STOPS and verdict is not PROTECTED


def _of_all(verdicts: Iterable[Verdict]) -> tuple[Obligation, ...]:
    """What sessions that a call is judged by demand together."""
    return tuple(sorted({one for verdict in verdicts for one in verdict.obligations}))
