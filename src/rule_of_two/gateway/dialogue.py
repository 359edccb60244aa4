"""What an upstream asks of the client, and what the client answers: both decided before they are handed on.

A question brings the upstream's [A] and [B] to the client; an answer leaves, so it is [C] (DESIGN section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rule_of_two.gateway.capabilities import ASKED_OF_CLIENT
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.results import Refused, without_ours
from rule_of_two.model import EGRESS, Action, Facts
from rule_of_two.wire.peer import RemoteError

_USER_REJECTED: Final = -1
"""What a client answers whose user said no (client/sampling, Error Handling)."""
_METHOD_NOT_FOUND: Final = -32601


def answer_facts(mount: Mount, methods: str) -> Facts:
    """The facts of answering an upstream."""
    return Facts(Action.ANSWER, mount.name, methods, EGRESS)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Takes an upstream's questions to the client and the answers back."""

    enforcement: Enforcement

    async def ask(self, mount: Mount, exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The whole dialogue. What goes wrong on the way is told to the upstream without a word of the client's.

        :raises RemoteError: the client cannot do this, or the question or its answer was refused.
        """
        try:
            shown = await self.question(mount, exchange, method, params)
            answer = await self._answered(mount, exchange, method, shown)
            await self.answer(mount, method, answer)
        except Refused as refused:
            raise RemoteError(_USER_REJECTED, "The request was refused.") from refused
        return answer

    async def question(self, mount: Mount, exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Decide a question, and give it as the client is to see it.

        :raises Refused: it may not be put.
        :raises RemoteError: the client never said that it can do this.
        """
        capability, action = ASKED_OF_CLIENT.get(method, (None, Action.VENDOR))
        if capability is not None and capability not in exchange.claims.capabilities:
            raise RemoteError(_METHOD_NOT_FOUND, f"The client does not support {method}.")
        await self.enforcement.admit(_call(Facts(action, mount.name, method, mount.manifest.ingress), params))
        return rendered(mount.name, method, without_ours(params))

    async def answer(self, mount: Mount, methods: str, answer: Mapping[str, Any]) -> None:
        """Decide an answer, before it is forwarded.

        :raises Refused: it may not leave.
        """
        await self.enforcement.admit(_call(answer_facts(mount, methods), {"answer": answer}))

    async def _answered(self, mount: Mount, exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
        async def on_progress(progress: dict[str, Any]) -> None:
            """The client's progress leaves too: it is passed on where an answer would be, and nobody is asked."""
            if await self.enforcement.receive(answer_facts(mount, method)):
                await mount.notify("notifications/progress", {**progress, "progressToken": token})

        token = (params.get("_meta") or {}).get("progressToken")
        try:
            return await exchange.ask(method, params, on_progress if token is not None else None)
        except RemoteError as error:
            await self.answer(mount, method, {"error": error.error})
            raise


def rendered(upstream: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """An upstream's question as the client is to show it: one for the user names who asks."""
    message = params.get("message")
    if method != "elicitation/create" or not isinstance(message, str):
        return params
    return {**params, "message": f"The server '{upstream}' asks: {message}"}


def _call(facts: Facts, arguments: Mapping[str, Any]) -> Call:
    return Call(facts=facts, arguments=arguments, forwarded={}, pin=None, facts_now=lambda: facts)
