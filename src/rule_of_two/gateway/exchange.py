"""A request of the client's while it is carried out: who asked, what the client can do, and the way back to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
from msgspec import Struct, field

from rule_of_two.gateway.flight import Flight
from rule_of_two.gateway.results import without_ours
from rule_of_two.wire.codes import METHOD_NOT_FOUND
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.handler import Incoming, RemoteError
from rule_of_two.wire.transport import NotSent

IN_ROUNDS: Final = frozenset(("tools/call", "prompts/get", "resources/read"))
"""The requests that may require input (2026-07-28, Multi Round-Trip Requests)."""
ELICIT: Final = "elicitation/create"
ROUND_SECONDS: Final = 25.0
COMES_BACK: Final = 8
"""How long a modern client waits at a time while a person is asked, and how often; clients give up after ten rounds."""
_MOST_STEPS: Final = 1_000_000
_LITTLE: Final = 1e-6
"""Progress while nothing was sent yet: less than any upstream's."""

if TYPE_CHECKING:
    from rule_of_two.gateway.enforcement import Enforcement


def _count(value: object) -> float | None:
    """How far something is, if it is that: a number of any length could tell anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_STEPS:
        return None
    return value if isinstance(value, int) else round(value, 2)


class OwnAnswer(RemoteError):
    """An error that we answer an upstream in place of the client: nothing of the client's is in it."""


NO_WAY_BACK = OwnAnswer(METHOD_NOT_FOUND, "The client cannot be asked now.")

Progress = Callable[[dict[str, Any]], Awaitable[None]]


class Asking(Protocol):
    """Puts a question of an upstream before the client in the client's era."""

    async def __call__(self, method: str, params: dict[str, Any], on_progress: Progress | None) -> dict[str, Any]: ...


class Exchange(Struct, eq=False):
    """One request in flight. ``incoming`` is the client's; a modern one that was answered with a question has none
    until the client repeats it."""

    era: Era
    claims: Claims
    incoming: Incoming | None
    flight: Flight | None = None
    asking: Asking | None = None
    """How a question reaches the client in another way than over this request."""
    questions: set[anyio.CancelScope] = field(default_factory=set)
    told_waiting: int = 0
    came_back: int = 0
    """How often the client repeated this request because a person had not answered."""
    elicited: tuple[str, Any] | None = None
    """What the client brought back of its own user: the question's id and the answer."""
    conversation: str | None = None
    """The key of the conversation that it belongs to, if the client's host names such."""
    enforcement: Enforcement | None = None
    """The pipeline of its conversation's session; ``None``: that of everything that names none."""

    @property
    def method(self) -> str:
        return "" if self.incoming is None else self.incoming.method

    @property
    def params(self) -> dict[str, Any]:
        return {} if self.incoming is None else self.incoming.params

    @property
    def may_come_back(self) -> bool:
        """Whether the client is answered ``input_required`` rather than kept waiting (2026-07-28, Multi Round-Trip
        Requests)."""
        return self.era is Era.MODERN and self.method in IN_ROUNDS and self.came_back < COMES_BACK

    @property
    def progress_token(self) -> object:
        meta = self.params.get("_meta")
        return meta.get("progressToken") if isinstance(meta, dict) else None

    @property
    def cancel_reason(self) -> str | None:
        return None if self.incoming is None else self.incoming.cancel_reason

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        """A notification that belongs to this request. One for which nobody waits any more is dropped.

        :raises NotSent: the client is gone.
        """
        if self.incoming is not None:
            await self.incoming.notify(method, without_ours(params))

    async def on_progress(self, params: dict[str, Any]) -> None:
        """Progress of the upstream's: its labels are joined before the first is handed over. Of a call whose result
        waits, or can be kept, only how far it is passes: numbers, and no text."""
        token = self.progress_token
        if token is None:
            return
        if self.flight is not None and not self.flight.tells:
            counts = {key: _count(params.get(key)) for key in ("progress", "total")}
            params = {key: value for key, value in counts.items() if value is not None}
            if "progress" not in params:
                return
        elif self.flight is not None:
            await self.flight.receive()
        await self.tell("notifications/progress", {**params, "progressToken": token})

    async def ask(self, method: str, params: dict[str, Any], on_progress: Progress | None = None) -> dict[str, Any]:
        """Put a question of an upstream before the client.

        :raises RemoteError: it refused, or cannot be asked.
        """
        if self.asking is not None:
            return await self.asking(method, params, on_progress)
        if self.era is Era.MODERN or self.incoming is None:
            raise NO_WAY_BACK
        with anyio.CancelScope() as scope:
            self.questions.add(scope)
            try:
                return await self.incoming.ask(method, params, on_progress=on_progress)
            finally:
                self.questions.discard(scope)
        raise OwnAnswer(-1, "The request that this was asked for has ended.")

    @property
    def hold_seconds(self) -> float | None:
        """A modern client repeats a request that takes long, so it is not held for long."""
        return ROUND_SECONDS if self.may_come_back else None

    @property
    def hears_progress(self) -> bool:
        """Whether the client gave a progress token."""
        return self.progress_token is not None

    @property
    def elicitation(self) -> bool:
        """Whether the client says that its user can be asked, by a form."""
        said = self.claims.capabilities.get("elicitation")
        by_form = isinstance(said, dict) and (not said or "form" in said)
        return by_form and (self.may_come_back or (self.era is Era.LEGACY and self.incoming is not None))

    @property
    def comes_back(self) -> bool:
        """Whether it is asked with the result of its request."""
        return self.may_come_back

    async def elicit(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the client's user now.

        :raises RemoteError: it refused, or cannot be asked.
        """
        return await self.ask(ELICIT, params)

    async def still_waiting(self) -> None:
        """Tell the client that a person has not answered yet. Progress must grow (MCP "Progress")."""
        self.told_waiting += 1
        params = {
            "progressToken": self.progress_token,
            "progress": self.told_waiting * _LITTLE,
            "message": "Waiting for a person at the rule-of-two console.",
        }
        with suppress(NotSent):
            await self.tell("notifications/progress", params)

    def end(self) -> None:
        """The request was answered, or given up: what was asked in its course is withdrawn from the client."""
        for scope in list(self.questions):
            scope.cancel()
