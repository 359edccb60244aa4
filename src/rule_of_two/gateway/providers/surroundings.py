"""What context providers know now. They are asked in the background; a decision only reads what is there.

# INVARIANT: whatever a provider does, nothing worse comes of it than that its attribute is absent;
# tests/attacks/test_policy_providers.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import anyio
import anyio.abc

from rule_of_two.errors import PolicyError
from rule_of_two.gateway.providers.asking import ask
from rule_of_two.gateway.providers.risk import Risk
from rule_of_two.gateway.providers.settings import Asked, ProviderError, ProviderSettings, checked
from rule_of_two.policy.context import Environment

TICK_SECONDS: Final = 1.0
"""Between two looks at the clock: how late an answer may be dropped, and the time be told."""

Tell = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""Told of a provider, by its key, that it failed (``error``), or answers (again)."""
Describe = Callable[[list[Any]], Awaitable[None]]
"""Takes the entities of the directory. Raises :class:`PolicyError` for what is none."""


class Surroundings:
    """The environment of the decisions of one gateway process."""

    def __init__(self, settings: ProviderSettings, clock: Callable[[], datetime], tell: Tell) -> None:
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._known: dict[str, Any] = {}
        self._until: dict[str, tuple[float, float]] = {}
        """Until when an answer counts, by the loop's clock and by the wall's: a machine that sleeps stops the first."""
        self._failures: dict[str, str] = {}
        self._risk = Risk() if settings.risk is not None and settings.risk.use is None else None
        if settings.device is not None and settings.device.use is None:
            self._known["device"] = {"id": settings.device.id, "managed": settings.device.managed}
        if settings.network is not None and settings.network.use is None:
            self._known["network"] = {"zone": settings.network.zone}
        self._zone = None if settings.time is None else ZoneInfo(settings.time.zone)
        self._tell_time()

    def known(self, session: str) -> Environment:
        """What is known now, for a decision of a session. It changes only between steps of the event loop."""
        return self._known if self._risk is None else {**self._known, "risk": self._risk.of(session)}

    def heard(self, kind: str, session: str | None, body: Mapping[str, Any]) -> None:
        """An entry that the journal is told of."""
        if self._risk is not None:
            self._risk.heard(kind, session, body, self._clock().timestamp())

    def remember(self, entries: Iterable[tuple[datetime, str, str | None, Mapping[str, Any]]]) -> None:
        """What stood in the journal before: time, kind, session and body of each entry, oldest first."""
        if self._risk is not None:
            for at, kind, session, body in entries:
                self._risk.heard(kind, session, body, at.timestamp())
            self._risk.tick(self._clock().timestamp())

    async def run(
        self, describe: Describe, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Ask providers until cancelled; started once each has answered, failed, or taken too long."""
        asked = self._settings.asked
        if not asked and self._zone is None and self._risk is None:
            task_status.started()
            return
        async with anyio.create_task_group() as tasks:
            async with anyio.create_task_group() as first:
                for name, settings in asked.items():
                    first.start_soon(self._ask, name, settings, describe)
            task_status.started()
            for name, settings in asked.items():
                tasks.start_soon(self._keep_asking, name, settings, describe)
            while True:
                await anyio.sleep(TICK_SECONDS)
                await self._tick(describe)

    async def _keep_asking(self, name: str, settings: Asked, describe: Describe) -> None:
        while True:
            await anyio.sleep(settings.every)
            await self._ask(name, settings, describe)

    async def _ask(self, name: str, settings: Asked, describe: Describe) -> None:
        try:
            answer = checked(name, await ask(settings))
            if name == "directory":
                await describe(answer)
            else:
                self._known = {**self._known, name: answer}
        except (ProviderError, PolicyError) as error:
            if self._failures.get(name) != str(error):
                self._failures[name] = str(error)
                await self._tell(name, {"event": "failed", "error": str(error)})
            return
        self._until[name] = anyio.current_time() + settings.keep, self._clock().timestamp() + settings.keep
        if self._failures.pop(name, None) is not None:
            await self._tell(name, {"event": "answers_again"})

    async def _tick(self, describe: Describe) -> None:
        now, wall = anyio.current_time(), self._clock().timestamp()
        for name in [name for name, (ends, wall_ends) in self._until.items() if now >= ends or wall >= wall_ends]:
            del self._until[name]
            self._known = {known: value for known, value in self._known.items() if known != name}
            if name == "directory":
                await describe([])
            await self._tell(name, {"event": "expired"})
        if self._risk is not None:
            self._risk.tick(wall)
        self._tell_time()

    def _tell_time(self) -> None:
        if self._zone is None:
            return
        local = self._clock().astimezone(self._zone)
        told = {"hour": local.hour, "weekday": local.isoweekday()}
        if self._known.get("local") != told:
            self._known = {**self._known, "local": told}
