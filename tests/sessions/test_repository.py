"""One connection's session: check and reserve in one atomic step, also between processes."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from rule_of_two.errors import StoreError
from rule_of_two.model import ALL, NONE, Held, Labels, SessionView, completing, labels_in
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession, Reservation, find_session, list_sessions
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

KEY = SessionKey("alice", "acme", "generic", "/work")


def clock() -> str:
    return "2026-11-22T10:00:00+00:00"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    state = open_state(tmp_path)
    yield state
    state.close()


async def _attach(state: Database, presence: Presence) -> ConnectionSession:
    attached = await Boundaries(state, presence, clock).attach(KEY, "connection")
    return ConnectionSession(state, attached.connection, clock)


async def test_the_view_from_memory_follows_what_this_and_other_processes_do(tmp_path: Path, state: Database) -> None:
    other = open_state(tmp_path)
    with Presence(tmp_path) as presence:
        ours, theirs = await _attach(state, presence), await _attach(other, presence)
        assert ours.view().held == {}
        session = ours.view().id
        await theirs.join(session, 5, labels_in("A"))
        assert ours.view().held == {"A": 5}
        await ours.decide(lambda view, _: (None, 6, labels_in("B")))
        assert ours.view().reserved == {"B": 6}
        assert theirs.view().reserved == {"B": 6}
        await ours.settle(Reservation(session, 6, NONE))
        assert ours.view().reserved == theirs.view().reserved == {}
    other.close()


async def test_a_reservation_is_narrowed_in_the_step_that_decides_what_takes_its_place(
    tmp_path: Path, state: Database
) -> None:
    with Presence(tmp_path) as presence:
        ours = await _attach(state, presence)
        session = ours.view().id
        await ours.decide(lambda view, _: (None, 6, ALL))
        seen: list[Held] = []

        def release(view: SessionView, db: sqlite3.Connection) -> tuple[None, int, Labels]:
            seen.append(view.after)
            return None, 7, labels_in("B")

        await ours.decide(release, narrows=Reservation(session, 6, labels_in("C")))
        assert seen == [{"C": 6}]
        assert ours.view().reserved == {"C": 6, "B": 7}
        await ours.settle(Reservation(session, 7, labels_in("B")), Reservation(session, 6, labels_in("C")))
        assert ours.view() == SessionView(session, {"C": 6, "B": 7})


async def test_narrowing_adds_nothing_to_a_reservation_and_is_undone_with_its_step(
    tmp_path: Path, state: Database
) -> None:
    with Presence(tmp_path) as presence:
        ours = await _attach(state, presence)
        session = ours.view().id
        await ours.decide(lambda view, _: (None, 6, labels_in("AC")))

        def fails(view: SessionView, db: sqlite3.Connection) -> tuple[None, None, Labels]:
            raise StoreError("no")

        with pytest.raises(StoreError):
            await ours.decide(fails, narrows=Reservation(session, 6, NONE))
        assert ours.view().reserved == {"A": 6, "C": 6}
        await ours.decide(lambda view, _: (None, None, NONE), narrows=Reservation(session, 6, labels_in("BC")))
        assert ours.view().reserved == {"C": 6}


async def test_a_refused_call_reserves_nothing(tmp_path: Path, state: Database) -> None:
    with Presence(tmp_path) as presence:
        session = await _attach(state, presence)
        assert await session.decide(lambda view, _: ("no", None, ALL)) == "no"
        assert session.view().reserved == {}


async def test_sessions_are_listed_with_what_they_hold(tmp_path: Path, state: Database) -> None:
    with Presence(tmp_path) as presence:
        session = await _attach(state, presence)
        await session.join(session.view().id, 2, labels_in("AC"))
        (record,) = list_sessions(state)
        assert (record.view.held, record.client, len(record.connections)) == ({"A": 2, "C": 2}, "generic", 1)
        assert find_session(state, record.view.id) == record
        assert find_session(state, "s-nobody") is None


def _race(folder: Path, labels: Labels, passed: object, order: int) -> None:
    """One process that decides many calls with the literal rule, each reserved until the end."""

    async def main() -> None:
        state = open_state(folder)
        with Presence(folder) as presence:
            session = await _attach(state, presence)
            for count in range(20):
                number = 1 + order * 1000 + count

                def work(
                    view: SessionView, _: sqlite3.Connection, number: int = number
                ) -> tuple[bool, int | None, Labels]:
                    allowed = not completing(frozenset(view.after), labels)
                    return allowed, number if allowed else None, labels

                if await session.decide(work):
                    passed.append("".join(labels))  # type: ignore[attr-defined]  # a manager's list proxy
        state.close()

    anyio.run(main)


def test_processes_that_race_never_complete_the_set_together(tmp_path: Path) -> None:
    """A, B and C from three processes at once: at most two of them ever pass."""
    open_state(tmp_path).close()
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, Presence(tmp_path):
        passed = manager.list()
        processes = [
            context.Process(target=_race, args=(tmp_path, labels_in(label), passed, order))
            for order, label in enumerate("ABC")
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert len(set(passed)) == 2
