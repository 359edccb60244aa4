"""The pipeline of one request: decide and reserve, ask, send, join labels, hand over (DESIGN section 4).

# INVARIANT: nothing is sent whose decision is not committed, and nothing is handed over whose labels are not;
# `tests/attacks/` and the state machine in `tests/gateway/test_model_machine.py` hold it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from rule_of_two.approvals import receipts
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.grants import Grants, Used
from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.audit.journal import Journal, stored_text
from rule_of_two.errors import Code, RuleOfTwoError, StoreError
from rule_of_two.gateway.carriage import Carriage
from rule_of_two.gateway.consent import RECHECKED, RECHECKS, Caller, Consent, said_yes
from rule_of_two.gateway.decisions import Decisions
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.given_urls import GivenUrls
from rule_of_two.gateway.handles import Handles, Passed, Placed, mention
from rule_of_two.gateway.held_results import HeldResults
from rule_of_two.gateway.holding import Holding
from rule_of_two.gateway.kept_contents import KeptContents
from rule_of_two.gateway.obliged import oblige
from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.gateway.release import ReleaseGate, Vouching
from rule_of_two.gateway.released import Released
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.gateway.verdicts import Verdicts, policy_only
from rule_of_two.model import (
    ALL,
    NONE,
    Action,
    Decision,
    Facts,
    Labels,
    Outcome,
    Principal,
    SessionView,
    Verdict,
)
from rule_of_two.sessions.ledger import Due, Ledger
from rule_of_two.sessions.repository import ConnectionSession, Reservation
from rule_of_two.store.database import BusyError

_ANOTHER_SESSION: Final = Verdict(
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


class Enforcement:
    """Decides, journals and carries out the requests of one client connection."""

    def __init__(
        self,
        *,
        session: ConnectionSession,
        rules: Rulebook,
        journal: Journal,
        consent: Consent,
        desk: Desk,
        protected: ProtectedPaths,
        client: str,
        clock: Callable[[], datetime],
        grants: Grants,
        principal: Principal,
        handles: Handles,
        ledger: Ledger,
        vouched: Vouching,
        observe: bool = False,
        given: GivenUrls | None = None,
        contents: KeptContents | None = None,
    ) -> None:
        """``handles`` keeps results that policy holds. ``ledger`` is that of the session's connection, and ``vouched``
        says what people vouched for. ``given`` remembers which addresses sessions were given; ``None`` where no policy
        asks. ``contents`` says what the journal keeps of what is handed over; ``None``: ids and digests alone."""
        self._handles = handles
        self._session = session
        self._rules = rules
        self._decisions = Decisions(rules, journal, principal, client, observe)
        self._consent = consent
        self._desk = desk
        self._client = client
        self._clock = clock
        self._grants = grants
        self._ledger = ledger
        self._verdicts = Verdicts(rules, protected, clock, given, ledger)
        held = HeldResults(clock, consent.patience.pending)
        holding = Holding(session, self._decisions, self._verdicts, handles)
        keeps = contents is not None
        self._gate = ReleaseGate(
            session, self._decisions, self._verdicts, consent, clock, held, desk, vouched, holding, keeps
        )
        self._carriage = Carriage(journal, self.publish, self._decisions.none, self._gate, given, contents)

    async def run(
        self, call: Call, send: Callable[[Flight], Awaitable[dict[str, Any]]], caller: Caller | None = None
    ) -> Released:
        """Carry out one request and return what is handed over of its result, with the decision that let it pass.
        ``caller`` waits while a human is asked.

        :raises Refused: it was not carried out, or its result could not be handed over.
        :raises RemoteError: the upstream answered with an error; its labels are joined.
        """
        try:
            held = self._gate.held.take(call, self._session.view().id) if call.brings and self._gate.held else None
            flight = await self._permit(call, caller) if held is None else held.flight
        except RuleOfTwoError as error:
            raise self.refusal(error, call.facts) from error
        if held is not None:
            return await self._carriage.hand_on(call, flight, held.reply, caller)
        return await self._carriage.run(call, flight, send, caller)

    @property
    def types_arguments(self) -> bool:
        """Whether policies read arguments of tools, so that facts have to have them."""
        return self._rules.current.authorizer.types_arguments

    def placed(self, arguments: Mapping[str, Any], pointers: Sequence[str], schema: Any) -> Placed:
        """A tool call's arguments with what is shown for each handle at one of the ``pointers``; ``schema`` is the
        tool's pinned input schema.

        :raises InvalidHandle: it stands for nothing that may be passed on there.
        :raises StoreError: the session cannot be read.
        """
        return self._handles.place(arguments, pointers, schema, lambda: self._session.view().id)

    async def refuse_handles(self, facts: Facts, value: Any) -> None:
        """Refuse something of the client's that names a handle where none is taken.

        # INVARIANT: no text of a handle reaches an upstream; tests/attacks/test_handles.py.

        :raises Refused: it does.
        """
        where = mention(value)
        if where is None:
            return
        place = f"at '{where[:200]}'" if where else "there"
        detail = f"a handle stands {place}, where none is taken: it has to be the whole of an argument that takes one."
        alone = Facts(facts.action, facts.upstream, facts.action, NONE)  # its own name can be a handle
        raise await self.refuse(alone, Code.INVALID_HANDLE, detail, named="The request")

    def spend(self, passed: Sequence[Passed], session: str) -> None:
        """Use handles up, at the moment of sending.

        :raises InvalidHandle: as :meth:`Handles.spend`.
        """
        self._handles.spend(passed, session)

    def obliged(self, call: Call) -> Call:
        """The call with its arguments as policy and its manifest want them, to be decided and sent.

        :raises Refused: the session cannot be read.
        """
        if call.changeable is None or not (call.changeable.demanded or self._rules.current.authorizer.obliges):
            return call
        try:
            view = self._session.view()
            return oblige(call, lambda facts: self._verdict(facts, view), self._consent.secrets)
        except RuleOfTwoError as error:
            raise self.refusal(error, call.facts) from error

    async def admit(self, call: Call) -> None:
        """Decide something that is done once it is admitted (a question handed on, an answer forwarded), and join its
        labels. A human is asked where policy says so.

        :raises Refused: it may not be.
        """

        async def nothing(flight: Flight) -> dict[str, Any]:
            return {}

        await self.run(call, nothing)

    def repeated(self, facts: Facts, *, named: str) -> Refused:
        """A refusal like one that was journalled in the very same state of the session, and is not written again."""
        view = self._session.view()
        return Refused(self._decisions.made(None, facts, view, self._verdict(facts, view)), facts, named=named)

    def words_may_leave(self, labels: Labels) -> bool:
        """Whether words of the client's may follow a call of these labels that was sent before (why it was cancelled):
        only what would still be free to leave by itself."""
        try:
            view = self._session.view()
        except StoreError:
            return False
        return "C" in labels and not any(
            one.dropped or one.frozen or one.after.keys() | labels == ALL for one in view.judged
        )

    def must_go_on(self, session: str, facts: Facts) -> None:
        """Refuse to go on with a call when its session is frozen, or is not the client's any more.

        :raises Refused: it is so.
        """
        view = self._session.view()
        if view.id != session:
            raise Refused(self._decisions.made(None, facts, view, _ANOTHER_SESSION), facts, sent=True)
        if view.frozen:
            raise Refused(self._decisions.made(None, facts, view, self._verdict(facts, view)), facts, sent=True)

    def permits(self, action: Action, upstream: str) -> bool:
        """Whether policy might permit an action to a session that holds nothing: if not, it never will."""
        view = SessionView(self._session.view().id)
        facts = Facts(action, upstream, action, NONE)
        return self._verdicts.of(facts, view, approvals=1).outcome is Outcome.ALLOW

    async def refuse(self, facts: Facts, code: Code, detail: str, *, named: str) -> Refused:
        """Journal a refusal that needs no policy, and return it to be raised. ``named`` is the client's own word."""
        verdict = Verdict(Outcome.DENY, code, (), (detail,))
        try:
            decision = await self._session.decide(lambda view, db: self._commit(facts, view, verdict, db=db))
        except StoreError as error:
            return Refused(self._decisions.none(error), facts, f"{error}.", named=named)
        return Refused(decision, facts, detail, named=named)

    async def receive(self, facts: Facts) -> bool:
        """Decide whether text that no request asked for may reach the session, and join its labels if so."""
        view = self._session.view()
        known = self._verdicts.known(facts, view)
        if view.has(known.labels) and not self._ledger.due(known, view):
            verdict = self._verdicts.of(known, view)
            if not (self._decisions.observe and policy_only(verdict)):
                return verdict.outcome is Outcome.ALLOW

        def work(view: SessionView, db: sqlite3.Connection) -> tuple[tuple[Decision, Labels], int | None, Labels]:
            known = self._verdicts.known(facts, view)
            decision, number, labels = self._commit(known, view, self._verdicts.of(known, view), db=db, unasked=True)
            return (decision, known.labels), number, labels

        decision, labels = await self._session.decide(work)
        if decision.outcome is not Outcome.ALLOW and not decision.observed:
            return False
        await self._session.settle(Reservation(decision.session, decision.number or 0, labels))
        self.publish()
        return True

    def fingerprint(self) -> tuple[object, ...]:
        """What a decision about labels depends on: when it is equal, so is the decision."""
        view = self._session.view()
        known = orjson.dumps(dict(self._rules.environment(view.id)), option=orjson.OPT_SORT_KEYS)
        labels = frozenset((frozenset(one.after), one.readers, one.dropped, one.frozen) for one in view.judged)
        return view.id, labels, self._rules.version, known

    def publish(self) -> None:
        """Tell the consoles what the session holds now. A state that cannot be read tells them nothing new."""
        try:
            view = self._session.view()
        except StoreError:
            return
        status = SessionStatus(
            id=view.id,
            client=self._client,
            held=frozenset(view.after),
            dropped=view.dropped,
            frozen=view.frozen,
            observed=self._decisions.observe,
        )
        self._desk.audience.publish(self, status)

    def _verdict(self, facts: Facts, view: SessionView) -> Verdict:
        """The verdict of facts that are not known yet as they are now."""
        return self._verdicts.of(self._verdicts.known(facts, view), view)

    def refusal(self, error: RuleOfTwoError, facts: Facts | None) -> Refused:
        """An error on the way to a decision, as the denial that it is."""
        return Refused(self._decisions.none(error), facts, f"{error}.")

    async def _permit(self, call: Call, caller: Caller | None) -> Flight:
        view = self._session.view()
        facts = self._verdicts.known(call.facts, view)
        holds = call.brings and self._verdicts.holds and not self._decisions.observe
        if view.has(facts.labels) and not self._ledger.due(facts, view):
            # Nothing to reserve: the labels are held for good, so no other call can be judged differently by this one.
            # Nor anything to stamp.
            verdict = self._verdicts.of_call(call, facts, view)
            if verdict.outcome is Outcome.ALLOW and not self._will_be_held(call, facts, verdict, view):
                # A journal that is busy falls through to the transaction, which waits its turn.
                with suppress(BusyError):
                    decision = self._decisions.committed(facts, view, verdict, call)
                    return Flight(self._session, decision, facts, reserved=False)
        reaches = call.brings and self._consent.reaches(view.id)
        facts, decision, used, waits = await self._session.decide(
            lambda view, db: self._first(call, view, db, reaches=reaches)
        )
        if used is not None:
            self._grants.committed(used)
        asked, people = 0, 0 if used is None else 1
        while True:
            self.publish()
            if decision.outcome is Outcome.ALLOW or decision.observed:
                may_be_held = holds and facts.acts and (bool(call.passed) or not people)
                return Flight(
                    self._session,
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
        facts = self._verdicts.known(call.facts, view)
        verdict, used = self._verdicts.of_call(call, facts, view), None
        if verdict.outcome is Outcome.ASK and call.answers is None and not call.passed:
            granted = self._verdicts.of_call(call, facts, view, approvals=1)
            if granted.outcome is Outcome.ALLOW:
                used = self._grants.use(db, facts, call.pin, view)
                verdict = granted if used is not None else verdict
        held = used is None and self._will_be_held(call, facts, verdict, view)
        stopped = verdict.outcome is not Outcome.ALLOW
        if held or (stopped and self._can_wait(call, facts, verdict, reaches=reaches)):
            alone = replace(facts, labels=NONE)
            sent = self._verdicts.of_call(call, alone, view)
            if sent.outcome is Outcome.ALLOW:
                due = self._ledger.due(facts, view)
                gate = {"defers": sorted(facts.labels), **_stamped(due)}
                decision = self._decisions.committed(alone, view, sent, call, gate=gate)
                self._stamp(db, decision, facts, due)
                return (facts, decision, None, True), decision.number, NONE
        decision, number, labels = self._commit(
            facts, view, verdict, call, db=db, grant=None if used is None else used.id
        )
        return (facts, decision, used, False), number, labels

    def _will_be_held(self, call: Call, facts: Facts, verdict: Verdict, view: SessionView) -> bool:
        """Whether policy keeps what a call that does nothing besides can bring at worst. What policy denies it does not
        bring, so that a handle is no way around a denial."""
        if not call.brings or facts.acts or call.answers is not None or self._decisions.observe:
            return False
        return verdict.outcome is not Outcome.DENY and self._verdicts.of_holding(facts, view) is not None

    def _can_wait(self, call: Call, facts: Facts, verdict: Verdict, *, reaches: bool) -> bool:
        """Whether a call that is not allowed for what it can bring may be sent, if it does nothing besides: where what
        really comes back can be less, or a person can look at it."""
        if not call.brings or facts.acts or call.answers is not None or self._decisions.observe:
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
        given = await self._consent.ask(replace(call, facts=facts), asking, caller)

        def work(view: SessionView, db: sqlite3.Connection) -> tuple[tuple[Facts, Decision, int], int | None, Labels]:
            people, known = 0, self._verdicts.known(call.facts, view)
            if view.id != asking.session:
                verdict = _ANOTHER_SESSION
            elif call.facts_now() != call.facts:
                verdict = _ANOTHER_TARGET
            else:
                people = said_yes(given, view, self._rules.version, self._clock()) if known == facts else 0
                verdict = self._verdicts.of_call(call, known, view, approvals=people)
            decision, number, labels = self._commit(known, view, verdict, call, db=db, approves=given.question.decision)
            if people and verdict.outcome is Outcome.ALLOW:
                receipts.use(db, given, decision=number or 0, at=self._clock().isoformat())
                self._grants.give(db, given.last)
            return (known, decision, people), number, labels

        return await self._session.decide(work)

    def _commit(
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
        observed = self._decisions.observe and policys and policy_only(verdict)
        sends = policys and (verdict.outcome is Outcome.ALLOW or observed)
        due = self._ledger.due(facts, view) if sends else ()
        decision = self._decisions.committed(
            facts, view, verdict, call, observed=observed, approves=approves, grant=grant, gate=_stamped(due)
        )
        self._stamp(db, decision, facts, due)
        return decision, decision.number, facts.labels if sends else NONE

    def _stamp(self, db: sqlite3.Connection, decision: Decision, facts: Facts, due: Iterable[Due]) -> None:
        self._ledger.stamp(db, decision.number or 0, decision.session, facts.qualified, due)


def _stamped(due: Iterable[Due]) -> dict[str, Any]:
    """What is written of a decision's stamps."""
    stamps = {stored_text(one.resource): sorted(one.labels) for one in due}
    return {"stamps": stamps} if stamps else {}
