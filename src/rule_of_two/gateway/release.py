"""The second gate: what a call brought back is decided before it is handed over (DESIGN section 3 "Two gates").

A result of which a manifest says where its items stand is taken apart, and brings no more than these bring. One of a
call that was sent although what it can bring would ask or be denied waits here for policy, and for a person.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals import receipts
from rule_of_two.approvals.arrival import Arrival
from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given
from rule_of_two.errors import BadRequest, Code, LimitExceeded
from rule_of_two.gateway.arrival_view import arrival_of, withheld_items
from rule_of_two.gateway.arrivals import Brought, Weighed, Whole, carrying, scales_for, vouched_for, worst_of
from rule_of_two.gateway.consent import RECHECKED, RECHECKS, Caller, Consent, said_yes
from rule_of_two.gateway.decisions import Decisions
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.held_results import HeldResults
from rule_of_two.gateway.holding import Holding
from rule_of_two.gateway.release_entry import names_of, release_entry
from rule_of_two.gateway.released import Released
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.verdicts import Verdicts, policy_only
from rule_of_two.gateway.withheld import METHODS, with_notice, withheld_result, withheld_text
from rule_of_two.model import INGRESS, NONE, Decision, Item, Labels, Outcome, SessionView, Verdict
from rule_of_two.records import replace
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.database import BusyError
from rule_of_two.wire.eras import INPUT_REQUIRED, TASK, kind_of
from rule_of_two.wire.handler import RemoteError

_OF_ITEMS: Final = APPROVING | {Choice.WITHOUT}
"""What lets in items that a person was shown, or some of them."""
_NOBODY_ASKED: Final = frozenset((Code.APPROVAL_REQUIRED, Code.APPROVAL_DENIED))
"""Why nobody was asked: nobody is there, or people refused too often. What asks nobody is handed over all the same."""
_ANOTHER_SESSION: Final = Verdict(
    Outcome.DENY,
    Code.APPROVAL_EXPIRED,
    ("gateway.another-session",),
    ("A person started a new session while this result of the old one waited.",),
)

Vouching = Callable[[str, str, Sequence[Item]], Mapping[int, str]]
"""Of the items that came of a name at an upstream, who vouched for which."""


class _Taken(Struct, frozen=True):
    """What was decided in one step, by a view of the session."""

    weighed: Weighed
    decision: Decision
    places: Sequence[int] | None
    """The items that are handed over; ``None``: nothing is, or a person is to be asked."""
    readers: frozenset[str] | None = None
    """Who may read all that is private of them; ``None``: that is not known."""

    @property
    def asks(self) -> bool:
        """Whether a person is to be asked."""
        return self.places is None and self.decision.outcome is Outcome.ASK


class ReleaseGate(Struct, frozen=True):
    """Decides what the calls of one session's pipeline brought back. ``held`` keeps what waits while a client is
    away, ``desk`` what people can look at of what was withheld, and ``vouched`` says what they vouched for;
    ``keeps_texts``: the texts of items are to be written down."""

    session: ConnectionSession
    decisions: Decisions
    verdicts: Verdicts
    consent: Consent
    clock: Callable[[], datetime]
    held: HeldResults
    desk: Desk
    vouched: Vouching
    holding: Holding
    keeps_texts: bool = False

    def concerns(self, call: Call, flight: Flight) -> bool:
        """Whether what the call brings is decided at all: else it is what was decided before it was sent."""
        if flight.waits or call.reader is not None or self.holding.concerns(call, flight):
            return True
        return worst_of(self.verdicts, flight) != flight.labels & INGRESS

    async def release(self, call: Call, flight: Flight, reply: dict[str, Any], caller: Caller | None) -> Released:
        """Decide what came back, and ask a person where policy asks. What may be handed over is reserved then.

        :raises Refused: nothing of it may be handed over, for now or for good.
        :raises StoreError: it could not be decided.
        """
        if kind_of(reply) == INPUT_REQUIRED:
            return _asking(flight, reply)
        worst = worst_of(self.verdicts, flight)
        brought = carrying(self._read(call, reply, worst), call.carries)
        if self.holding.concerns(call, flight):
            if not _begins_task(reply) and (kept := await self.holding.keep(call, flight, brought)) is not None:
                return kept
            if not flight.waits and call.reader is None and worst == flight.labels & INGRESS:
                return Released(reply, flight.decision, flight.labels)
        taken = self._at_once(call, flight, brought) or await self._decide(call, flight, brought)
        asked = 0
        while taken.asks:
            if asked == RECHECKS:
                decision = replace(taken.decision, code=Code.APPROVAL_EXPIRED)
                raise Refused(decision, taken.weighed.facts, RECHECKED, sent=True)
            asked += 1
            shown = replace(call, facts=taken.weighed.facts)
            try:
                arrival = self._shown(call, brought, taken)
                given = await self.consent.ask(shown, taken.decision, caller, arrival)
            except Refused as refused:
                if refused.decision.code is Code.APPROVAL_PENDING:
                    self.held.put(call, flight, reply)
                if refused.decision.code not in _NOBODY_ASKED:
                    refused.sent = True
                    raise
                return await self._unasked(call, flight, brought, refused.decision.code)
            if given.last.verdict is Choice.NO:
                decision = replace(taken.decision, outcome=Outcome.DENY, code=Code.APPROVAL_DENIED)
                return self._withheld(call, flight, brought, decision, taken.weighed)
            taken = await self._decide(call, flight, brought, given)
        return self._outcome(call, flight, brought, taken)

    def _read(self, call: Call, reply: dict[str, Any], worst: Labels) -> Brought:
        """What came back, taken apart as far as that is known."""
        if call.reader is None:
            return Whole(reply, worst)
        brought: Brought = call.reader.read(reply, worst)
        return vouched_for(brought, self.vouched(call.facts.upstream, call.facts.name, brought.items))

    async def release_error(self, call: Call, flight: Flight, error: RemoteError) -> Labels:
        """Decide whether the text of an upstream's error may be handed over; the labels that it brings. Nobody is asked
        about it.

        :raises Refused: it may not be.
        """
        worst = worst_of(self.verdicts, flight)
        brought = Whole({"error": error.error}, worst)
        detail = "the server answered with an error, whose text is withheld."
        if self.holding.concerns(call, flight):
            kept = await self.holding.keeps(call, flight, brought)
            if kept is not None:
                raise Refused(*kept, detail, sent=True)
        if not flight.waits and worst == flight.labels & INGRESS:
            return flight.labels
        taken = await self._decide(call, flight, brought)
        if taken.places is None:
            code = taken.decision.code or Code.APPROVAL_REQUIRED
            raise Refused(replace(taken.decision, code=code), taken.weighed.facts, detail, sent=True)
        return (flight.labels - INGRESS) | taken.weighed.facts.labels

    def _at_once(self, call: Call, flight: Flight, brought: Brought) -> _Taken | None:
        """What was decided where the session holds already whatever the call can bring: nothing is reserved, so no
        other call can be judged differently by it. ``None``: it takes a step of its own."""
        if flight.reserved or flight.waits or self.decisions.observe:
            return None
        view = self.session.view()
        weighed = scales_for(self.verdicts, call, flight, brought, view).weigh(view)
        if not weighed.allowed or not view.has(weighed.facts.labels) or view.id != flight.decision.session:
            return None
        places = [place for place in range(len(brought.items)) if place not in weighed.dropped]
        if not weighed.dropped:
            return _Taken(weighed, flight.decision, places)
        with suppress(BusyError):
            gate = release_entry(flight, brought, weighed, places)
            decision = self.decisions.committed(weighed.facts, view, weighed.verdict, call, gate=gate)
            return _Taken(weighed, decision, places)
        return None

    async def _decide(
        self, call: Call, flight: Flight, brought: Brought, given: Given | None = None, *, unasked: bool = False
    ) -> _Taken:
        """Decide in one step with what is reserved. ``given`` is what a person answered; ``unasked``: only what asks
        nobody is to be handed over."""

        def work(view: SessionView, db: sqlite3.Connection) -> tuple[_Taken, int | None, Labels]:
            scales = scales_for(self.verdicts, call, flight, brought, view)
            weighed, every = scales.weigh(view), list(range(len(brought.items)))
            facts, verdict, people = weighed.facts, weighed.verdict, 0
            places = [place for place in every if place not in weighed.dropped]
            if view.id != flight.decision.session:
                verdict = _ANOTHER_SESSION
            elif self.decisions.observe and weighed.dropped and weighed.allowed:
                verdict = next(iter(weighed.dropped.values()))
            elif given is not None and given.last.verdict in _OF_ITEMS:
                people = self._people(given, weighed, view) if given.last.verdict in APPROVING else 0
                places = self._said_yes_to(given, brought, places)
                facts, verdict = scales.let_in(places, view, approvals=people)
                if verdict.outcome is Outcome.ASK and not weighed.allowed:  # asked anew, it is about all of it
                    facts, verdict = weighed.facts, weighed.verdict
            elif (unasked or given is not None) and not weighed.allowed and weighed.rest:
                places = [one for one in places if one not in weighed.asking]
                facts, verdict = scales.let_in(places, view, approvals=0)
            observed = self.decisions.observe and policy_only(verdict)
            if observed:
                facts, places = scales.facts_of(every), every
            hands = verdict.outcome is Outcome.ALLOW or observed
            gate = release_entry(flight, brought, weighed, places if hands else None, asked=given is not None)
            decision = self.decisions.committed(
                facts,
                view,
                verdict,
                call,
                observed=observed,
                approves=None if given is None else given.question.decision,
                gate=gate,
            )
            if given is not None and people and verdict.outcome is Outcome.ALLOW:
                receipts.use(db, given, decision=decision.number or 0, at=self.clock().isoformat())
            reads = self.decisions.rules.current.policies.reads_readers
            readers = scales.readers_of(places) if hands and reads else None
            taken = _Taken(replace(weighed, facts=facts), decision, places if hands else None, readers)
            return taken, decision.number, facts.labels if hands else NONE

        taken = await self.session.decide(work, narrows=flight.reservation)
        flight.decided = taken.decision.number
        if taken.places is not None:
            flight.released(taken.decision, taken.weighed.facts.labels, taken.readers)
        return taken

    def _people(self, given: Given, weighed: Weighed, view: SessionView) -> int:
        """How many have said yes to this, with the session, and what is known of what was read, as they are now.

        # INVARIANT: a yes lets in what was shown, with the labels that were shown; tests/attacks/test_release_gate.py.
        """
        shown = weighed.facts.labels <= given.question.labels
        return said_yes(given, view, self.decisions.rules.version, self.clock()) if shown else 0

    def _said_yes_to(self, given: Given, brought: Brought, places: Sequence[int]) -> list[int]:
        """Of the items that policy does not drop now those that a person was shown, and said yes to. What policy says
        of one can have changed with the time, or with what it is told of its environment."""
        arrival, picked = given.question.arrival, set(given.last.items)
        every = not picked and given.last.verdict in APPROVING
        shown = () if arrival is None else arrival.items
        let_in = {one.id for one in shown if every or not one.asks or one.id in picked}
        ids = names_of(brought)
        return [place for place in places if ids[place] in let_in]

    async def _unasked(self, call: Call, flight: Flight, brought: Brought, code: Code) -> Released:
        """Hand over what asks nobody, if there is any, and else say that the result is withheld, by ``code``."""
        taken = await self._decide(call, flight, brought, unasked=True)
        if taken.places is None and taken.asks:
            return self._withheld(call, flight, brought, replace(taken.decision, code=code), taken.weighed)
        return self._outcome(call, flight, brought, taken)

    def _outcome(self, call: Call, flight: Flight, brought: Brought, taken: _Taken) -> Released:
        """What becomes of the result by a decision that asks nobody any more.

        :raises Refused: the session is frozen, or another one.
        """
        if taken.places is None:
            if taken.decision.code in {Code.SESSION_FROZEN, Code.APPROVAL_EXPIRED}:
                raise Refused(taken.decision, taken.weighed.facts, sent=True)
            return self._withheld(call, flight, brought, taken.decision, taken.weighed)
        chosen = set(taken.places)
        items = tuple(item for place, item in enumerate(brought.items) if place in chosen)
        left = [place for place in range(len(brought.items)) if place not in chosen]
        result = brought.without(left)
        ids, total = names_of(brought) if left else [], len(brought.items)
        names = tuple(ids[place] for place in left)
        if left and not items and call.output_schema is not None and "structuredContent" not in result:
            result = withheld_result("tools/call", taken.decision, names, total, call.output_schema)
        elif left and isinstance(result.get("content"), list):
            result = with_notice(result, withheld_text(taken.decision, names, total), call.output_schema)
        self._let_look(call, brought, taken.decision, {place: ids[place] for place in left}, taken.weighed)
        labels = (flight.labels - INGRESS) | taken.weighed.facts.labels
        texts = tuple(brought.text(place) for place in taken.places) if self.keeps_texts else ()
        return Released(result, taken.decision, labels, items, names, total, texts)

    def _withheld(self, call: Call, flight: Flight, brought: Brought, decision: Decision, weighed: Weighed) -> Released:
        ids = tuple(names_of(brought))
        if brought.items:
            self._let_look(call, brought, decision, dict(enumerate(ids)), weighed)
        result = withheld_result(METHODS.get(call.facts.action, ""), decision, ids, len(ids), call.output_schema)
        return Released(result, decision, flight.labels - INGRESS, (), ids, len(ids))

    def _let_look(
        self, call: Call, brought: Brought, decision: Decision, names: Mapping[int, str], weighed: Weighed
    ) -> None:
        """Let people look at what was withheld, if it can be shown."""
        with suppress(BadRequest, ValueError):
            self.desk.withheld.withhold(withheld_items(call.facts, brought, decision, names, weighed, self.clock()))

    def _shown(self, call: Call, brought: Brought, taken: _Taken) -> Arrival:
        """What a person is shown of a result.

        :raises Refused: it cannot be shown.
        """
        try:
            return arrival_of(call.facts, brought, taken.weighed)
        except (BadRequest, LimitExceeded, ValueError) as error:
            decision = replace(taken.decision, code=Code.APPROVAL_REQUIRED)
            raise Refused(decision, taken.weighed.facts, f"it cannot be put before a person. {error}") from error


def _begins_task(reply: Mapping[str, Any]) -> bool:
    """Whether the result is still to come: what came is the name of a task."""
    return kind_of(reply) == TASK or "task" in reply


def _asking(flight: Flight, reply: dict[str, Any]) -> Released:
    """Questions of the upstream's, each of which was decided by itself; where what is brought waits, nothing else."""
    if not flight.waits:
        return Released(reply, flight.decision, flight.labels)
    questions: dict[str, Any] = {
        key: reply[key] for key in ("resultType", "inputRequests", "requestState") if key in reply
    }
    return Released(questions, flight.decision, flight.labels - INGRESS)
