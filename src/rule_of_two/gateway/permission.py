"""Whether one call may be sent: decided, reserved and journalled in one atomic step, and asked about where policy asks.

# INVARIANT: nothing is sent whose decision is not committed; `tests/attacks/` and the state machine in
# `tests/gateway/test_model_machine.py` hold it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals import receipts
from rule_of_two.approvals.grants import Grants, Used
from rule_of_two.audit.journal import stored_text
from rule_of_two.errors import Code
from rule_of_two.gateway.consent import RECHECKED, RECHECKS, Caller, Consent, said_yes
from rule_of_two.gateway.decisions import Decisions
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.verdicts import Verdicts, policy_only
from rule_of_two.model import NONE, Decision, Facts, Labels, Outcome, SessionView, Verdict
from rule_of_two.records import replace
from rule_of_two.sessions.ledger import Due, Ledger
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.database import BusyError

ANOTHER_SESSION: Final = Verdict(
    Outcome.DENY,
    Code.APPROVAL_EXPIRED,
    ("gateway.another-session",),
    ("A person started a new session while this call of the old one waited.",),
)
_ANOTHER_TARGET: Final = Verdict(
    Outcome.DENY,
    Code.APPROVAL_EXPIRED,
    ("gateway.another-target",),
    ("What the call reaches is no longer what a person was shown.",),
)


class Permission(Struct, frozen=True):
    """Permits the calls of one session's pipeline. ``publish`` says that the session changed."""

    session: ConnectionSession
    decisions: Decisions
    verdicts: Verdicts
    consent: Consent
    grants: Grants
    ledger: Ledger
    clock: Callable[[], datetime]
    publish: Callable[[], None]

    async def permit(self, call: Call, caller: Caller | None) -> Flight:
        """Decide a call, ask about it if policy does, and reserve what it can bring; ``caller`` waits meanwhile.

        :raises Refused: it may not be sent.
        :raises StoreError: it could not be decided.
        """
        view = self.session.view()
        facts = self.verdicts.known(call.facts, view)
        if view.has(facts.labels) and not self.ledger.due(facts, view):
            # Nothing to reserve: the labels are held for good, so no other call can be judged differently by this one.
            # Nor anything to stamp.
            verdict = self.verdicts.of_call(call, facts, view)
            if verdict.outcome is Outcome.ALLOW and not self._will_be_held(call, facts, verdict, view):
                # A journal that is busy falls through to the transaction, which waits its turn.
                try:
                    decision = self.decisions.committed(facts, view, verdict, call)
                except BusyError:
                    pass
                else:
                    return Flight(self.session, decision, facts, reserved=False)
        holds = call.brings and self.verdicts.holds and not self.decisions.observe
        reaches = call.brings and self.consent.reaches(view.id)
        facts, decision, used, waits = await self.session.decide(
            lambda view, db: self._first(call, view, db, reaches=reaches)
        )
        if used is not None:
            self.grants.committed(used)
        asked, people = 0, 0 if used is None else 1
        while True:
            self.publish()
            if decision.outcome is Outcome.ALLOW or decision.observed:
                may_be_held = holds and facts.acts and (bool(call.passed) or not people)
                return Flight(
                    self.session,
                    decision,
                    facts,
                    reserved=not waits,
                    waits=waits,
                    people=people,
                    may_be_held=may_be_held,
                )
            if decision.outcome is Outcome.DENY:
                raise Refused(decision, facts)
            if asked == RECHECKS:
                raise Refused(replace(decision, code=Code.APPROVAL_EXPIRED), facts, RECHECKED)
            facts, decision, people = await self._ask(call, facts, decision, caller)
            asked += 1

    def _first(
        self, call: Call, view: SessionView, db: sqlite3.Connection, *, reaches: bool
    ) -> tuple[tuple[Facts, Decision, Used | None, bool], int | None, Labels]:
        """Decide a call that nobody was asked about yet; a standing yes that covers it is used. One that only what it
        brings keeps from being allowed is sent, and what it brings waits. ``reaches``: a person could be asked then."""
        facts = self.verdicts.known(call.facts, view)
        verdict, used = self.verdicts.of_call(call, facts, view), None
        if verdict.outcome is Outcome.ASK and call.answers is None and not call.passed:
            granted = self.verdicts.of_call(call, facts, view, approvals=1)
            if granted.outcome is Outcome.ALLOW:
                used = self.grants.use(db, facts, call.pin, view)
                verdict = granted if used is not None else verdict
        held = used is None and self._will_be_held(call, facts, verdict, view)
        stopped = verdict.outcome is not Outcome.ALLOW
        if held or (stopped and self._can_wait(call, facts, verdict, reaches=reaches)):
            alone = replace(facts, labels=NONE)
            sent = self.verdicts.of_call(call, alone, view)
            if sent.outcome is Outcome.ALLOW:
                due = self.ledger.due(facts, view)
                gate = {"defers": sorted(facts.labels), **_stamped(due)}
                decision = self.decisions.committed(alone, view, sent, call, gate=gate)
                self._stamp(db, decision, facts, due)
                return (facts, decision, None, True), decision.number, NONE
        decision, number, labels = self.commit(
            facts, view, verdict, call, db=db, grant=None if used is None else used.id
        )
        return (facts, decision, used, False), number, labels

    def _will_be_held(self, call: Call, facts: Facts, verdict: Verdict, view: SessionView) -> bool:
        """Whether policy keeps what a call that does nothing besides can bring at worst. What policy denies it does not
        bring, so that a handle is no way around a denial."""
        if not self.verdicts.holds or not self._only_brings(call, facts):
            return False
        return verdict.outcome is not Outcome.DENY and self.verdicts.of_holding(facts, view) is not None

    def _only_brings(self, call: Call, facts: Facts) -> bool:
        """Whether a call does nothing but bring what its reply holds, so that this can be decided when it is there."""
        return call.brings and not facts.acts and call.answers is None and not self.decisions.observe

    def _can_wait(self, call: Call, facts: Facts, verdict: Verdict, *, reaches: bool) -> bool:
        """Whether a call that is not allowed for what it can bring may be sent, if it does nothing besides: where what
        really comes back can be less, or a person can look at it."""
        if not self._only_brings(call, facts):
            return False
        narrows = call.reader is not None and bool(call.reader.may_lower or verdict.outcome is Outcome.DENY)
        return narrows or (reaches and verdict.outcome is Outcome.ASK)

    async def _ask(
        self, call: Call, facts: Facts, asking: Decision, caller: Caller | None
    ) -> tuple[Facts, Decision, int]:
        """Ask a human about a call and its ``facts`` as they were known, then decide again with the session's fresh
        state; and how many said yes to it.

        # INVARIANT: a yes covers this call with the labels that were shown, under the policies that asked; a label that
        # came meanwhile asks anew, other policies decide anew (tests/attacks/test_policy_reload.py), and a new session
        # does not take over a call that the old one's context made (tests/attacks/test_approvals.py).
        """
        given = await self.consent.ask(replace(call, facts=facts), asking, caller)

        def work(view: SessionView, db: sqlite3.Connection) -> tuple[tuple[Facts, Decision, int], int | None, Labels]:
            people, known = 0, self.verdicts.known(call.facts, view)
            if view.id != asking.session:
                verdict = ANOTHER_SESSION
            elif call.facts_now() != call.facts:
                verdict = _ANOTHER_TARGET
            else:
                people = said_yes(given, view, self.decisions.rules.version, self.clock()) if known == facts else 0
                verdict = self.verdicts.of_call(call, known, view, approvals=people)
            decision, number, labels = self.commit(known, view, verdict, call, db=db, approves=given.question.decision)
            if people and verdict.outcome is Outcome.ALLOW:
                receipts.use(db, given, decision=number or 0, at=self.clock().isoformat())
                self.grants.give(db, given.last)
            return (known, decision, people), number, labels

        return await self.session.decide(work)

    def commit(
        self,
        facts: Facts,
        view: SessionView,
        verdict: Verdict,
        call: Call | None = None,
        *,
        db: sqlite3.Connection,
        approves: int | None = None,
        grant: str | None = None,
        unasked: bool = False,
    ) -> tuple[Decision, int | None, Labels]:
        """Journal a verdict, and stamp what it lets be written; the value that :meth:`ConnectionSession.decide` wants.
        Without a call it is a refusal that needed no policy, or text that comes ``unasked``."""
        policys = call is not None or unasked
        observed = self.decisions.observe and policys and policy_only(verdict)
        sends = policys and (verdict.outcome is Outcome.ALLOW or observed)
        due = self.ledger.due(facts, view) if sends else ()
        decision = self.decisions.committed(
            facts, view, verdict, call, observed=observed, approves=approves, grant=grant, gate=_stamped(due)
        )
        self._stamp(db, decision, facts, due)
        return decision, decision.number, facts.labels if sends else NONE

    def _stamp(self, db: sqlite3.Connection, decision: Decision, facts: Facts, due: Iterable[Due]) -> None:
        self.ledger.stamp(db, decision.number or 0, decision.session, facts.qualified, due)


def _stamped(due: Iterable[Due]) -> dict[str, Any]:
    """What is written of a decision's stamps."""
    stamps = {stored_text(one.resource): sorted(one.labels) for one in due}
    return {"stamps": stamps} if stamps else {}
