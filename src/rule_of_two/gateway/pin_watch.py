"""Tells the gateways of one process when people have answered about definitions, in this process or in another one on
the same state, and when there is something new to tell people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from rule_of_two.errors import RuleOfTwoError, StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.operator_log import say
from rule_of_two.store.pins import PinStore

POLL_SECONDS: Final = 1.0
"""How often it looks for answers that another process took."""

Listener = Callable[[bool], Awaitable[None]]
"""Told whether somebody has answered since."""


class PinWatch:
    """Of one process. What comes while its listeners work is told them once, afterwards."""

    def __init__(self, pins: PinStore) -> None:
        self.listeners: set[Listener] = set()
        self._pins = pins
        self._woken = anyio.Event()

    def wake(self) -> None:
        """Look soon."""
        self._woken.set()

    async def run(self) -> None:
        """Look, until cancelled."""
        seen: int | None = None
        while True:
            with anyio.move_on_after(POLL_SECONDS):
                await self._woken.wait()
            woken, self._woken = self._woken.is_set(), anyio.Event()
            try:
                newest = self._pins.newest_answer()
            except StoreError as error:
                say(f"what people said of definitions cannot be read: {error}")
                continue
            answered, seen = seen not in {None, newest}, newest
            if woken or answered:
                for listener in list(self.listeners):
                    await self._tell(listener, answered=answered)

    async def _tell(self, listener: Listener, *, answered: bool) -> None:
        """One listener's failure is not the others', nor the gateway's: what it would have accepted stays blocked."""
        try:
            await listener(answered)
        except (RuleOfTwoError, ValueError, RecursionError) as error:
            say(f"what servers changed cannot be shown: {visible(str(error))}")
