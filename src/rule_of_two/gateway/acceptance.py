"""Looking at what an upstream offers now, and at what was accepted of it, outside a running gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct, field

from rule_of_two import __version__
from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.blueprint import Upstream
from rule_of_two.gateway.config import Config, Server
from rule_of_two.gateway.connect import connecting
from rule_of_two.gateway.definitions import Definition, Definitions, Kind
from rule_of_two.gateway.exchange import NO_WAY_BACK, Exchange
from rule_of_two.gateway.life import START_SECONDS
from rule_of_two.gateway.mount import Mount, identity_of, tools_of
from rule_of_two.gateway.operator_log import LOG
from rule_of_two.manifests.offer import Offer
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.records import replace
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.handshake import UpstreamInfo
from rule_of_two.wire.peer import Incoming, Limits


class _Once(Struct):
    """A watcher that waits for the first list, or the first failure."""

    listed: anyio.Event = field(default_factory=anyio.Event)
    failure: str = ""
    info: UpstreamInfo | None = None

    async def introduced(self) -> tuple[Claims, Era]:
        return Claims(info={"name": "rule-of-two", "version": __version__}), Era.LEGACY

    async def on_opened(self, mount: Mount) -> None:
        """Nothing was told before."""

    async def on_offered(self, mount: Mount) -> None:
        self.info = mount.info
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
    mount, _ = await _looked_at(upstream, state, log)
    return mount.identity, mount.offered


async def offer_by(upstream: Upstream, state: Path) -> Offer:
    """As :func:`offered_by`, with what the upstream says of itself, for drafts and comparisons.

    :raises UpstreamUnavailable: it did not start or did not list.
    """
    mount, once = await _looked_at(upstream, state, LOG.say)
    return replace(offer_of(((one.kind, one.body) for one in mount.offered), once.info), note=once.failure)


def offer_of(definitions: Iterable[tuple[str, Any]], info: UpstreamInfo | None = None) -> Offer:
    """What definitions, each with its kind, say that a server offers."""
    bodies: dict[str, list[Any]] = {}
    for kind, body in definitions:
        bodies.setdefault(kind, []).append(body)
    said = {} if info is None else info.server_info
    name, version = (str(said.get(key) or "") for key in ("name", "version"))
    return Offer.of(
        tools=bodies.get(Kind.TOOL, ()),
        prompts=bodies.get(Kind.PROMPT, ()),
        resources=bodies.get(Kind.RESOURCE, ()),
        templates=bodies.get(Kind.TEMPLATE, ()),
        server=name,
        version=version,
        protocol="" if info is None else info.protocol_version,
    )


def offer_pinned(server: Server, name: str, state: Path) -> Offer | None:
    """What a server of the configuration offered when it was accepted; ``None`` where nothing ever was.

    :raises StoreError: the state cannot be read.
    """
    if not (state / "state.db").exists():
        return None
    with closing(open_state(state)) as database:
        pins = PinStore(database).load(identity_of(name, server.command, server.args, server.url))
    return offer_of((pin.kind, pin.definition) for pin in pins) if pins else None


async def _looked_at(upstream: Upstream, state: Path, log: Callable[[str], None]) -> tuple[Mount, _Once]:
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
    return mount, once


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


def compare(pins: PinStore, identity: str, offered: list[Definition]) -> Definitions:
    """What is offered now against what was accepted."""
    return Definitions(offered, pins.load(identity))
