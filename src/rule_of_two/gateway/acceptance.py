"""Looking at what an upstream offers now, and accepting it, outside a running gateway."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from rule_of_two import __version__
from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.blueprint import Upstream
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.connect import connecting
from rule_of_two.gateway.definitions import Definition, Definitions, pins_of
from rule_of_two.gateway.exchange import NO_WAY_BACK, Exchange
from rule_of_two.gateway.life import START_SECONDS
from rule_of_two.gateway.mount import Mount, identity_of, tools_of
from rule_of_two.gateway.operator_log import LOG
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.peer import Incoming, Limits


@dataclass(slots=True)
class _Once:
    """A watcher that waits for the first list, or the first failure."""

    listed: anyio.Event = field(default_factory=anyio.Event)
    failure: str = ""

    async def introduced(self) -> tuple[Claims, Era]:
        return Claims(info={"name": "rule-of-two", "version": __version__}), Era.LEGACY

    async def on_opened(self, mount: Mount) -> None:
        """Nothing was told before."""

    async def on_offered(self, mount: Mount) -> None:
        self.listed.set()

    async def on_told(self, mount: Mount, method: str, params: dict[str, Any], exchange: Exchange | None) -> None:
        """Nobody reads it here."""

    async def on_asked(self, mount: Mount, incoming: Incoming, exchange: Exchange | None) -> dict[str, Any]:
        raise NO_WAY_BACK

    async def on_state(self, mount: Mount, message: str) -> None:
        self.failure = message
        self.listed.set()


async def offered_by(
    upstream: Upstream, state: Path, *, log: Callable[[str], None] = LOG.say
) -> tuple[str, list[Definition]]:
    """Start an upstream, read everything that it offers, and end it. Returns its identity and its definitions; ``log``
    gets the lines of its stderr.

    :raises UpstreamUnavailable: it did not start or did not list.
    """
    once = _Once()
    async with aclosing(Authorizations(state)) as authorizations:
        connect = connecting(authorizations)
        mount = Mount(upstream.name, upstream.launch, upstream.manifest, connect, limits=Limits(), log=log)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(mount.run, once)
            with anyio.move_on_after(START_SECONDS):
                await once.listed.wait()
            tasks.cancel_scope.cancel()
    if not mount.offered:
        raise UpstreamUnavailable(once.failure or f"the server '{upstream.name}' listed nothing")
    return mount.identity, mount.offered


def pinned_tools(config: Config, state: Path) -> list[ToolDefinition]:
    """The accepted definitions of all tools of a configuration; none where nothing was mounted yet.

    :raises StoreError: the state cannot be read.
    """
    if not (state / "state.db").exists():
        return []
    with closing(open_state(state)) as database:
        pins = PinStore(database)
        return [
            tool
            for name, one in config.servers.items()
            if not one.disabled
            for tool in tools_of(name, pins.load(identity_of(name, one.command, one.args, one.url)))
        ]


async def accept(pins: PinStore, identity: str, offered: list[Definition], *, by: str, at: str) -> None:
    """Accept exactly what is offered now."""
    await pins.replace(identity, pins_of(offered, accepted_by=by, at=at))


def compare(pins: PinStore, identity: str, offered: list[Definition]) -> Definitions:
    """What is offered now against what was accepted."""
    return Definitions(offered, pins.load(identity))
