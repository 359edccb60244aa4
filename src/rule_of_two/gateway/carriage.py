"""A call that was let pass, from its sending to the end of its reservation: what it brought is joined, whatever comes.

# INVARIANT: nothing is handed over whose labels are not committed; tests/attacks/ and the state machine in
# `tests/gateway/test_model_machine.py` hold it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio
from msgspec import Struct

from rule_of_two.audit.journal import Journal, OutcomeKind
from rule_of_two.errors import BadRequest, Code, LimitExceeded, RuleOfTwoError, StoreError
from rule_of_two.gateway.consent import Caller
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.given_urls import GivenUrls
from rule_of_two.gateway.kept_contents import KeptContents
from rule_of_two.gateway.release import ReleaseGate
from rule_of_two.gateway.released import Released
from rule_of_two.gateway.results import Refused
from rule_of_two.model import INGRESS, NONE, Decision, Item, Labels, Outcome
from rule_of_two.records import replace
from rule_of_two.wire.eras import INPUT_REQUIRED, kind_of
from rule_of_two.wire.peer import ConnectionLost, NotSent, RemoteError

T = TypeVar("T")


class Carriage(Struct, frozen=True):
    """Carries out the calls of one session's pipeline. ``publish`` says that the session changed, ``undecided`` makes
    the denial of an error, and ``gate`` decides what comes back. ``given`` remembers addresses, if any policy asks for
    them, and ``contents`` says what is written down of what is handed over, if anything is."""

    journal: Journal
    publish: Callable[[], None]
    undecided: Callable[[RuleOfTwoError], Decision]
    gate: ReleaseGate
    given: GivenUrls | None = None
    contents: KeptContents | None = None

    async def run(
        self,
        call: Call,
        flight: Flight,
        send: Callable[[Flight], Awaitable[dict[str, Any]]],
        caller: Caller | None,
    ) -> Released:
        """Send the call and return what is handed over of the upstream's result.

        :raises Refused: its result could not be handed over.
        :raises RemoteError: the upstream answered with an error; its labels are joined.
        """
        labels = flight.labels
        act = labels - INGRESS
        if self.given is not None:
            self.given.sent(flight.decision.session, call.forwarded or call.arguments)
        try:
            reply = await send(flight)
        except NotSent as error:
            await self._land(flight, NONE, "not_sent", str(error))
            raise self._failed(flight, error, sent=False) from error
        except (ConnectionLost, TimeoutError) as error:
            kind: OutcomeKind = "timeout" if isinstance(error, TimeoutError) else "lost"
            await self._land(flight, labels if flight.received else act, kind, str(error))
            raise self._failed(flight, error, sent=True) from error
        except RemoteError as error:
            brought = await self._decided(flight, partial(self.gate.release_error, call, flight, error))
            await self._hand_over(flight, brought, "error", f"code {error.code}")
            raise
        except Refused as error:  # what it brought may not be handed over
            await self._land(flight, labels, "withheld", error.detail)
            raise
        except (BadRequest, LimitExceeded) as error:  # the reply is something that must not be passed on
            await self._land(flight, labels, "withheld", str(error))
            raise self._failed(flight, error, sent=True) from error
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._land(flight, labels if flight.received else act, "cancelled")
            raise
        except BaseException as error:  # a bug: whatever the call may have brought, it has brought
            with anyio.CancelScope(shield=True):
                await self._land(flight, labels, "failed", type(error).__name__)
            raise
        return await self.hand_on(call, flight, reply, caller)

    async def hand_on(self, call: Call, flight: Flight, reply: dict[str, Any], caller: Caller | None) -> Released:
        """Have what came back decided, and hand over what may be.

        :raises Refused: nothing of it may be.
        """
        released = await self._decided(flight, partial(self._released, call, flight, reply, caller))
        what = "isError" if reply.get("isError") is True else ""
        if kind_of(reply) == INPUT_REQUIRED:
            what = INPUT_REQUIRED  # nothing of the result is there yet
        if released.nothing:
            kind: OutcomeKind = "withheld" if released.handle is None else "held"
            await self._hand_over(flight, released.labels, kind, what)
            return released
        kept = [] if self.contents is None else self.contents.of(call, released)
        await self._hand_over(flight, released.labels, "result", what, released.items, kept)
        if self.given is not None:
            self.given.handed_over(flight.decision.session, released.result)
        return released

    async def _released(self, call: Call, flight: Flight, reply: dict[str, Any], caller: Caller | None) -> Released:
        if self.gate.concerns(call, flight):
            return await self.gate.release(call, flight, reply, caller)
        return Released(reply, flight.decision, flight.labels)

    async def _decided(self, flight: Flight, decide: Callable[[], Awaitable[T]]) -> T:
        """What the gate says of something that came back. Where it says nothing, nothing is handed over, and so nothing
        of it joins but that the call acted.

        :raises Refused: it may not be handed over.
        """
        act = flight.labels - INGRESS
        try:
            return await decide()
        except Refused as error:
            await self._land(flight, act, "withheld", error.detail)
            raise
        except RuleOfTwoError as error:
            await self._land(flight, act, "withheld", str(error))
            raise self._failed(flight, error, sent=True) from error
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._land(flight, act, "cancelled")
            raise
        except BaseException as error:  # a bug
            with anyio.CancelScope(shield=True):
                await self._land(flight, flight.labels, "failed", type(error).__name__)
            raise

    async def _hand_over(
        self,
        flight: Flight,
        brought: Labels,
        kind: OutcomeKind,
        detail: str,
        items: Sequence[Item] = (),
        contents: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        try:
            await flight.land(brought)
        except StoreError as error:
            # The reservation stands, so the labels still count; but what cannot be recorded is not handed over.
            raise Refused(self.undecided(error), flight.facts, f"{error}.", sent=True) from error
        self._record(flight, kind, detail, items, contents)

    async def _land(self, flight: Flight, joined: Labels, kind: OutcomeKind, detail: str = "") -> None:
        """Settle a call whose result is not handed over. If the state fails, the reservation still counts."""
        try:
            await flight.land(joined)
        except StoreError:
            detail = f"{detail} (its labels stay reserved: the state could not be written)"
        self._record(flight, kind, detail)

    def _record(
        self,
        flight: Flight,
        kind: OutcomeKind,
        detail: str,
        items: Sequence[Item] = (),
        contents: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Journal an outcome. The decision is committed already; losing this line changes nothing that was decided."""
        if flight.reserved or flight.waits:
            self.publish()
        self.journal.outcome(flight.decision.number or 0, flight.decision.session, kind, detail, items, contents)

    def _failed(self, flight: Flight, error: Exception, *, sent: bool) -> Refused:
        code = error.code if isinstance(error, RuleOfTwoError) else Code.UPSTREAM_UNAVAILABLE
        decision = replace(flight.decision, outcome=Outcome.DENY, code=code)
        return Refused(decision, flight.facts, f"{error}.", sent=sent)
