"""What all connections of one gateway process share: state, journal, desk; and how a connection begins and ends."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread
import orjson
from msgspec import Struct, field

from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.channel import DeskServer
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.grants import Grants
from rule_of_two.audit.journal import Journal, Origin
from rule_of_two.audit.why import origin_of
from rule_of_two.errors import StoreError
from rule_of_two.escape import visible
from rule_of_two.gateway.anchoring import Anchoring
from rule_of_two.gateway.answers import Answers
from rule_of_two.gateway.authorizations import Authorizations
from rule_of_two.gateway.blueprint import Blueprint
from rule_of_two.gateway.connect import connecting
from rule_of_two.gateway.endorsements import Endorsements
from rule_of_two.gateway.given_urls import GivenUrls
from rule_of_two.gateway.hiding import Hiding
from rule_of_two.gateway.launch import Connect
from rule_of_two.gateway.operator_log import say
from rule_of_two.gateway.pin_watch import PinWatch
from rule_of_two.gateway.policy_versions import PolicyVersions
from rule_of_two.gateway.providers.surroundings import Surroundings
from rule_of_two.gateway.reload import Reloader
from rule_of_two.gateway.retyping import Typing
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.gateway.settling import Settling
from rule_of_two.gateway.timing import timestamp, utc_now
from rule_of_two.records import replace
from rule_of_two.sessions.boundary import Attached, Boundaries
from rule_of_two.sessions.key import Boundary, SessionKey
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.checkpoints import CheckpointStore
from rule_of_two.store.database import Database
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.pins import PinStore
from rule_of_two.store.starts import Starts
from rule_of_two.store.state import open_state

_RECENT: Final = 2000
"""Entries of the journal that a gateway reads at its start to tell how risky a session is."""


class Connection(Struct):
    """One connection's session, and those of its conversations if it has such.

    ``orderly`` is set once it has ended as a client means it to end.
    """

    key: SessionKey
    attached: Attached
    session: ConnectionSession
    orderly: bool = False
    conversations: list[Connection] = field(default_factory=list)


class Resources(Struct, frozen=True):
    """Opened once for a process."""

    blueprint: Blueprint
    state: Database
    store: JournalStore
    journal: Journal
    desk: Desk
    boundaries: Boundaries
    pins: PinStore
    starts: Starts
    answers: Answers
    grants: Grants
    rules: Rulebook
    typing: Typing
    endorsements: Endorsements
    connect: Connect
    """How upstreams are reached."""
    watch: PinWatch
    given: GivenUrls | None = None
    """Which addresses sessions were given, where a policy asks."""

    @property
    def origin_of(self) -> Callable[[int], Origin]:
        """Which call brought a label, by its number."""
        return partial(origin_of, self.store)

    @asynccontextmanager
    async def connection(self, key: SessionKey, boundary: Boundary) -> AsyncIterator[Connection]:
        """A recorded connection, from its beginning to its end.

        # INVARIANT: only the client's own end of file, or a signal, ends a session cleanly; whatever else ends us
        # leaves an orphan whose labels the next connection takes over (tests/attacks/test_washing.py).

        :raises StoreError: it cannot be recorded; nothing was started.
        """
        connection = await self._attach(key, boundary)
        try:
            await self._began(connection)
            yield connection
        except anyio.get_cancelled_exc_class():
            connection.orderly = True  # a signal
            raise
        finally:
            with anyio.CancelScope(shield=True):
                for conversation in connection.conversations:
                    await self._end(conversation, orderly=connection.orderly)
                await self._end(connection, orderly=connection.orderly)

    async def conversation(self, connection: Connection, name: str) -> ConnectionSession:
        """The session of one of a connection's conversations, which ends with the connection.

        :raises StoreError: it cannot be recorded.
        """
        conversation = await self._attach(replace(connection.key, conversation=name), "conversation")
        connection.conversations.append(conversation)
        await self._began(conversation)
        return conversation.session

    async def _attach(self, key: SessionKey, boundary: Boundary) -> Connection:
        ambient = frozenset(self.blueprint.config.sessions.ambient)
        attached = await self.boundaries.attach(
            key, boundary, ambient=ambient, tier=self.answers.tier, began_rightly=self.answers.began_rightly
        )
        session = ConnectionSession(
            self.state,
            attached.connection,
            timestamp,
            session=attached.session,
            began_rightly=self.answers.began_rightly,
        )
        return Connection(key, attached, session)

    async def _began(self, connection: Connection) -> None:
        event = {"event": "attached", "began": connection.attached.began}
        await self.journal.event("session", connection.attached.session, event)

    async def _end(self, connection: Connection, *, orderly: bool) -> None:
        attached = connection.attached
        try:
            await self.journal.flush()
            if connection.session.amiss:
                await connection.session.restore()
            if not orderly or connection.session.amiss:
                await self.journal.event("session", attached.session, {"event": "broken"})
                say("the connection did not end in order, so the next one takes its labels over")
                return
            ended = await self.boundaries.detach(connection.key, attached.connection)
            await self.journal.event("session", attached.session, {"event": "ended" if ended else "detached"})
        except StoreError as error:
            say(f"the connection could not be ended cleanly, so the next one takes its labels over: {error}")


@asynccontextmanager
async def opened(blueprint: Blueprint, *, connect: Connect | None = None) -> AsyncIterator[Resources]:
    """Open everything that is shared, and run the desk and the journal until the end.

    ``connect`` reaches upstreams in another way than processes and URLs.

    :raises StoreError: the state or the journal cannot be opened; nothing was started.
    """
    with (
        closing(open_state(blueprint.state)) as state,
        closing(JournalStore(blueprint.state)) as store,
        Presence(blueprint.state) as presence,
    ):
        store.hide = Hiding(blueprint.secrets)

        async def tell(provider: str, what: Mapping[str, Any]) -> None:
            await _tell_of_provider(journal, provider, what)

        surroundings = Surroundings(blueprint.config.providers, utc_now, tell)
        rules = Rulebook(
            blueprint.policies,
            blueprint.principal,
            blueprint.profile.name,
            files=blueprint.files,
            manifests=blueprint.manifests_digest,
            environment=surroundings.known,
        )
        journal = Journal(
            store,
            timestamp,
            policy_version=lambda: rules.version,
            principal=blueprint.principal,
            client=blueprint.profile.name,
        )
        if blueprint.config.providers.risk is not None:
            surroundings.remember(_recent(store))
        journal.heard = surroundings.heard
        boundaries = Boundaries(state, presence, timestamp)
        approvers = Approvers(blueprint.approvers, claimed_tenant=blueprint.principal.tenant)
        answers = Answers(
            approvers,
            rules,
            journal,
            state,
            boundaries,
            utc_now,
            blueprint.principal.tenant,
        )
        endorsements = Endorsements(answers, blueprint.config.stores)
        pins = PinStore(state)
        watch = PinWatch(pins)
        settling = Settling(answers, pins, watch.wake)
        desk = Desk(clock=utc_now, judge=answers, endorser=endorsements, settler=settling)
        answers.void = desk.void
        async with aclosing(Authorizations(blueprint.state)) as authorizations, anyio.create_task_group() as tasks:
            resources = Resources(
                blueprint,
                state,
                store,
                journal,
                desk,
                boundaries,
                pins,
                Starts(state),
                answers,
                Grants(approvers, lambda: rules.version, utc_now, answers.may_give),
                rules,
                Typing(blueprint.sources, rules, journal),
                endorsements,
                connect or connecting(authorizations),
                watch,
                GivenUrls() if blueprint.policies.reads_given else None,
            )
            await tasks.start(DeskServer(desk, state=blueprint.state, gateway=secrets.token_hex(4)).run)
            tasks.start_soon(journal.keep_flushing)
            tasks.start_soon(watch.run)
            reloader = Reloader(
                blueprint.sources,
                rules,
                desk,
                journal,
                PolicyVersions(blueprint.state, blueprint.sources.folder),
                blueprint.trust,
            )
            await reloader.began(blueprint.files)
            await tasks.start(surroundings.run, partial(_describe, rules, journal))
            tasks.start_soon(reloader.run)
            anchoring = Anchoring(
                store,
                journal,
                CheckpointStore(state),
                blueprint.state,
                blueprint.anchors,
                blueprint.config.audit.key,
                timestamp,
            )
            tasks.start_soon(anchoring.run)
            try:
                yield resources
            finally:
                with anyio.CancelScope(shield=True):
                    await anchoring.write()
            tasks.cancel_scope.cancel()


def _recent(store: JournalStore) -> Iterator[tuple[datetime, str, str | None, Mapping[str, Any]]]:
    for entry in store.tail(_RECENT):
        with suppress(ValueError):  # a time that no gateway wrote
            yield datetime.fromisoformat(entry.at), entry.kind, entry.session, entry.body


async def _tell_of_provider(journal: Journal, provider: str, what: Mapping[str, Any]) -> None:
    """Say and write down that a provider failed, or answers again."""
    sentences = {
        "failed": f"has no answer: {visible(str(what.get('error', '')))}",
        "answers_again": "answers again",
        "expired": "has not answered for so long that what it said before is dropped",
    }
    if what["event"] in sentences:
        say(f"the context provider '{provider}' {sentences[what['event']]}")
    with suppress(StoreError):
        await journal.event("provider", None, {"provider": provider, **what})


async def _describe(rules: Rulebook, journal: Journal, provided: list[Any]) -> None:
    """Decide with what the directory knows now, and write down its digest.

    :raises PolicyError: something of it is no entity.
    """
    async with rules.changing:
        current = rules.current
        if provided == current.provided:
            return
        edition = await anyio.to_thread.run_sync(
            rules.edition, current.policies, current.files, provided, abandon_on_cancel=True
        )
        rules.put(edition)
    digest = hashlib.sha256(orjson.dumps(provided, option=orjson.OPT_SORT_KEYS)).hexdigest()
    what = {"event": "described", "entities": len(provided), "sha256": digest}
    await _tell_of_provider(journal, "directory", what)
