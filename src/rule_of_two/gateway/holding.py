"""What policy has the gateway keep instead of handing it over: the client gets a handle (docs/handles.md)."""

from __future__ import annotations

import sqlite3

from msgspec import Struct

from rule_of_two.gateway.arrivals import Brought, Weighed, scales_for, worst_of
from rule_of_two.gateway.decisions import Decisions
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.handles import MOST_BYTES, Handles, new_handle, written
from rule_of_two.gateway.held_value import HeldValue, value_of
from rule_of_two.gateway.release_entry import release_entry
from rule_of_two.gateway.released import Released
from rule_of_two.gateway.verdicts import Verdicts
from rule_of_two.gateway.withheld import HANDLE_KEY, METHODS, handle_text, normal_result
from rule_of_two.model import INGRESS, NONE, Decision, Facts, Labels, Outcome, SessionView, Verdict
from rule_of_two.sessions.repository import ConnectionSession


class _Held(Struct, frozen=True):
    """A result that is kept, as it was decided."""

    decision: Decision
    facts: Facts
    value: HeldValue


class _NotHeld(Exception):
    """No policy keeps it, or it cannot be kept: it is decided like any other."""


class Holding(Struct, frozen=True):
    """Keeps what the calls of one session's pipeline brought back, where policy says so."""

    session: ConnectionSession
    decisions: Decisions
    verdicts: Verdicts
    handles: Handles

    def concerns(self, call: Call, flight: Flight) -> bool:
        """Whether policy is asked whether what a call brings is kept. What a person let in with the call is not: but
        they did not let in what it passes on."""
        if not self.verdicts.holds or self.decisions.observe or not call.brings:
            return False
        return bool(worst_of(self.verdicts, flight)) and (bool(call.passed) or not flight.approved)

    async def keep(self, call: Call, flight: Flight, brought: Brought) -> Released | None:
        """What is handed over of a result that policy keeps: our word that it is, and a handle. ``None``: it is not."""
        handle = new_handle()
        try:
            holding = await self._decided(call, flight, brought, handle)
        except _NotHeld:
            return None
        decision, facts = holding.decision, holding.facts
        kept = self.handles.keep(
            handle, decision.session, decision.number or 0, facts.qualified, holding.value, facts.labels
        )
        told = self.handles.told(kept)
        method = METHODS.get(call.facts.action, "")
        result = normal_result(method, handle_text(told, decision), {HANDLE_KEY: told}, call.output_schema)
        return Released(result, decision, flight.labels - INGRESS, handle=told)

    async def keeps(self, call: Call, flight: Flight, brought: Brought) -> tuple[Decision, Facts] | None:
        """The decision to keep what nobody can be given a handle for, such as the text of an error, with its facts.
        ``None``: it is not kept."""
        try:
            held = await self._decided(call, flight, brought)
        except _NotHeld:
            return None
        return held.decision, held.facts

    async def _decided(self, call: Call, flight: Flight, brought: Brought, handle: str = "") -> _Held:
        """Decide in one step that what came back is kept. Nothing is reserved, since nothing of it is handed over.

        :raises _NotHeld: it is not kept; what was reserved for it is as before.
        """

        if flight.reservation is None:  # nothing of its own is in the way of looking first
            self._weighed(call, flight, brought, self.session.view())

        def work(view: SessionView, _: sqlite3.Connection) -> tuple[_Held, int | None, Labels]:
            weighed, verdict = self._weighed(call, flight, brought, view)
            try:
                value = value_of(brought.without(list(weighed.dropped)))
            except ValueError as error:
                raise _NotHeld from error
            if value.size > MOST_BYTES:
                raise _NotHeld
            gate = release_entry(flight, brought, weighed, None)
            if handle:
                gate["holds"] = {**written(handle, value), "labels": sorted(weighed.facts.labels)}
            decision = self.decisions.committed(weighed.facts, view, verdict, call, gate=gate)
            return _Held(decision, weighed.facts, value), decision.number, NONE

        return await self.session.decide(work, narrows=flight.reservation)

    def _weighed(self, call: Call, flight: Flight, brought: Brought, view: SessionView) -> tuple[Weighed, Verdict]:
        """What of a result is kept, and the verdict that says so. What policy denies is not, and nor is nothing.

        :raises _NotHeld: it is not kept.
        """
        weighed = scales_for(self.verdicts, call, flight, brought, view).weigh(view)
        nothing = len(weighed.dropped) == len(brought.items) > 0
        if nothing or weighed.verdict.outcome is Outcome.DENY or view.id != flight.decision.session:
            raise _NotHeld
        verdict = self.verdicts.of_holding(weighed.facts, view)
        if verdict is None:
            raise _NotHeld
        return weighed, verdict
