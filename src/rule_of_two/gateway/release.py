"""The second gate: what a call brought back is decided before it is handed over (DESIGN section 3 "Two gates").

A result of which a manifest says where its items stand is taken apart, and brings no more than these bring. One of a
call that was sent although what it can bring would ask or be denied waits here for policy, and for a person.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from rule_of_two.approvals import receipts
from rule_of_two.approvals.arrival import Arrival, ArrivedItem
from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.withheld import MOST_OF_SESSION, WithheldItem
from rule_of_two.audit.journal import MOST_ITEMS, told_item
from rule_of_two.errors import BadRequest, Code, LimitExceeded
from rule_of_two.gateway.arrivals import Brought, Carrying, Scales, Vouched, Weighed, Whole
from rule_of_two.gateway.consent import Caller, Consent, still_valid
from rule_of_two.gateway.decisions import Decisions
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.handles import MOST_BYTES, Handles, new_handle, written
from rule_of_two.gateway.held_results import HeldResults
from rule_of_two.gateway.held_value import HeldValue, value_of
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.verdicts import Verdicts, policy_only
from rule_of_two.gateway.withheld import (
    HANDLE_KEY,
    handle_text,
    normal_result,
    withheld_block,
    withheld_meta,
    withheld_result,
)
from rule_of_two.model import INGRESS, NONE, Action, Decision, Facts, Item, Labels, Outcome, SessionView, Verdict
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.database import BusyError
from rule_of_two.wire.eras import INPUT_REQUIRED, TASK, kind_of
from rule_of_two.wire.frames import dump
from rule_of_two.wire.handler import RemoteError

_SECRET: Final = secrets.token_bytes(16)
"""Names of what is withheld are made with it: nobody finds contents by them."""
_METHODS: Final = {
    Action.CALL_TOOL: "tools/call",
    Action.READ_RESOURCE: "resources/read",
    Action.GET_PROMPT: "prompts/get",
}
_RECHECKS: Final = 3
"""How often a person is asked again because the session gained a label while they read."""
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


@dataclass(frozen=True, slots=True)
class Released:
    """What is handed over: the result, the labels that it brings, and the items in it. ``withheld`` are our names for
    the items that are not, a whole result being one, of ``total``."""

    result: dict[str, Any]
    decision: Decision
    labels: Labels
    items: tuple[Item, ...] = ()
    withheld: tuple[str, ...] = ()
    total: int = 0
    texts: tuple[str, ...] = ()
    """Of the items, where they are to be kept."""
    handle: Mapping[str, Any] | None = None
    """What a client is told of a result that the gateway keeps."""

    @property
    def nothing(self) -> bool:
        """Whether all of it is withheld, or kept."""
        return self.handle is not None or 0 < len(self.withheld) == self.total

    @property
    def meta(self) -> dict[str, Any]:
        """What the result says of what it lacks."""
        if self.handle is not None:
            return {HANDLE_KEY: self.handle}
        return withheld_meta(self.withheld, self.total) if self.withheld else {}


@dataclass(frozen=True, slots=True)
class _Taken:
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


@dataclass(frozen=True, slots=True)
class _Holding:
    """A result that is kept, as it was decided."""

    decision: Decision
    facts: Facts
    value: HeldValue


class _NotHeld(Exception):
    """No policy keeps it, or it cannot be kept: it is decided like any other."""


@dataclass(frozen=True, slots=True)
class ReleaseGate:
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
    handles: Handles
    keeps_texts: bool = False

    def concerns(self, call: Call, flight: Flight) -> bool:
        """Whether what the call brings is decided at all: else it is what was decided before it was sent."""
        if flight.waits or call.reader is not None or self._holds(call, flight):
            return True
        return self._worst(flight) != flight.labels & INGRESS

    def _holds(self, call: Call, flight: Flight) -> bool:
        """Whether policy is asked whether what it brings is kept. What a person let in with the call is not: but they
        did not let in what it passes on."""
        if not self.verdicts.holds or self.decisions.observe or not call.brings:
            return False
        return bool(self._worst(flight)) and (bool(call.passed) or not flight.approved)

    def _worst(self, flight: Flight) -> Labels:
        """What the call can bring by now: what it read can have been written while it was under way.

        # INVARIANT: a read that was decided before a write, and served after it, brings what the write stamped;
        # tests/gateway/test_ledger.py.
        """
        return self.verdicts.grown(flight.facts, flight.decision.number or 0) & INGRESS

    async def release(self, call: Call, flight: Flight, reply: dict[str, Any], caller: Caller | None) -> Released:
        """Decide what came back, and ask a person where policy asks. What may be handed over is reserved then.

        :raises Refused: nothing of it may be handed over, for now or for good.
        :raises StoreError: it could not be decided.
        """
        if kind_of(reply) == INPUT_REQUIRED:  # each of its questions was decided by itself
            return Released(reply, flight.decision, flight.labels - INGRESS if flight.waits else flight.labels)
        worst = self._worst(flight)
        brought = Carrying.of(self._read(call, reply, worst), call.carries)
        if self._holds(call, flight):
            if not _begins_task(reply) and (kept := await self._kept(call, flight, brought)) is not None:
                return kept
            if not flight.waits and call.reader is None and worst == flight.labels & INGRESS:
                return Released(reply, flight.decision, flight.labels)
        taken = self._at_once(call, flight, brought) or await self._decide(call, flight, brought)
        asked = 0
        while taken.asks:
            if asked == _RECHECKS:
                detail = "the session changed each time while a person was asked."
                decision = replace(taken.decision, code=Code.APPROVAL_EXPIRED)
                raise Refused(decision, taken.weighed.facts, detail, sent=True)
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
        people = self.vouched(call.facts.upstream, call.facts.name, brought.items)
        return Vouched(brought, people) if people else brought

    async def release_error(self, call: Call, flight: Flight, error: RemoteError) -> Labels:
        """Decide whether the text of an upstream's error may be handed over; the labels that it brings. Nobody is asked
        about it.

        :raises Refused: it may not be.
        """
        worst = self._worst(flight)
        brought = Whole({"error": error.error}, worst)
        detail = "the server answered with an error, whose text is withheld."
        if self._holds(call, flight):
            with suppress(_NotHeld):
                holding = await self._holding(call, flight, brought)
                raise Refused(holding.decision, holding.facts, detail, sent=True)
        if not flight.waits and worst == flight.labels & INGRESS:
            return flight.labels
        taken = await self._decide(call, flight, brought)
        if taken.places is None:
            code = taken.decision.code or Code.APPROVAL_REQUIRED
            raise Refused(replace(taken.decision, code=code), taken.weighed.facts, detail, sent=True)
        return (flight.labels - INGRESS) | taken.weighed.facts.labels

    async def _kept(self, call: Call, flight: Flight, brought: Brought) -> Released | None:
        """What is handed over of a result that policy keeps: our word that it is, and a handle. ``None``: it is not."""
        handle = new_handle()
        try:
            holding = await self._holding(call, flight, brought, handle)
        except _NotHeld:
            return None
        decision, facts = holding.decision, holding.facts
        kept = self.handles.keep(
            handle, decision.session, decision.number or 0, facts.qualified, holding.value, facts.labels
        )
        told = self.handles.told(kept)
        method = _METHODS.get(call.facts.action, "")
        result = normal_result(method, handle_text(told, decision), {HANDLE_KEY: told}, call.output_schema)
        return Released(result, decision, flight.labels - INGRESS, handle=told)

    async def _holding(self, call: Call, flight: Flight, brought: Brought, handle: str = "") -> _Holding:
        """Decide in one step that what came back is kept. Nothing is reserved, since nothing of it is handed over.

        :raises _NotHeld: it is not kept; what was reserved for it is as before.
        """

        if flight.reservation is None:  # nothing of its own is in the way of looking first
            self._weighed_to_hold(call, flight, brought, self.session.view())

        def work(view: SessionView, _: sqlite3.Connection) -> tuple[_Holding, int | None, Labels]:
            weighed, verdict = self._weighed_to_hold(call, flight, brought, view)
            try:
                value = value_of(brought.without(list(weighed.dropped)))
            except ValueError as error:
                raise _NotHeld from error
            if value.size > MOST_BYTES:
                raise _NotHeld
            gate = self._gate(flight, brought, weighed, None)
            if handle:
                gate["holds"] = {**written(handle, value), "labels": sorted(weighed.facts.labels)}
            decision = self.decisions.committed(weighed.facts, view, verdict, call, gate=gate)
            return _Holding(decision, weighed.facts, value), decision.number, NONE

        return await self.session.decide(work, narrows=flight.reservation)

    def _weighed_to_hold(
        self, call: Call, flight: Flight, brought: Brought, view: SessionView
    ) -> tuple[Weighed, Verdict]:
        """What of a result is kept, and the verdict that says so. What policy denies is not, and nor is nothing.

        :raises _NotHeld: it is not kept.
        """
        weighed = self._scales(call, flight, brought, view).weigh(view)
        nothing = len(weighed.dropped) == len(brought.items) > 0
        if nothing or weighed.verdict.outcome is Outcome.DENY or view.id != flight.decision.session:
            raise _NotHeld
        verdict = self.verdicts.of_holding(weighed.facts, view)
        if verdict is None:
            raise _NotHeld
        return weighed, verdict

    def _at_once(self, call: Call, flight: Flight, brought: Brought) -> _Taken | None:
        """What was decided where the session holds already whatever the call can bring: nothing is reserved, so no
        other call can be judged differently by it. ``None``: it takes a step of its own."""
        if flight.reserved or flight.waits or self.decisions.observe:
            return None
        view = self.session.view()
        weighed = self._scales(call, flight, brought, view).weigh(view)
        if not weighed.allowed or not view.has(weighed.facts.labels) or view.id != flight.decision.session:
            return None
        places = [place for place in range(len(brought.items)) if place not in weighed.dropped]
        if not weighed.dropped:
            return _Taken(weighed, flight.decision, places)
        with suppress(BusyError):
            gate = self._gate(flight, brought, weighed, places)
            decision = self.decisions.committed(weighed.facts, view, weighed.verdict, call, gate=gate)
            return _Taken(weighed, decision, places)
        return None

    async def _decide(
        self, call: Call, flight: Flight, brought: Brought, given: Given | None = None, *, unasked: bool = False
    ) -> _Taken:
        """Decide in one step with what is reserved. ``given`` is what a person answered; ``unasked``: only what asks
        nobody is to be handed over."""

        def work(view: SessionView, db: sqlite3.Connection) -> tuple[_Taken, int | None, Labels]:
            scales = self._scales(call, flight, brought, view)
            weighed, every = scales.weigh(view), list(range(len(brought.items)))
            facts, verdict, people = weighed.facts, weighed.verdict, 0
            places = [place for place in every if place not in weighed.dropped]
            if view.id != flight.decision.session:
                verdict = _ANOTHER_SESSION
            elif self.decisions.observe and weighed.dropped and weighed.allowed:
                verdict = next(iter(weighed.dropped.values()))
            elif given is not None and given.last.verdict in APPROVING:
                people, picked = self._people(given, view), set(given.last.items)
                ids = self._ids(brought)
                places = [one for one in places if not picked or one not in weighed.asking or ids[one] in picked]
                facts, verdict = scales.let_in(places, view, approvals=people)
            elif (unasked or given is not None) and not weighed.allowed and weighed.rest:
                places = [one for one in places if one not in weighed.asking]
                facts, verdict = scales.let_in(places, view, approvals=0)
            observed = self.decisions.observe and policy_only(verdict)
            if observed:
                facts, places = scales.facts_of(every), every
            hands = verdict.outcome is Outcome.ALLOW or observed
            gate = self._gate(flight, brought, weighed, places if hands else None, asked=given is not None)
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

    def _people(self, given: Given, view: SessionView) -> int:
        """How many have said yes to this, with the session as it is now."""
        question = given.question
        same = view.after.keys() == question.held.keys() and question.policy_version == self.decisions.rules.version
        return len(given.answers) if same and still_valid(given, self.clock()) else 0

    def _scales(self, call: Call, flight: Flight, brought: Brought, view: SessionView) -> Scales:
        known = self.verdicts.known(call.facts, view)
        stored = (known.labels - call.facts.labels) & self._worst(flight)  # not what the call stamped itself
        vouched = brought.people if isinstance(brought, Vouched) else {}
        return Scales(self.verdicts, known, stored, brought, vouched, flight.people(view))

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
        ids, total = self._ids(brought) if left else [], len(brought.items)
        names = tuple(ids[place] for place in left)
        if left and isinstance(result.get("content"), list):
            result = {**result, "content": [*result["content"], withheld_block(taken.decision, names, total)]}
        self._keep(call, brought, taken.decision, {place: ids[place] for place in left}, taken.weighed)
        labels = (flight.labels - INGRESS) | taken.weighed.facts.labels
        texts = tuple(brought.text(place) for place in taken.places) if self.keeps_texts else ()
        return Released(result, taken.decision, labels, items, names, total, texts)

    def _withheld(self, call: Call, flight: Flight, brought: Brought, decision: Decision, weighed: Weighed) -> Released:
        ids = tuple(self._ids(brought))
        if brought.items:
            self._keep(call, brought, decision, dict(enumerate(ids)), weighed)
        method = _METHODS.get(call.facts.action, "")
        result = withheld_result(method, decision, ids, len(ids), call.output_schema)
        return Released(result, decision, flight.labels - INGRESS, (), ids, len(ids))

    def _keep(
        self, call: Call, brought: Brought, decision: Decision, names: Mapping[int, str], weighed: Weighed
    ) -> None:
        """Let people look at what was withheld."""
        kept = [
            WithheldItem(
                session=decision.session,
                upstream=call.facts.upstream,
                tool=call.facts.name,
                item=self._arrived(brought, place, name, asks=True),
                at=self.clock(),
                policies=weighed.dropped[place].policies if place in weighed.dropped else decision.policies,
                action=call.facts.action,
            )
            for place, name in list(names.items())[:MOST_OF_SESSION]
        ]
        with suppress(BadRequest):  # what has no text that can be shown is not shown
            self.desk.withhold(kept)

    def _arrived(self, brought: Brought, place: int, name: str, *, asks: bool) -> ArrivedItem:
        item = brought.items[place]
        return ArrivedItem(
            id=name,
            name=item.id,
            labels=item.labels,
            authors=item.authors,
            size=item.size,
            digest=item.digest,
            text=brought.text(place),
            asks=asks,
        )

    def _shown(self, call: Call, brought: Brought, taken: _Taken) -> Arrival:
        """What a person is shown of a result.

        :raises Refused: it cannot be shown.
        """
        try:
            return self._arrival(call, brought, taken.weighed)
        except (BadRequest, LimitExceeded, ValueError) as error:
            decision = replace(taken.decision, code=Code.APPROVAL_REQUIRED)
            raise Refused(decision, taken.weighed.facts, f"it cannot be put before a person. {error}") from error

    def _arrival(self, call: Call, brought: Brought, weighed: Weighed) -> Arrival:
        """What a person is shown of a result."""
        ids, whole = self._ids(brought), brought.without(list(weighed.dropped))
        without = None
        if weighed.rest and brought.items:
            without = _digest(brought.without([*weighed.dropped, *weighed.asking]))
        items = [
            self._arrived(brought, place, ids[place], asks=place in weighed.asking)
            for place in range(len(brought.items))
            if place not in weighed.dropped
        ]
        if not items or "A" in brought.frame:  # what is around the items is let in with them, so it is shown too
            text = dump(whole).decode()
            name = "the whole result"
            items.append(
                ArrivedItem(
                    id=_named(f"whole:{name}"),
                    name=name,
                    labels=weighed.facts.labels,
                    authors=None,
                    size=len(text),
                    digest=_digest(whole),
                    text=text,
                    asks=True,
                )
            )
        where = ", ".join(target.value for target in call.facts.targets if target.value) or call.facts.upstream
        return Arrival(digest=_digest(whole), where=where, items=tuple(items), without=without)

    def _gate(
        self, flight: Flight, brought: Brought, weighed: Weighed, places: Sequence[int] | None, *, asked: bool = False
    ) -> dict[str, Any]:
        """What is written of a decision about what came back: ids and digests of what is handed over (``places``;
        ``None``: nothing is), what is dropped and what else is withheld, and no contents. After a person was ``asked``,
        the digest of all that is handed over."""
        told: dict[str, Any] = {"releases": flight.decision.number}
        if flight.decided is not None:
            told["after"] = flight.decided
        items, dropped = brought.items, weighed.dropped
        chosen = set(places or ())
        left = [place for place in range(len(items)) if place not in chosen]
        if items:
            waits = [place for place in left if place not in dropped]
            told["counts"] = {"items": len(items), "dropped": len(left) - len(waits), "withheld": len(waits)}
            told["items"] = [told_item(items[place]) for place in (places or ())[:MOST_ITEMS]]
            told["dropped_items"] = [
                {**told_item(items[place]), "policies": dropped[place].policies}
                for place in [place for place in left if place in dropped][:MOST_ITEMS]
            ]
            ids = self._ids(brought) if waits else []
            told["withheld_items"] = [{**told_item(items[place]), "name": ids[place]} for place in waits[:MOST_ITEMS]]
        elif places is None:
            told["withheld_items"] = [{"name": self._ids(brought)[0]}]
        if asked and places is not None:
            told["result_sha256"] = _digest(brought.without(left))
        return told

    def _ids(self, brought: Brought) -> list[str]:
        """A name for each item, or for the result that has none: the same whenever it is asked about, and it says
        nothing of what it names."""
        return [_named(f"{place}:{item.digest}") for place, item in enumerate(brought.items)] or [_named("whole")]


def _begins_task(reply: Mapping[str, Any]) -> bool:
    """Whether the result is still to come: what came is the name of a task."""
    return kind_of(reply) == TASK or "task" in reply


def _named(what: str) -> str:
    return f"w-{hashlib.blake2b(what.encode(), key=_SECRET, digest_size=6).hexdigest()}"


def _digest(result: dict[str, Any]) -> str:
    return hashlib.sha256(dump(result)).hexdigest()
