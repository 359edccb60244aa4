"""Tells people what servers changed, and what looks suspicious in what was accepted as first seen: on the consoles, in
the journal, and to the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import anyio.to_thread
from msgspec import Struct, field

from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.changes import DefinitionChange
from rule_of_two.approvals.desk import Desk
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.waiting import (
    Looks,
    PinnedServer,
    as_shown,
    first_seen,
    names_of,
    refused,
    server_changes,
    told,
)
from rule_of_two.store.pins import Pin, PinStore
from rule_of_two.wording import counted

MOST_OF_ENTRY: Final = 50
"""Changes that one entry of the journal names; the others are counted."""
MOST_WRITTEN: Final = 1000
"""Changes that one process writes down: a server that changes without end must not fill the journal."""


class DefinitionNotices(Struct):
    """Of one gateway. ``wake`` has :meth:`tell` called soon."""

    pins: PinStore
    desk: Desk
    approvers: Approvers
    journal: Journal
    wake: Callable[[], None]
    _due: set[str] = field(default_factory=set)
    _looks: Looks = field(default_factory=Looks)
    _written: set[tuple[str, str, str, str]] = field(default_factory=set)

    def look_at(self, mount: Mount) -> None:
        """What it offers, or what is accepted of it, is something else by now."""
        self._due.add(mount.name)
        self.wake()

    async def first_use(self, mount: Mount, pins: Sequence[Pin]) -> None:
        """Write down what was accepted without a person's word.

        :raises StoreError: it could not be.
        """
        accepted = [[pin.kind, pin.name[:200], pin.digest] for pin in pins]
        body = {"event": "first_use", "upstream": mount.name, "identity": mount.identity, "definitions": accepted}
        await self.journal.event("definitions", None, body)

    async def tell(self, mounts: Iterable[Mount]) -> None:
        """Look at what became due, and tell people.

        :raises StoreError: the state cannot be read.
        """
        due, self._due = self._due, set()
        every = list(mounts)
        for mount in every:
            if mount.name in due:
                await self._tell(mount, every)

    async def _tell(self, mount: Mount, every: Sequence[Mount]) -> None:
        server = PinnedServer(mount.name, mount.identity, self.pins.state)
        settled = refused(server, self.pins.answers(mount.identity), self.approvers)
        names = names_of({one.name: one.pins for one in every})
        changes, pins, offered = mount.definitions.changes, mount.pins, list(mount.offered)

        def look() -> tuple[list[DefinitionChange], list[DefinitionChange]]:
            open_ = [one for one in map(as_shown, changes) if (one.kind, one.name, one.digests[1]) not in settled]
            seen = self._looks.at(server, first_seen(pins, offered), names)
            return self._looks.at(server, open_, names), [one for one in seen if any(mark.strong for mark in one.marks)]

        open_, suspicious = await anyio.to_thread.run_sync(look)
        if (changes, pins) != (mount.definitions.changes, mount.pins):
            self.look_at(mount)  # it has changed meanwhile: only the newest is told
            return
        self.desk.definitions.changed(server_changes(server, [*open_, *suspicious]))
        await self._write(mount, "changed", open_)
        if new := await self._write(mount, "suspicious", suspicious):
            names_ = visible(", ".join(f"{one.kind} {one.name}".rstrip()[:100] for one in new[:5]))
            say(
                f"{counted(len(new), 'definition')} of '{mount.name}', accepted as first seen, should be looked at "
                f"({names_}): `rule-of-two console` or `rule-of-two manifest pin` shows why"
            )

    async def _write(self, mount: Mount, event: str, found: Iterable[DefinitionChange]) -> list[DefinitionChange]:
        """Write down what was not yet; which that is."""
        new = [one for one in found if (mount.identity, one.kind, one.name, one.digests[1]) not in self._written]
        new = new[: MOST_WRITTEN - len(self._written)]
        if not new:
            return []
        self._written |= {(mount.identity, one.kind, one.name, one.digests[1]) for one in new}
        body: dict[str, Any] = {
            "event": event,
            "upstream": mount.name,
            "changes": await anyio.to_thread.run_sync(lambda: [told(one) for one in new[:MOST_OF_ENTRY]]),
        }
        if len(new) > MOST_OF_ENTRY:
            body["more"] = len(new) - MOST_OF_ENTRY
        if len(self._written) >= MOST_WRITTEN:
            body["last"] = True  # of this process
        with suppress(StoreError):
            await self.journal.event("definitions", None, body)
        return new
