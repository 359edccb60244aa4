"""Decisions as they are made and written down: a verdict about some facts in a session, numbered by the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from rule_of_two.approvals.masks import Masks
from rule_of_two.audit.journal import NOTHING, Journal
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.model import NONE, Decision, Facts, Outcome, Principal, SessionView, Verdict


class Decisions(Struct, frozen=True):
    """Makes the decisions of one session's pipeline. ``client`` is whose it is, and ``observe`` whether they stop
    nothing."""

    rules: Rulebook
    journal: Journal
    principal: Principal
    client: str
    observe: bool

    def committed(
        self,
        facts: Facts,
        view: SessionView,
        verdict: Verdict,
        call: Call | None = None,
        *,
        observed: bool = False,
        approves: int | None = None,
        grant: str | None = None,
        gate: Mapping[str, Any] = NOTHING,
    ) -> Decision:
        """Journal a verdict. ``call`` is what it is about, if policy was asked; ``observed``: observe mode lets it pass
        all the same; ``approves`` and ``grant`` as in :meth:`Journal.decision_now`, and ``gate`` what else is written
        of a decision that is made in two steps. Held values that the call passes on are written too, by digests.

        :raises BusyError: another process is writing; the caller tries its whole step again.
        :raises StoreError: it could not be committed, so nothing may be sent or handed over.
        """
        if call is not None and call.passed:
            gate = {**gate, "passes": [{"argument": one.pointer, **one.kept.told} for one in call.passed]}
        number = self.journal.decision_now(
            facts,
            view,
            verdict,
            arguments=call.arguments if call else None,
            approves=approves,
            grant=grant,
            pin=call.pin if call else None,
            observed=observed,
            client=self.client,
            forced=call.forced if call else (),
            environment=self.rules.environment(view.id),
            gate=gate,
            # Where an argument that is a secret is, or stands in, what the call reaches.
            hide=Masks(call.arguments, call.secret_pointers).masked if call and call.secret_pointers else None,
        )
        return self.made(number, facts, view, verdict, call, observed=observed)

    def made(
        self,
        number: int | None,
        facts: Facts,
        view: SessionView,
        verdict: Verdict,
        call: Call | None = None,
        *,
        observed: bool = False,
    ) -> Decision:
        """The decision of a verdict that is journalled under ``number``, or needs not to be."""
        after = view.after
        return Decision(
            number=number,
            outcome=verdict.outcome,
            code=verdict.code,
            session=view.id,
            held=after,
            adds=facts.labels - after.keys(),
            policies=verdict.policies,
            messages=verdict.messages,
            approvals=verdict.approvals,
            observed=observed,
            observing=self.observe,
            forced=call.forced if call else (),
            principal=self.principal,
            policy_version=self.rules.version,
        )

    def none(self, error: RuleOfTwoError) -> Decision:
        """The denial of what an error kept from being decided."""
        said = (str(error),)
        return Decision(
            None, Outcome.DENY, error.code, "", {}, NONE, (), said, observing=self.observe, principal=self.principal
        )
