"""The pipeline of one request: decide and reserve, ask, send, join labels, hand over (DESIGN section 4).

# INVARIANT: nothing is sent whose decision is not committed, and nothing is handed over whose labels are not;
# `tests/attacks/` and the state machine in `tests/gateway/test_model_machine.py` hold it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.grants import Grants
from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import Code, RuleOfTwoError, StoreError
from rule_of_two.gateway.carriage import Carriage
from rule_of_two.gateway.consent import Caller, Consent
from rule_of_two.gateway.decisions import Decisions
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.given_urls import GivenUrls
from rule_of_two.gateway.handles import Handles, Passed, Placed, mention
from rule_of_two.gateway.held_results import HeldResults
from rule_of_two.gateway.holding import Holding
from rule_of_two.gateway.kept_contents import KeptContents
from rule_of_two.gateway.obliged import oblige
from rule_of_two.gateway.permission import ANOTHER_SESSION, Permission
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
from rule_of_two.sessions.ledger import Ledger
from rule_of_two.sessions.repository import ConnectionSession, Reservation


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
        self._ledger = ledger
        self._verdicts = Verdicts(rules, protected, clock, given, ledger)
        self._permission = Permission(
            session, self._decisions, self._verdicts, consent, grants, ledger, clock, self.publish
        )
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
            flight = await self._permission.permit(call, caller) if held is None else held.flight
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

    async def refuse_handles(self, action: Action, upstream: str, value: Any) -> None:
        """Refuse something of the client's that names a handle where none is taken.

        # INVARIANT: no text of a handle reaches an upstream; tests/attacks/test_handles.py.

        :raises Refused: it does.
        """
        where = mention(value)
        if where is None:
            return
        place = f"at '{where[:200]}'" if where else "there"
        detail = f"a handle stands {place}, where none is taken: it has to be the whole of an argument that takes one."
        alone = Facts(action, upstream, action, NONE)  # the name of what it asks for can be a handle
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
            raise Refused(self._decisions.made(None, facts, view, ANOTHER_SESSION), facts, sent=True)
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
            decision = await self._session.decide(lambda view, db: self._permission.commit(facts, view, verdict, db=db))
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
            decision, number, labels = self._permission.commit(
                known, view, self._verdicts.of(known, view), db=db, unasked=True
            )
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
