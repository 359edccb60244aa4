"""What an upstream asks of the client, and what the client answers: both decided before they are handed on.

A question brings [A] and [B]: those of its upstream's texts, and those of every call that it works on, whose bytes it
could hold. An answer leaves, so it is [C] (DESIGN section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.errors import BadRequest, UpstreamUnavailable
from rule_of_two.escape import visible
from rule_of_two.gateway.capabilities import ASKED_OF_CLIENT
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import NO_WAY_BACK, Exchange, OwnAnswer
from rule_of_two.gateway.flight import about
from rule_of_two.gateway.handles import mention
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.outbox import Outbox
from rule_of_two.gateway.results import Refused, without_ours
from rule_of_two.model import EGRESS, INGRESS, Action, Facts
from rule_of_two.wire.codes import METHOD_NOT_FOUND
from rule_of_two.wire.eras import Era
from rule_of_two.wire.frames import dump
from rule_of_two.wire.peer import RemoteError

_USER_REJECTED: Final = -1
"""What a client answers whose user said no (client/sampling, Error Handling)."""
_QUESTION_BYTES: Final = 1024 * 1024
_REFUSALS: Final = 1000


def answer_facts(mount: Mount, methods: str) -> Facts:
    """The facts of answering an upstream."""
    return Facts(Action.ANSWER, mount.name, methods, EGRESS)


class Dialogue(Struct, frozen=True):
    """Takes an upstream's questions to the client and the answers back.

    Nothing tells a legacy client which of its requests a question belongs to, so it belongs to no conversation.
    """

    enforcement: Enforcement
    outbox: Outbox
    refused: set[tuple[object, ...]] = field(default_factory=set)
    """What was refused, with the state of the session: it is not decided, nor written down, again and again."""

    async def ask(self, mount: Mount, exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The whole dialogue. What goes wrong on the way is told to the upstream without a word of the client's.

        :raises RemoteError: the client cannot do this, or the question or its answer was refused.
        """
        try:
            shown = await self.question(mount, exchange, method, params)
            answer = await self._answered(mount, exchange, method, shown)
            await self.answer(mount, exchange, method, answer)
        except (Refused, BadRequest) as refused:
            raise RemoteError(_USER_REJECTED, "The request was refused.") from refused
        except UpstreamUnavailable as gone:  # the client, that is
            raise NO_WAY_BACK from gone
        return answer

    async def question(self, mount: Mount, exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Decide a question, and give it as the client is to see it.

        # INVARIANT: what a question could hold has joined the session before it is shown, also when the call in whose
        # course it is asked never ends; tests/attacks/test_worked_on.py.

        :raises Refused: it may not be put.
        :raises BadRequest: it is longer than a question may be.
        :raises RemoteError: the client never said that it can do this.
        """
        capability, action = ASKED_OF_CLIENT.get(method, (None, Action.VENDOR))
        if capability is not None and capability not in exchange.claims.capabilities:
            raise RemoteError(METHOD_NOT_FOUND, f"The client does not support {method}.")
        if len(dump(params)) > _QUESTION_BYTES:
            raise BadRequest("a question of the server's is longer than 1 MiB")
        worked_on = mount.bringing if exchange.flight is None else mount.bringing | exchange.flight.labels
        facts = Facts(action, mount.name, method[:200], mount.manifest.ingress | (worked_on & INGRESS))
        named = f"a question of the server '{mount.name}'"  # its method is the server's own word
        enforcement = self.session_of(exchange)
        state = (mount.name, facts.name, facts.labels, *enforcement.fingerprint())
        if state in self.refused:
            raise enforcement.repeated(facts, named=named)
        try:
            await enforcement.admit(about(facts, params, forwarded={}))
        except Refused as refused:
            if len(self.refused) < _REFUSALS:
                self.refused.add(state)
            refused.named = named
            raise
        return rendered(mount.name, method, without_ours(params))

    async def answer(self, mount: Mount, exchange: Exchange, methods: str, answer: Mapping[str, Any]) -> None:
        """Decide an answer, before it is forwarded.

        :raises Refused: it may not leave.
        """
        facts = answer_facts(mount, methods[:200])
        enforcement = self.session_of(exchange)
        await enforcement.refuse_handles(facts.action, facts.upstream, answer)
        await enforcement.admit(about(facts, {"answer": answer}, forwarded={}))

    async def _answered(self, mount: Mount, exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
        async def on_progress(progress: dict[str, Any]) -> None:
            """The client's progress leaves too: it is passed on where an answer would be, and nobody is asked."""
            leaves = mention(progress) is None
            if leaves and await self.session_of(exchange).receive(answer_facts(mount, method[:200])):
                self.outbox.put(mount, "notifications/progress", {**progress, "progressToken": token})

        token = (params.get("_meta") or {}).get("progressToken")
        try:
            return await exchange.ask(method, params, on_progress if token is not None else None)
        except OwnAnswer:
            raise
        except RemoteError as error:
            await self.answer(mount, exchange, method, {"error": error.error})
            raise

    def session_of(self, exchange: Exchange) -> Enforcement:
        """The pipeline that decides what is asked and answered in the course of a request."""
        if exchange.era is Era.LEGACY or exchange.enforcement is None:
            return self.enforcement
        return exchange.enforcement


def rendered(upstream: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """An upstream's question as the client is to show it: one for the user says who asks, in a line that no text of the
    upstream's can imitate."""
    if method != "elicitation/create":
        return params
    message = params.get("message")
    lines = message.splitlines() if isinstance(message, str) else []
    first, rest = (visible(lines[0]), lines[1:]) if lines else ("something, and does not say what", [])
    text = "\n".join([f"The server '{upstream}' asks: {first}", *(f"  | {visible(line)}" for line in rest)])
    return {**params, "message": text}
