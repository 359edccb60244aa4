"""What happens when an upstream comes, changes, speaks or asks unasked, or goes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import anyio
from msgspec import Struct, field

from rule_of_two.audit.journal import Journal
from rule_of_two.errors import StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.catalog import Catalog
from rule_of_two.gateway.client import Client, hears
from rule_of_two.gateway.definition_notices import DefinitionNotices
from rule_of_two.gateway.definitions import names_of, of_first_use, pins_of
from rule_of_two.gateway.dialogue import Dialogue
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.exchange import NO_WAY_BACK, Exchange, OwnAnswer
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.retyping import Typing
from rule_of_two.gateway.router import Router
from rule_of_two.gateway.subscriptions import Subscriptions
from rule_of_two.gateway.task_names import TaskNames
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import Action, Facts
from rule_of_two.store.pins import FIRST_USE, PinStore
from rule_of_two.store.starts import Starts
from rule_of_two.wire.codes import SERVER_BUSY
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.peer import Incoming

_QUESTIONS: Final = 32
"""How many questions of one upstream may wait for the client: more than the calls that may be held for one."""


class Introduction(Struct):
    """What the first client said of itself, which is what upstreams are told when they are connected."""

    done: anyio.Event = field(default_factory=anyio.Event)
    claims: Claims = field(default_factory=Claims)
    era: Era = Era.LEGACY


class Upkeep(Struct):
    """Watches the mounts of one gateway."""

    catalog: Catalog
    router: Router
    enforcement: Enforcement
    dialogue: Dialogue
    subscriptions: Subscriptions
    task_names: TaskNames
    journal: Journal
    pins: PinStore
    starts: Starts
    introduction: Introduction
    clients: set[Client]
    accepts_first_use: bool
    typing: Typing
    notices: DefinitionNotices
    said: dict[str, list[str]] = field(default_factory=dict)
    muted: set[tuple[object, ...]] = field(default_factory=set)
    asking: dict[str, int] = field(default_factory=dict)
    """How many questions of each upstream wait for the client."""

    async def introduced(self) -> tuple[Claims, Era]:
        """What to tell upstreams of the client, once there is one."""
        await self.introduction.done.wait()
        return self.introduction.claims, self.introduction.era

    async def on_opened(self, mount: Mount) -> None:
        """Tell an upstream again what it was told before it was connected anew."""
        await mount.restore_level()
        await self.subscriptions.renew(mount)

    async def on_offered(self, mount: Mount) -> None:
        """Accept an upstream's first definitions if the operator's configuration does, and tell the clients."""
        await self.starts.came(mount.identity)
        pins, unanswered = self.pins.load(mount.identity), self.pins.unanswered(mount.identity)
        if unanswered is None and self.accepts_first_use:
            first = of_first_use(mount.offered, mount.manifest.owns_resource)
            pins = pins_of(first, accepted_by=FIRST_USE, at=timestamp())
            await self.pins.replace(mount.identity, pins)
            await self.notices.first_use(mount, pins)
            unanswered = frozenset()
        elif unanswered is None:
            await self.pins.offered_first(mount.identity, names_of(of_first_use(mount.offered)))
        await self.typing.retype(self.catalog.mounts, lambda: mount.accept(pins, unanswered))
        changed = sorted(
            one.text for one in mount.definitions.changes if (one.kind, one.name) not in (unanswered or ())
        )
        if changed and pins and changed != self.said.get(mount.name):
            self.said[mount.name] = changed
            names = visible(", ".join(changed[:5])[:500])
            await self.on_state(
                mount, f"{mount.name} changed what it offers ({names}): `rule-of-two manifest pin` shows it"
            )
        await self.router.on_definitions_changed()
        self.notices.look_at(mount)

    async def on_answered(self, answered: bool) -> None:
        """Take the pins that people's answers led to, and tell people what waits now."""
        if answered:
            mounts = self.catalog.mounts
            by_now = [(self.pins.load(one.identity), self.pins.unanswered(one.identity)) for one in mounts]
            if by_now != [(list(one.pins), one.unanswered) for one in mounts]:

                def accept() -> None:
                    for mount, (pins, unanswered) in zip(mounts, by_now, strict=True):
                        mount.accept(pins, unanswered)

                await self.typing.retype(self.catalog.mounts, accept)
                await self.router.on_definitions_changed()
            for mount in self.catalog.mounts:
                self.notices.look_at(mount)
        await self.notices.tell(self.catalog.mounts)

    async def on_told(self, mount: Mount, method: str, params: dict[str, Any], exchange: Exchange | None) -> None:
        """Hand on what an upstream tells, if the session may see it."""
        if method == "notifications/resources/updated":
            if self.subscriptions.wanted(mount) and await self._may_see(mount, method):
                await self.subscriptions.updated(mount, params)
            return
        if method == "notifications/message":
            level, params = params.get("level"), self.catalog.named_log(mount, params)
            if exchange is not None and exchange.incoming is not None:
                heard = hears(exchange.era, exchange.claims.log_level, level)
            else:
                heard = any(hears(client.era, client.log_level, level) for client in self.clients)
            if not heard:
                return
        if not await self._may_see(mount, method):
            return
        shown = self.task_names.shown(mount, params)
        if exchange is not None and exchange.incoming is not None:
            await exchange.tell(method, shown)
            return
        for client in list(self.clients):
            if method != "notifications/message" or hears(client.era, client.log_level, params.get("level")):
                await client.tell(method, shown)

    async def _may_see(self, mount: Mount, method: str) -> bool:
        """Decide unasked text. A refusal is journalled once per state of the session."""
        try:
            state = (mount.name, mount.bringing, *self.enforcement.fingerprint())
            if state in self.muted:
                return False
            what = "log" if method == "notifications/message" else method
            labels = mount.manifest.ingress | mount.bringing
            if await self.enforcement.receive(Facts(Action.RECEIVE, mount.name, what[:200], labels)):
                return True
            self.muted.add(state)
        except StoreError as error:
            say(f"a message of '{mount.name}' was dropped: {error}")
        return False

    async def on_asked(self, mount: Mount, incoming: Incoming, exchange: Exchange | None) -> dict[str, Any]:
        """Have the client asked, in the course of the request that the upstream works on if there is one.

        :raises RemoteError: it cannot be, or was refused.
        """
        if exchange is None or (exchange.asking is None and (exchange.incoming is None or exchange.era is Era.MODERN)):
            client = next((one for one in self.clients if one.era is Era.LEGACY), None)
            if client is None:
                raise NO_WAY_BACK
            exchange = Exchange(Era.LEGACY, client.claims, None, asking=client.ask)
        if self.asking.get(mount.name, 0) >= _QUESTIONS:
            raise OwnAnswer(SERVER_BUSY, "Too many questions wait for the client.")
        self.asking[mount.name] = self.asking.get(mount.name, 0) + 1
        try:
            params = self.task_names.shown(mount, incoming.params)
            return await self.dialogue.ask(mount, exchange, incoming.method, params)
        finally:
            self.asking[mount.name] -= 1

    async def on_state(self, mount: Mount, message: str) -> None:
        """Say it to the operator and write it down, if it can be."""
        say(message)
        with suppress(StoreError):
            await self.journal.event("upstream", None, {"upstream": mount.name, "message": message})
