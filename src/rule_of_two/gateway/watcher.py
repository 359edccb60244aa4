"""Who watches over the mounts: what a mount tells the gateway, and asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rule_of_two.gateway.exchange import Exchange
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.peer import Incoming

if TYPE_CHECKING:
    from rule_of_two.gateway.mount import Mount


class Watcher(Protocol):
    """Told of one mount or of several: :class:`~rule_of_two.gateway.upkeep.Upkeep`."""

    async def introduced(self) -> tuple[Claims, Era]:
        """What to tell upstreams of the client, and its era; waits until the client has said it."""

    async def on_opened(self, mount: Mount) -> None:
        """The upstream is connected anew and can be called: what it was told before has to be told again."""

    async def on_offered(self, mount: Mount) -> None:
        """The upstream's definitions were read anew."""

    async def on_told(self, mount: Mount, method: str, params: dict[str, Any], exchange: Exchange | None) -> None:
        """The upstream sent a notification, in the course of ``exchange`` as far as can be told."""

    async def on_asked(self, mount: Mount, incoming: Incoming, exchange: Exchange | None) -> dict[str, Any]:
        """The upstream asks something of the client.

        :raises RemoteError: it gets no answer.
        """

    async def on_state(self, mount: Mount, message: str) -> None:
        """The upstream came, went, or misbehaved; one sentence for the operator."""
