"""Where sessions begin and end: nothing is washed by dying, reconnecting, or losing the state."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
import pytest

from rule_of_two.errors import StoreError
from rule_of_two.model import ALL, NONE, Labels, SessionView, labels_in
from rule_of_two.records import replace
from rule_of_two.sessions.boundary import Attached, Boundaries
from rule_of_two.sessions.key import Boundary, SessionKey
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession, Reservation, find_session
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

KEY = SessionKey("alice", "acme", "generic", "/work/project")
CLOCK = "2026-11-22T10:00:00.000000+00:00"


def clock() -> str:
    return CLOCK


@dataclass
class Process:
    """What one gateway process has open. Several in one test stand for several processes."""

    database: Database
    presence: Presence
    boundaries: Boundaries

    async def attach(
        self, boundary: Boundary = "connection", key: SessionKey = KEY, ambient: Labels = NONE
    ) -> Attached:
        return await self.boundaries.attach(key, boundary, ambient=ambient)

    def view(self, attached: Attached) -> SessionView:
        return ConnectionSession(self.database, attached.connection, clock).view()

    async def call(self, attached: Attached, labels: Labels, number: int, *, settled: bool = True) -> None:
        session = ConnectionSession(self.database, attached.connection, clock)
        view = await session.decide(lambda view, _: (view, number, labels))
        if settled:
            await session.settle(Reservation(view.id, number, labels))

    def crash(self) -> None:
        """Let go of the locks as the system does for a dead process; nothing else is tidied."""
        self.presence.__exit__(None, None, None)
        self.database.close()


class Fleet:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []

    def start(self) -> Process:
        database, presence = open_state(self.folder), Presence(self.folder)
        self.processes.append(Process(database, presence, Boundaries(database, presence, clock)))
        return self.processes[-1]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path)
    yield fleet
    for process in fleet.processes:
        process.crash()


async def test_a_first_connection_starts_clean(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach()
    assert attached.began == "new"
    assert process.view(attached) == SessionView(attached.session)


async def test_connections_that_live_at_the_same_time_share_one_session(fleet: Fleet) -> None:
    one, two = fleet.start(), fleet.start()
    first, second = await one.attach(), await two.attach()
    assert second.began == "joined"
    await one.call(first, labels_in("A"), 1)
    assert two.view(second).held == {"A": 1}


async def test_connections_under_different_keys_share_nothing(fleet: Fleet) -> None:
    process = fleet.start()
    first = await process.attach()
    await process.call(first, labels_in("AB"), 1)
    for other in (
        SessionKey("bob", "acme", "generic", "/work/project"),
        SessionKey("alice", "other", "generic", "/work/project"),
        SessionKey("alice", "acme", "cursor", "/work/project"),
        SessionKey("alice", "acme", "generic", "/work/other"),
        SessionKey("alice", "acme", "generic", "/work/project", "conversation-1"),
    ):
        attached = await process.attach(key=other)
        assert (attached.began, process.view(attached).held) == ("new", {})


async def test_a_session_ends_with_the_clean_end_of_its_last_connection(fleet: Fleet) -> None:
    one, two = fleet.start(), fleet.start()
    first, second = await one.attach(), await two.attach()
    await one.call(first, labels_in("AB"), 1)
    assert not await one.boundaries.detach(KEY, first.connection)
    third = await fleet.start().attach()
    assert third.began == "joined"
    assert not await two.boundaries.detach(KEY, second.connection)
    assert await fleet.processes[-1].boundaries.detach(KEY, third.connection)
    fourth = await fleet.start().attach()
    assert (fourth.began, fleet.processes[-1].view(fourth).held) == ("new", {})


async def test_a_crash_leaves_an_orphan_whose_labels_drops_and_freezes_are_joined(fleet: Fleet) -> None:
    process = fleet.start()
    first = await process.attach()
    await process.call(first, labels_in("A"), 3)
    await process.database.write(lambda db: db.execute("UPDATE sessions SET dropped = 1, frozen = 1"))
    process.crash()
    after = fleet.start()
    second = await after.attach()
    assert second.began == "orphan"
    assert after.view(second) == SessionView(second.session, {"A": 3}, {}, dropped=True, frozen=True)
    record = find_session(after.database, first.session)
    assert record is not None
    assert record.ended_how == "orphaned"


async def test_reservations_of_a_crashed_call_count_as_held(fleet: Fleet) -> None:
    """Killed in mid-call: what the call may have done, it has done."""
    process = fleet.start()
    first = await process.attach()
    await process.call(first, labels_in("A"), 1)
    await process.call(first, labels_in("BC"), 2, settled=False)
    process.crash()
    after = fleet.start()
    view = after.view(await after.attach())
    assert view.held == {"A": 1, "B": 2, "C": 2}
    assert view.reserved == {}


async def test_one_of_two_connections_crashing_does_not_let_the_other_wash_its_labels(fleet: Fleet) -> None:
    one, two = fleet.start(), fleet.start()
    await one.attach()
    second = await two.attach()
    await two.call(second, labels_in("AB"), 1)
    one.crash()
    assert not await two.boundaries.detach(KEY, second.connection)
    third = await fleet.start().attach()
    assert (third.began, fleet.processes[-1].view(third).held) == ("orphan", {"A": 1, "B": 1})


async def test_a_crash_beside_a_live_connection_gives_its_reservations_to_the_shared_session(fleet: Fleet) -> None:
    one, two = fleet.start(), fleet.start()
    first, second = await one.attach(), await two.attach()
    await one.call(first, labels_in("B"), 7, settled=False)
    one.crash()
    third = fleet.start()
    await third.attach()
    assert two.view(second).held == {"B": 7}


async def test_an_orphan_is_joined_once_and_a_clean_end_then_ends_it(fleet: Fleet) -> None:
    process = fleet.start()
    await process.call(await process.attach(), labels_in("A"), 1)
    process.crash()
    after = fleet.start()
    second = await after.attach()
    assert await after.boundaries.detach(KEY, second.connection)
    third = await after.attach()
    assert (third.began, after.view(third).held) == ("new", {})


async def test_a_deleted_state_counts_as_having_held_everything(fleet: Fleet) -> None:
    """Deleting the database and killing the gateway must not wash a session."""
    process = fleet.start()
    await process.call(await process.attach(), labels_in("A"), 1)
    for path in fleet.folder.glob("state.db*"):
        path.unlink()
    process.crash()
    after = fleet.start()
    attached = await after.attach()
    assert attached.began == "lost"
    assert after.view(attached).held.keys() == ALL


async def test_a_gateway_that_lives_on_a_deleted_state_can_decide_nothing_and_stays_known(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach()
    for path in fleet.folder.glob("state.db*"):
        path.unlink()
    for _ in range(2):
        other = fleet.start()
        newcomer = await other.attach()
        assert other.view(newcomer).held.keys() == ALL
    with pytest.raises(StoreError):
        await process.call(attached, labels_in("C"), 1)


async def test_human_sessions_outlive_their_connections_until_a_human_starts_a_new_one(fleet: Fleet) -> None:
    process = fleet.start()
    first = await process.attach("human")
    await process.call(first, labels_in("AB"), 1)
    assert not await process.boundaries.detach(KEY, first.connection)
    second = await process.attach("human")
    assert (second.session, process.view(second).held) == (first.session, {"A": 1, "B": 1})
    new = await process.boundaries.renew(first.session, began_by="{}")
    assert new is not None
    assert process.view(second) == SessionView(new)
    third = await process.attach("human")
    assert third.session == new


async def test_calls_in_flight_stay_in_the_session_where_they_began(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach("human")
    session = ConnectionSession(process.database, attached.connection, clock)
    await session.decide(lambda view, _: (view, 1, labels_in("B")))
    new = await process.boundaries.renew(attached.session, began_by="{}")
    await session.settle(Reservation(attached.session, 1, labels_in("B")))
    assert session.view() == SessionView(str(new))
    old = find_session(process.database, attached.session)
    assert old is not None
    assert old.view.held == {"B": 1}


async def test_a_crash_leaves_calls_in_flight_to_the_session_where_they_began(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach()
    await process.call(attached, labels_in("AB"), 1, settled=False)
    await process.boundaries.renew(attached.session, began_by="{}")
    process.crash()
    after = fleet.start()
    assert after.view(await after.attach()).held == {}
    old = find_session(after.database, attached.session)
    assert old is not None
    assert old.view.held == {"A": 1, "B": 1}


async def test_only_an_open_session_can_be_renewed(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach()
    await process.boundaries.detach(KEY, attached.connection)
    assert await process.boundaries.renew(attached.session, began_by="{}") is None
    assert await process.boundaries.renew("s-nobody", began_by="{}") is None


async def test_ambient_labels_are_held_from_the_start(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach(ambient=labels_in("A"))
    assert process.view(attached).held == {"A": 0}


async def test_a_new_session_holds_what_the_hosts_own_tools_bring(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach(ambient=labels_in("A"))
    await process.call(attached, labels_in("B"), 1)
    assert await process.boundaries.renew(attached.session, began_by="{}") is not None
    assert process.view(attached).held == {"A": 0}


async def test_a_clean_end_that_cannot_be_recorded_leaves_an_orphan(fleet: Fleet) -> None:
    process = fleet.start()
    attached = await process.attach()
    await process.call(attached, labels_in("AB"), 1)
    process.database.connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreError):
        await process.boundaries.detach(KEY, attached.connection)
    process.crash()
    after = fleet.start()
    assert after.view(await after.attach()).held.keys() == labels_in("AB")


async def test_a_connection_that_crashed_before_it_was_recorded_taints_nobody(fleet: Fleet) -> None:
    process = fleet.start()
    process.presence.hold(KEY.digest, "never-recorded")
    process.presence.__exit__(None, None, None)
    attached = await fleet.start().attach()
    assert attached.began == "new"


async def test_gateways_that_start_at_the_same_moment_find_one_clean_session(fleet: Fleet) -> None:
    processes = [fleet.start() for _ in range(8)]
    found: list[Attached] = []

    async def start(process: Process) -> None:
        found.append(await process.attach())

    async with anyio.create_task_group() as tasks:
        for process in processes:
            tasks.start_soon(start, process)
    assert len({attached.session for attached in found}) == 1
    assert fleet.processes[0].view(found[0]).held == {}


async def test_a_connection_that_cannot_be_recorded_leaves_no_trace(fleet: Fleet) -> None:
    process = fleet.start()
    process.database.connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreError):
        await process.attach()
    assert (await fleet.start().attach()).began == "new"


def _attach_and_report(folder: Path, pipe: Connection) -> None:
    fleet = Fleet(folder)

    async def attach() -> None:
        process = fleet.start()
        attached = await process.attach()
        await process.call(attached, labels_in("A"), 1)
        await process.call(attached, labels_in("B"), 2, settled=False)

    anyio.run(attach)
    pipe.send(os.getpid())
    pipe.recv()


async def test_a_real_process_killed_in_mid_call_leaves_its_labels(fleet: Fleet) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_attach_and_report, args=(fleet.folder, theirs))
    process.start()
    os.kill(await anyio.to_thread.run_sync(ours.recv), 9)
    process.join()
    after = fleet.start()
    attached = await after.attach()
    assert (attached.began, after.view(attached).held) == ("orphan", {"A": 1, "B": 2})


async def test_a_configuration_that_was_changed_washes_nothing_at_the_end_of_a_connection(fleet: Fleet) -> None:
    """A person's session that a crashed connection's became, or shares, outlives every connection."""
    process = fleet.start()
    await process.call(await process.attach("connection"), labels_in("AB"), 1)
    process.crash()
    after = fleet.start()
    second = await after.attach("human")
    assert not await after.boundaries.detach(KEY, second.connection)
    third = await after.attach("human")
    assert after.view(third).held.keys() == labels_in("AB")


async def test_a_boundary_is_never_shortened_by_who_joins_later(fleet: Fleet) -> None:
    one, two = fleet.start(), fleet.start()
    first, second = await one.attach("human"), await two.attach("connection")
    assert second.session == first.session
    await two.call(second, labels_in("A"), 1)
    await one.boundaries.detach(KEY, first.connection)
    assert not await two.boundaries.detach(KEY, second.connection)
    third = await fleet.start().attach("human")
    assert fleet.processes[-1].view(third).held == {"A": 1}


@pytest.mark.parametrize("jump", ["1970-01-01T00:00:00+00:00", "2970-01-01T00:00:00+00:00"])
async def test_a_clock_that_jumps_neither_washes_nor_reorders(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, jump: str
) -> None:
    process = fleet.start()
    first = await process.attach("human")
    await process.call(first, labels_in("A"), 1)
    monkeypatch.setitem(globals(), "CLOCK", jump)
    new = await process.boundaries.renew(first.session, began_by="{}")
    await process.call(first, labels_in("B"), 2)
    await process.boundaries.detach(KEY, first.connection)
    after = fleet.start()
    second = await after.attach("human")
    assert (second.session, after.view(second).held) == (new, {"B": 2})
    crashed = await after.attach("connection", SessionKey("bob", "acme", "generic", "/work"))
    await after.call(crashed, labels_in("AB"), 3)
    after.crash()
    monkeypatch.setitem(globals(), "CLOCK", "2000-01-01T00:00:00+00:00")
    last = fleet.start()
    third = await last.attach("connection", SessionKey("bob", "acme", "generic", "/work"))
    assert last.view(third).held == {"A": 3, "B": 3}


async def test_what_the_dead_reserved_in_conversations_is_accounted_for_though_nobody_comes_back(fleet: Fleet) -> None:
    process, living = fleet.start(), fleet.start()
    for number, name in enumerate(("one", "two"), 1):
        attached = await process.attach("conversation", replace(KEY, conversation=name))
        await process.call(attached, labels_in("AB"), number, settled=False)
    other = await living.attach("conversation", replace(KEY, conversation="two"))
    kept = await living.attach("conversation", replace(KEY, conversation="alive"))
    await living.call(kept, labels_in("C"), 9, settled=False)
    process.crash()
    after = fleet.start()
    base = await after.attach("conversation")
    assert after.view(base).held == {}
    rows = after.database.read(lambda db: db.execute("SELECT number FROM reservations").fetchall())
    assert rows == [(9,)]
    assert living.view(other).held.keys() == labels_in("AB")
    digests = {path.name.partition("-")[0] for path in (fleet.folder / "connections").iterdir()}
    assert digests == {replace(KEY, conversation=name).digest for name in ("", "two", "alive")}
