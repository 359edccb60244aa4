"""One request on its way to one upstream: its place, its decision, its sending, and once more if it was lost.

A request is sent once. One whose connection was lost before the reply came is sent a second time only where that
changes nothing for anybody: it does not carry C, and it is a read by MCP's own meaning, or a call of a tool whose
accepted definition says ``idempotentHint``. It is decided anew then, like any other, with the session as it is by then.
There is no third time.

An HTTP upstream that refuses a call because its headers are not what it wants is asked for its tools anew, since those
say what headers repeat (2026-07-28, Server Validation); what carries no C is then decided and sent once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from rule_of_two.errors import Code
from rule_of_two.escape import visible
from rule_of_two.gateway.catalog import tool_annotations
from rule_of_two.gateway.definitions import Kind, Listed, Status
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import IN_ROUNDS, Exchange
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.handles import InvalidHandle, mention
from rule_of_two.gateway.lane import LaneFull
from rule_of_two.gateway.mount import CALL_SECONDS, Mount
from rule_of_two.gateway.provenance import provenance_of
from rule_of_two.gateway.results import PROVENANCE_KEY, REFUSED, Refused, marked, with_decision, without_ours
from rule_of_two.gateway.rounds import Rounds
from rule_of_two.model import Labels
from rule_of_two.records import replace
from rule_of_two.wire.codes import HEADER_MISMATCH, INTERNAL_ERROR
from rule_of_two.wire.eras import INPUT_REQUIRED, TASK, Claims, Era, complete, kind_of
from rule_of_two.wire.peer import ConnectionLost, NotSent, RemoteError

_PASSED: Final = frozenset((INPUT_REQUIRED, TASK))
"""Results of a modern upstream's that are not complete, and that a modern client understands."""
_READS: Final = frozenset(("prompts/get", "resources/read"))
_AT_ONCE: Final = frozenset(("tasks/cancel",))
"""What must not wait behind the very thing that it ends."""

Adapt = Callable[[Mount, Labels, dict[str, Any]], dict[str, Any]]
"""Gives a result of an upstream's as the client is to see it; the labels are those of the call."""


class HandleSpent(NotSent):
    """What was decided passes a handle that stands for nothing any more, so nothing was sent."""

    code = Code.INVALID_HANDLE


class DefinitionChanged(NotSent):
    """What was decided is no longer what the upstream offers, so nothing was sent."""

    code = Code.DEFINITION_CHANGED


class _Attempt(Struct):
    """How one sending went. ``repeated`` is the second one; ``quiet``: progress of the first was handed over.
    ``mismatched``: the upstream wanted other headers."""

    repeated: bool = False
    quiet: bool = False
    lost: bool = False
    mismatched: bool = False
    told: bool = False


class Delivery(Struct, frozen=True):
    """Delivers one call. ``told`` is what upstreams are told of the client; ``kind`` is what the call's pin is of."""

    enforcement: Enforcement
    rounds: Rounds
    told: Callable[[Claims], Claims]
    exchange: Exchange
    mount: Mount
    kind: Kind | None
    adapt: Adapt
    method: str

    async def run(self, call: Call) -> dict[str, Any]:
        """Wait for a place, decide, send, and hand the result over with the decision.

        :raises Refused: it was not carried out, or its result may not be handed over.
        :raises RemoteError: the upstream answered with an error.
        """
        if self.method in _AT_ONCE:
            return await self._once(call, _Attempt())
        try:
            async with self.mount.lane as waited:
                return await self._at_most_twice(_anew(call) if waited else call)
        except LaneFull as error:
            facts = call.facts
            raise await self.enforcement.refuse(facts, error.code, f"{error}.", named=facts.qualified) from error

    async def _at_most_twice(self, call: Call) -> dict[str, Any]:
        attempt = _Attempt()
        obliged = self.enforcement.obliged(call)
        try:
            return await self._once(obliged, attempt)
        except Refused:
            again = await self._again(call, obliged) if attempt.lost else None
            if again is None:
                raise
        except RemoteError:
            again = await self._with_other_headers(call) if attempt.mismatched else None
            if again is None:
                raise
        try:
            return await self._once(again, _Attempt(repeated=True, quiet=attempt.told))
        except Refused as refused:
            refused.sent = True  # once it was
            raise

    async def _again(self, call: Call, sent: Call) -> Call | None:
        """A lost call as it is repeated once its upstream is back; ``None`` if it is not to be. ``sent`` is the call
        with its arguments as they were sent; they are found anew.

        # INVARIANT: what carries C, or was not accepted as it is now, is never sent twice;
        # tests/attacks/test_robustness_repeats.py.
        """
        if not self._may_repeat(sent):
            return None
        try:
            await self.mount.recovered()
        except NotSent:
            return None
        again = self.enforcement.obliged(_anew(call))
        if not self._may_repeat(again):
            return None
        await self.mount.say(
            f"{visible(again.facts.qualified)} was lost with the connection to '{self.mount.name}', "
            "and can be repeated safely: it is decided and sent once more"
        )
        return again

    async def _with_other_headers(self, call: Call) -> Call | None:
        """A call whose headers were refused, as it is repeated once the tools were read; ``None`` if it is not to be.

        # INVARIANT: what carries C is never sent twice, whatever an upstream says that it did not do;
        # tests/attacks/test_refused_headers.py.
        """
        await self.mount.reread_tools()
        again = self.enforcement.obliged(_anew(call))
        return None if "C" in call.facts.labels | again.facts.labels else again

    def _may_repeat(self, call: Call) -> bool:
        if "C" in call.facts.labels:
            return False
        if self.kind is not Kind.TOOL:
            return self.method in _READS
        listed = self._listed(call)
        if listed is None or listed.status is not Status.ACCEPTED or listed.definition.digest != call.pin:
            return False
        annotations = tool_annotations(listed)
        return isinstance(annotations, Mapping) and annotations.get("idempotentHint") is True

    def _listed(self, call: Call) -> Listed | None:
        return None if self.kind is None else self.mount.definitions.get(self.kind, call.facts.name)

    async def _once(self, call: Call, attempt: _Attempt) -> dict[str, Any]:
        # INVARIANT: from the decision to the sending nothing waits, so that no upstream chooses the moment;
        # tests/attacks/test_stale_approvals.py.
        cleaned: dict[str, Any] | None = None

        async def send(flight: Flight) -> dict[str, Any]:
            nonlocal cleaned
            self._must_be_unchanged(call)
            if call.passed:
                self._spend(call, flight)
            self.exchange.flight = flight
            try:
                result = await self._request(call, {}, quiet=attempt.quiet)
            except ConnectionLost:
                attempt.lost, attempt.told = not attempt.repeated, flight.received
                raise
            except RemoteError as error:
                attempt.mismatched = error.code == HEADER_MISMATCH and self.method == "tools/call"
                attempt.told = flight.received
                raise
            # What is decided, and told of by its digest, is what is handed over: nothing in it is as if it were ours.
            cleaned = self.adapt(self.mount, flight.labels, without_ours(await self._final(call, result)))
            return cleaned

        self.mount.works_on(self.exchange)
        try:
            released = await self.enforcement.run(call, send, self.exchange)
        except RemoteError as error:
            if error.code == REFUSED:  # only we refuse so
                raise RemoteError.received({**error.error, "code": INTERNAL_ERROR}) from error
            raise
        finally:
            self.mount.done_with(self.exchange)
        own = {PROVENANCE_KEY: provenance_of(call.facts, released), **released.meta}
        mark = marked if released.result is cleaned else with_decision
        return mark(released.result, released.decision, own)

    def _must_be_unchanged(self, call: Call) -> None:
        """Look once more, at the moment of sending.

        :raises NotSent: the upstream cannot be called as it was decided.
        """
        self.mount.must_be_current()
        if self.kind is not None:
            listed = self._listed(call)
            if listed is None or not listed.usable or listed.definition.digest != call.pin:
                raise DefinitionChanged("its definition changed while it was being decided")

    def _spend(self, call: Call, flight: Flight) -> None:
        """Use up the handles that the call passes.

        :raises HandleSpent: one of them stands for nothing any more.
        """
        try:
            self.enforcement.spend(call.passed, flight.decision.session)
        except InvalidHandle as error:
            raise HandleSpent(str(error)) from error

    async def _request(self, call: Call, more: Mapping[str, Any], *, quiet: bool = False) -> dict[str, Any]:
        exchange = self.exchange
        labels = call.facts.labels

        def reason() -> str | None:
            may_leave = self.enforcement.words_may_leave(labels) and mention(exchange.cancel_reason) is None
            return exchange.cancel_reason if may_leave else _NO_WORDS

        return await self.mount.request(
            self.method,
            {**call.sent, **more},
            self.told(exchange.claims),
            on_progress=exchange.on_progress if exchange.progress_token is not None and not quiet else None,
            cancel_reason=reason,
            timeout=CALL_SECONDS,
            about=exchange,
        )

    async def _final(self, call: Call, result: dict[str, Any]) -> dict[str, Any]:
        """The result after all rounds of questions, as far as the client cannot answer them itself."""
        modern = self.mount.era is Era.MODERN
        if kind_of(result) == INPUT_REQUIRED and self.method in IN_ROUNDS and modern:
            if self.exchange.era is Era.LEGACY:

                async def repeat(more: dict[str, Any]) -> dict[str, Any]:
                    return await self._request(call, more)

                result = await self.rounds.ask_all(self.mount, self.exchange, result, repeat)
            else:
                result = await self.rounds.pass_on(self.mount, self.exchange, result)
        # Whatever era the upstream speaks, from here on it is a plain result, which the router completes.
        if not (kind_of(result) in _PASSED and self.exchange.era is self.mount.era is Era.MODERN):
            result = complete(Era.LEGACY, self.method, result, {})
        return result


def _anew(call: Call) -> Call:
    """The same call after a wait: what it reaches is looked up again, before it is decided."""
    facts = call.facts_now()
    answers = None if call.answers is None else replace(call.answers, labels=facts.labels)
    return replace(call, facts=facts, answers=answers)


_NO_WORDS: Final = "cancelled by the client"
"""The reason that goes with the cancellation of a call: ours, unless the client's words are free to leave."""
