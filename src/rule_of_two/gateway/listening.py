"""The subscription by which a modern upstream tells of changes (2026-07-28, Subscriptions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio

from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.backoff import BackOff
from rule_of_two.wire.codes import METHOD_NOT_FOUND
from rule_of_two.wire.eras import Claims
from rule_of_two.wire.handshake import UpstreamInfo, stamp
from rule_of_two.wire.peer import Peer, RemoteError

_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
_STEADY_SECONDS: Final = 60.0
"""A subscription that was open for so long ended for a reason of its own."""
LIST_CHANGED: Final[Mapping[str, str]] = {
    "tools": "toolsListChanged",
    "prompts": "promptsListChanged",
    "resources": "resourcesListChanged",
}
"""Of each list, the member of a subscription's filter."""


class Listening:
    """One subscription to one upstream: every list that it says it announces, and the resources that clients named."""

    def __init__(self) -> None:
        self._uris: frozenset[str] = frozenset()
        self._changed = anyio.Event()

    def cover(self, uris: frozenset[str]) -> None:
        """Be told of changes of exactly these resources from now on."""
        if uris != self._uris:
            self._uris = uris
            self._changed.set()

    async def keep(self, peer: Peer, info: UpstreamInfo, claims: Claims) -> None:
        """Hold the subscription open, opened anew whenever it ends or should cover something else.

        Returns when the upstream does not know subscriptions: it is not asked again.
        """
        back_off = BackOff(pauses=_PAUSES)
        known = True
        while known:
            wanted = self._filter(info.capabilities)
            self._changed = anyio.Event()
            if not wanted:
                await self._changed.wait()
                continue
            since = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._until_changed, tasks.cancel_scope)
                try:
                    await peer.request("subscriptions/listen", stamp(info, {"notifications": wanted}, claims))
                except (RemoteError, RuleOfTwoError) as error:
                    known = not (isinstance(error, RemoteError) and error.code == METHOD_NOT_FOUND)
                tasks.cancel_scope.cancel()
            if anyio.current_time() - since >= _STEADY_SECONDS:
                back_off.succeeded()
            if not self._changed.is_set():
                with anyio.move_on_after(back_off.failed()):
                    await self._changed.wait()

    async def _until_changed(self, scope: anyio.CancelScope) -> None:
        await self._changed.wait()
        scope.cancel()

    def _filter(self, said: Mapping[str, Any]) -> dict[str, Any]:
        wanted: dict[str, Any] = {member: True for name, member in LIST_CHANGED.items() if announces(said.get(name))}
        return {**wanted, "resourceSubscriptions": sorted(self._uris)} if self._uris else wanted


def announces(capability: object) -> bool:
    """Whether an upstream says that it tells when a list changes."""
    return isinstance(capability, dict) and capability.get("listChanged") is True
