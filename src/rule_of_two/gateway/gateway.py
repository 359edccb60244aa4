"""The gateway: one client connection, its session, its upstreams and its desk, run to a clean end."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup

from rule_of_two.approvals.channel import DeskServer
from rule_of_two.approvals.desk import Desk
from rule_of_two.audit.journal import Journal, Origin
from rule_of_two.audit.why import origin_of
from rule_of_two.errors import StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.blueprint import Blueprint
from rule_of_two.gateway.catalog import Catalog
from rule_of_two.gateway.connect import connect
from rule_of_two.gateway.consent import Consent
from rule_of_two.gateway.definitions import FIRST_USE, of_first_use, pins_of
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.launch import Connect
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.gateway.router import Router
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.sessions.boundary import Attached, Boundaries
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.pins import PinStore
from rule_of_two.store.state import open_state
from rule_of_two.wire.peer import Ending, Limits, Peer, Transport


def utc_now() -> datetime:
    """The clock of the shell; the core is given times."""
    return datetime.now(UTC)


def timestamp() -> str:
    """Now, as the journal writes it: ISO 8601 UTC with microseconds."""
    return utc_now().isoformat(timespec="microseconds")


async def serve(
    blueprint: Blueprint, transport: Transport, *, connect: Connect = connect, limits: Limits | None = None
) -> None:
    """Serve one client to the end of its stream, or until cancelled; then end its connection cleanly.

    :raises StoreError: the state or the journal cannot be opened; nothing was started.
    """
    state = open_state(blueprint.state)
    store = JournalStore(blueprint.state)
    journal = Journal(store, timestamp, policy_version=blueprint.policies.version, client=blueprint.profile.name)
    boundary = blueprint.config.sessions.boundary or blueprint.profile.boundary
    ambient = frozenset(blueprint.config.sessions.ambient)
    with Presence(blueprint.state) as presence:
        boundaries = Boundaries(state, presence, timestamp)
        attached = await boundaries.attach(blueprint.key, boundary, ambient=ambient)
        orderly = False
        try:
            await journal.event("session", attached.session, {"event": "attached", "began": attached.began})
            session = ConnectionSession(state, attached.connection, timestamp)
            ending = await _run(
                blueprint,
                transport,
                session,
                journal,
                PinStore(state),
                connect,
                limits or Limits(),
                partial(origin_of, store),
            )
            orderly = ending is Ending.FINISHED
        except anyio.get_cancelled_exc_class():
            orderly = True  # a signal
            raise
        finally:
            # INVARIANT: only the client's own end of file, or a signal, ends a session cleanly; whatever else ends us
            # leaves an orphan whose labels the next connection takes over (tests/attacks/test_washing.py).
            with anyio.CancelScope(shield=True):
                await _end(blueprint, boundaries, attached, journal, orderly=orderly)
    state.close()
    store.close()


async def _run(
    blueprint: Blueprint,
    transport: Transport,
    session: ConnectionSession,
    journal: Journal,
    pins: PinStore,
    connect: Connect,
    limits: Limits,
    origin_of: Callable[[int], Origin],
) -> Ending | None:
    """Serve until the client's stream ends. Returns how it ended."""
    desk = Desk(clock=utc_now)
    enforcement = Enforcement(
        session=session,
        authorizer=Authorizer(blueprint.policies, blueprint.principal, blueprint.profile.name),
        journal=journal,
        consent=Consent(
            desk,
            journal,
            client=blueprint.profile.name,
            policy_version=blueprint.policies.version,
            wait=timedelta(seconds=blueprint.wait_seconds),
            clock=utc_now,
            origin_of=origin_of,
            secrets=blueprint.secrets,
        ),
        desk=desk,
        protected=ProtectedPaths(blueprint.protected),
        client=blueprint.profile.name,
        clock=utc_now,
        observe=blueprint.config.mode == "observe",
    )
    enforcement.publish()
    mounts = [Mount(one.name, one.launch, one.manifest, connect, limits=limits) for one in blueprint.upstreams]
    for mount in mounts:
        mount.accept(pins.load(mount.identity))
    router = Router(Catalog(mounts, prefixed=blueprint.prefixed), enforcement, journal)
    peer = Peer(transport, router, name=blueprint.profile.name, limits=limits)
    router.attach(peer)
    async with anyio.create_task_group() as tasks:
        await tasks.start(DeskServer(desk, state=blueprint.state, gateway=secrets.token_hex(4)).run)
        upkeep = Upkeep(router, journal, pins, tasks, accepts_first_use=blueprint.config.pins.first_use == "accept")
        tasks.start_soon(journal.keep_flushing)
        for mount in mounts:
            tasks.start_soon(mount.run, upkeep)
        await peer.run()
        tasks.cancel_scope.cancel()
    return peer.ending


async def _end(
    blueprint: Blueprint, boundaries: Boundaries, attached: Attached, journal: Journal, *, orderly: bool
) -> None:
    try:
        await journal.flush()
        if not orderly:
            await journal.event("session", attached.session, {"event": "broken"})
            say("the connection did not end in order, so the next one takes its labels over")
            return
        ended = await boundaries.detach(blueprint.key, attached.connection)
        await journal.event("session", attached.session, {"event": "ended" if ended else "detached"})
    except StoreError as error:
        say(f"the connection could not be ended cleanly, so the next one takes its labels over: {error}")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What happens when an upstream comes, changes, speaks unasked, or goes."""

    router: Router
    journal: Journal
    pins: PinStore
    tasks: TaskGroup
    accepts_first_use: bool
    said: dict[str, list[str]] = field(default_factory=dict)

    async def on_offered(self, mount: Mount) -> None:
        """Accept an upstream's first definitions if the operator's configuration does, and tell the client."""
        pins = self.pins.load(mount.identity)
        if not pins and self.accepts_first_use:
            pins = pins_of(of_first_use(mount.offered), accepted_by=FIRST_USE, at=timestamp())
            await self.pins.replace(mount.identity, pins)
        mount.accept(pins)
        changed = sorted(f"{one.definition.kind} {one.definition.name}" for one in mount.definitions.unaccepted())
        if changed and pins and changed != self.said.get(mount.name):
            self.said[mount.name] = changed
            names = visible(", ".join(changed[:5])[:500])
            await self.on_state(
                mount, f"{mount.name} changed what it offers ({names}): `rule-of-two manifest pin` shows it"
            )
        await self.router.on_definitions_changed()

    async def on_text(self, mount: Mount, method: str, params: dict[str, Any]) -> None:
        """Let the pipeline decide whether unasked text may reach the session."""
        await self.router.on_text(mount, method, params)

    async def on_state(self, mount: Mount, message: str) -> None:
        """Say it to the operator and write it down, if it can be."""
        say(message)
        with suppress(StoreError):
            await self.journal.event("upstream", None, {"upstream": mount.name, "message": message})
