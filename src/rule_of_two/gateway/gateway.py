"""A gateway: one session's pipeline, its mounted upstreams, and the connections of one client that use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio

from rule_of_two.gateway.blueprint import Blueprint
from rule_of_two.gateway.capabilities import Shown
from rule_of_two.gateway.catalog import Catalog, list_wait
from rule_of_two.gateway.client import Client
from rule_of_two.gateway.consent import Consent
from rule_of_two.gateway.conversations import Conversations
from rule_of_two.gateway.definition_notices import DefinitionNotices
from rule_of_two.gateway.dialogue import Dialogue
from rule_of_two.gateway.elicited import Elicited
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.forwarding import Forwarding
from rule_of_two.gateway.handles import Handles
from rule_of_two.gateway.kept_contents import KeptContents
from rule_of_two.gateway.launch import Connect
from rule_of_two.gateway.mount import Mount
from rule_of_two.gateway.outbox import Outbox
from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.gateway.resources import Connection, Resources, opened
from rule_of_two.gateway.rounds import Rounds
from rule_of_two.gateway.router import Router
from rule_of_two.gateway.sealing import Sealer
from rule_of_two.gateway.subscriptions import Subscriptions
from rule_of_two.gateway.task_names import TaskNames
from rule_of_two.gateway.tasks import Tasks
from rule_of_two.gateway.timing import timestamp, utc_now
from rule_of_two.gateway.upkeep import Introduction, Upkeep
from rule_of_two.model import Action
from rule_of_two.sessions.ledger import Ledger
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.wire.eras import Era
from rule_of_two.wire.peer import Ending, Limits, Peer, Transport


async def serve(
    blueprint: Blueprint, transport: Transport, *, connect: Connect | None = None, limits: Limits | None = None
) -> None:
    """Serve one client to the end of its stream, or until cancelled; then end its connection cleanly.

    :raises StoreError: the state or the journal cannot be opened; nothing was started.
    """
    limits = limits or Limits()
    async with (
        opened(blueprint, connect=connect) as resources,
        resources.connection(blueprint.key, blueprint.splitting.boundary) as connection,
        running(resources, connection, limits=limits) as gateway,
    ):
        connection.orderly = await gateway.serve(transport) is Ending.FINISHED


class Gateway:
    """Serves the connections of one client. Made by :func:`running`."""

    def __init__(
        self,
        catalog: Catalog,
        router: Router,
        subscriptions: Subscriptions,
        clients: set[Client],
        limits: Limits,
        name: str,
    ) -> None:
        self.catalog = catalog
        self._router = router
        self._subscriptions = subscriptions
        self._clients = clients
        self._limits = limits
        self._name = name

    async def serve(self, transport: Transport, era: Era | None = None) -> Ending | None:
        """Serve one connection to its end. Returns how it ended. ``era`` is what a header has decided, if any."""
        client = Client(self._router, era)
        peer = Peer(transport, client, name=self._name, limits=self._limits)
        client.attach(peer)
        self._clients.add(client)
        try:
            await peer.run()
        finally:
            self._clients.discard(client)
            self._subscriptions.forget(client)  # its upstreams end with it, or never knew of it
        return peer.ending

    def tool_schema(self, name: str) -> object:
        """The ``inputSchema`` under which a client sees a tool; ``None`` when there is no such tool."""
        return self.catalog.input_schema(name)

    def close(self) -> None:
        """End open subscriptions in order."""
        self._subscriptions.ended.set()


@asynccontextmanager
async def running(
    resources: Resources, connection: Connection, *, limits: Limits, client: str | None = None
) -> AsyncIterator[Gateway]:
    """A gateway with upstreams of its own, which are ended with it. ``client`` is whose it is, as people are told; the
    profile's name if it is the only one."""
    blueprint = resources.blueprint

    def pipeline(session: ConnectionSession) -> Enforcement:
        return _enforcement(resources, session, client or blueprint.profile.name)

    enforcement = pipeline(connection.session)
    enforcement.publish()

    async def open_conversation(name: str) -> Enforcement:
        return pipeline(await resources.conversation(connection, name))

    conversations = Conversations(enforcement, connection.session, blueprint.splitting, open_conversation)
    mounts = [
        Mount(one.name, one.launch, one.manifest, resources.connect, limits=limits) for one in blueprint.upstreams
    ]
    for mount in mounts:
        mount.accept(resources.pins.load(mount.identity), resources.pins.unanswered(mount.identity))
    await resources.typing.retype(mounts)
    waits = {
        mount.name: list_wait(blueprint.config.listing.wait, await resources.starts.begin(mount.identity))
        for mount in mounts
        if not mount.definitions.known
    }
    catalog = Catalog(mounts, prefixed=blueprint.prefixed, waits=waits)
    subscriptions, names = Subscriptions(), TaskNames(catalog)
    introduction, clients = Introduction(), set[Client]()

    def permitted(action: Action) -> bool:
        return any(enforcement.permits(action, mount.name) for mount in mounts)

    told = Shown(permitted)

    def introduce(client: Client) -> None:
        if not introduction.done.is_set():
            introduction.claims, introduction.era = told(client.claims), client.era or Era.LEGACY
            introduction.done.set()

    async with anyio.create_task_group() as tasks:
        outbox = Outbox(tasks)
        dialogue = Dialogue(enforcement, outbox)
        rounds = Rounds(dialogue, tasks, Sealer())
        forwarding = Forwarding(
            catalog, enforcement, rounds, told, names, blueprint.profile.call_keys, blueprint.principal
        )
        router = Router(
            catalog,
            enforcement,
            resources.journal,
            forwarding,
            Tasks(names, catalog, forwarding),
            subscriptions,
            outbox,
            conversations,
            introduce=introduce,
        )
        upkeep = Upkeep(
            catalog=catalog,
            router=router,
            enforcement=enforcement,
            dialogue=dialogue,
            subscriptions=subscriptions,
            task_names=names,
            journal=resources.journal,
            pins=resources.pins,
            starts=resources.starts,
            introduction=introduction,
            clients=clients,
            accepts_first_use=blueprint.config.pins.first_use == "accept",
            typing=resources.typing,
            notices=DefinitionNotices(
                resources.pins, resources.desk, resources.answers.approvers, resources.journal, resources.watch.wake
            ),
        )
        resources.watch.listeners.add(upkeep.on_answered)
        for mount in mounts:
            tasks.start_soon(mount.run, upkeep)
        try:
            yield Gateway(catalog, router, subscriptions, clients, limits, blueprint.profile.name)
        finally:
            resources.watch.listeners.discard(upkeep.on_answered)
            await rounds.give_up()
            outbox.close()
            for one in conversations.pipelines():
                resources.desk.audience.retract(one)
            tasks.cancel_scope.cancel()


def _elicited(resources: Resources, client: str) -> Elicited | None:
    """The client as a channel of approvals: where the operator turned it on, and its profile has it."""
    blueprint = resources.blueprint
    if "elicitation" not in blueprint.config.approvals.channels or not blueprint.profile.elicitation:
        return None
    return Elicited(resources.answers, f"whoever uses {client}"[:100], utc_now)


def _enforcement(resources: Resources, session: ConnectionSession, client: str) -> Enforcement:
    blueprint, journal, desk = resources.blueprint, resources.journal, resources.desk
    consent = Consent(
        desk,
        journal,
        client=client,
        principal=blueprint.principal,
        patience=blueprint.patience,
        clock=utc_now,
        origin_of=resources.origin_of,
        quiet_for=resources.answers.quiet_for,
        may_grant=resources.answers.may_grant,
        secrets=blueprint.secrets,
        elicited=_elicited(resources, client),
    )
    return Enforcement(
        session=session,
        rules=resources.rules,
        journal=journal,
        consent=consent,
        desk=desk,
        protected=ProtectedPaths(blueprint.protected),
        client=client,
        clock=utc_now,
        grants=resources.grants,
        principal=blueprint.principal,
        handles=Handles(
            utc_now,
            uses=blueprint.config.handles.uses,
            life=timedelta(seconds=blueprint.config.handles.life),
            takers=blueprint.takers,
        ),
        ledger=Ledger(
            resources.state,
            session.memory,
            tenant=blueprint.principal.tenant,
            stores=blueprint.config.stores,
            clock=timestamp,
            covers=resources.endorsements.covers,
        ),
        vouched=resources.endorsements.vouched,
        observe=blueprint.config.mode == "observe",
        given=resources.given,
        contents=KeptContents(blueprint.secrets) if blueprint.config.audit.contents else None,
    )
