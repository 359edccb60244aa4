"""Who may read what a session has read: readers only become fewer, and what is not known stays so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.errors import StoreError
from rule_of_two.model import ALL, NONE, SessionView, labels_in
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.compartments import MOST_READERS, Readers, in_common, read_readers
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.labels import join, join_reservations, reserve, settle, view_of_session
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession, Reservation
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

AT = "2026-11-22T10:00:00+00:00"
KEY = SessionKey("alice", "acme", "generic", "/work")
ANN, BOB, EVE = "ann@a.example", "bob@a.example", "eve@b.example"
B = labels_in("B")


def clock() -> str:
    return AT


def with_session(folder: Path) -> Database:
    state = open_state(folder)
    state.write_now(
        lambda db: db.execute(
            "INSERT INTO sessions (id, key, boundary, created_at) VALUES ('s', '{}', 'connection', ?)", (AT,)
        )
    )
    return state


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    state = with_session(tmp_path)
    yield state
    state.close()


def view(state: Database) -> SessionView:
    found = view_of_session(state.connection, "s")
    assert found is not None
    return found


def test_the_first_compartment_sets_readers_and_each_further_one_takes_some_away(state: Database) -> None:
    db = state.connection
    assert (view(state).readers, view(state).keeps_readers) == (None, False)
    join(db, "s", B, 1, frozenset((ANN, BOB, EVE)))
    assert (view(state).readers, view(state).keeps_readers) == (frozenset((ANN, BOB, EVE)), True)
    join(db, "s", B, 2, frozenset((ANN, BOB)))
    join(db, "s", labels_in("AC"), 3)
    assert view(state).readers == frozenset((ANN, BOB))
    join(db, "s", B, 4, frozenset((EVE,)))
    assert (view(state).readers, view(state).held["B"]) == (frozenset(), 1)


def test_what_is_under_way_may_have_any_readers(state: Database) -> None:
    db = state.connection
    join(db, "s", B, 1, frozenset((ANN,)))
    reserve(db, 2, "s", "c", B, AT)
    assert (view(state).readers, view(state).keeps_readers) == (None, True)
    settle(db, 2, "s", NONE)
    assert view(state).readers == frozenset((ANN,))


def test_what_a_crash_left_under_way_has_unknown_readers_for_good(state: Database) -> None:
    db = state.connection
    join(db, "s", B, 1, frozenset((ANN,)))
    reserve(db, 2, "s", "c", B, AT)
    join_reservations(db, "c")
    join(db, "s", B, 3, frozenset((ANN,)))
    assert (view(state).readers, view(state).keeps_readers) == (None, False)


@pytest.mark.parametrize("readers", [frozenset(map(str, range(MOST_READERS + 1))), frozenset(("\ud800",))])
def test_readers_that_cannot_be_kept_are_unknown(state: Database, readers: frozenset[str]) -> None:
    join(state.connection, "s", B, 1, readers)
    join(state.connection, "s", B, 2, frozenset((ANN,)))
    assert view(state).readers is None


@pytest.mark.parametrize("text", [None, "", "[", "{}", "[1]", "null", '"a"', b"[]", 7, "[" * 100_000, '["a", null]'])
def test_a_row_that_says_no_readers_says_nothing(state: Database, text: object) -> None:
    join(state.connection, "s", B, 1, frozenset((ANN,)))
    state.connection.execute("UPDATE sessions SET readers = ?", (text,))
    assert read_readers(text) is None
    assert view(state).readers is None
    join(state.connection, "s", B, 2, frozenset((ANN,)))
    assert view(state).readers is None


def test_readers_without_private_data_say_nothing(state: Database) -> None:
    state.connection.execute("UPDATE sessions SET readers = ?", (f'["{ANN}"]',))
    assert (view(state).readers, view(state).keeps_readers) == (None, False)
    join(state.connection, "s", B, 1, None)
    assert view(state).readers is None


READERS = st.none() | st.frozensets(st.sampled_from((ANN, BOB, EVE)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=st.lists(READERS, min_size=1, max_size=6))
def test_what_is_kept_is_what_all_have_in_common(
    tmp_path_factory: pytest.TempPathFactory, several: list[Readers]
) -> None:
    state = with_session(tmp_path_factory.mktemp("state"))
    expected = several[0]
    for number, readers in enumerate(several, 1):
        join(state.connection, "s", B, number, readers)
        expected = in_common(expected, readers)
    assert view(state).readers == expected
    state.close()


async def attach(state: Database, presence: Presence, key: SessionKey = KEY) -> ConnectionSession:
    attached = await Boundaries(state, presence, clock).attach(key, "connection")
    return ConnectionSession(state, attached.connection, clock)


async def test_a_call_in_two_sessions_is_settled_with_its_readers(tmp_path: Path, state: Database) -> None:
    with Presence(tmp_path) as presence:
        session = await attach(state, presence)
        name = session.view().id
        await session.decide(lambda view, _: (None, 1, B))
        assert session.view().readers is None
        await session.settle(Reservation(name, 1, B, frozenset((ANN, BOB))))
        assert session.view().readers == frozenset((ANN, BOB))
        assert not session.view().has(B)
        assert session.view().has(NONE)
        await session.join(name, 2, B)
        assert session.view().readers is None
        assert session.view().has(B)


async def test_the_next_connection_takes_over_what_an_orphan_had_read(tmp_path: Path, state: Database) -> None:
    with Presence(tmp_path) as dead:
        first = await attach(state, dead)
        name = first.view().id
        await first.decide(lambda view, _: (None, 1, B))
        await first.settle(Reservation(name, 1, B, frozenset((ANN,))))
    with Presence(tmp_path) as living:
        second = await attach(state, living)
        assert second.view().id != name
        assert (second.view().held, second.view().readers) == ({"B": 1}, frozenset((ANN,)))


async def test_state_that_was_lost_has_unknown_readers(tmp_path: Path, state: Database) -> None:
    with Presence(tmp_path) as presence:
        first = await attach(state, presence)
        await first.join(first.view().id, 1, B)
        state.write_now(lambda db: db.execute("DELETE FROM sessions"))
        state.write_now(lambda db: db.execute("DELETE FROM connections"))
        second = await attach(state, presence)
        assert set(second.view().held) == ALL
        assert second.view().readers is None


@pytest.mark.parametrize("forged", [f'["{ANN}", "{EVE}"]', f'["{EVE}"]'])
async def test_a_live_gateway_notices_readers_that_somebody_wrote_back(
    tmp_path: Path, state: Database, forged: str
) -> None:
    with Presence(tmp_path) as presence:
        session = await attach(state, presence)
        await session.decide(lambda view, _: (None, 1, B))
        await session.settle(Reservation(session.view().id, 1, B, frozenset((ANN,))))
        state.write_now(lambda db: db.execute("UPDATE sessions SET readers = ? WHERE held_b = 1", (forged,)))
        with pytest.raises(StoreError, match="has readers again that it had lost"):
            session.view()


async def test_two_conversations_with_other_readers_are_two_to_whoever_names_none(
    tmp_path: Path, state: Database
) -> None:
    base = SessionKey("alice", "acme", "vscode", "/work")
    with Presence(tmp_path) as presence:
        boundaries = Boundaries(state, presence, clock)
        for place, (name, readers) in enumerate((("one", ANN), ("two", BOB)), 1):
            key = SessionKey("alice", "acme", "vscode", "/work", name)
            one = ConnectionSession(state, (await boundaries.attach(key, "conversation")).connection, clock)
            await one.settle(Reservation(one.view().id, place, B, frozenset((readers,))))
            assert one.view().readers == frozenset((readers,))
        nameless = ConnectionSession(state, (await boundaries.attach(base, "conversation")).connection, clock)
        judged = nameless.view().judged
        assert {view.readers for view in judged} == {frozenset((ANN,)), frozenset((BOB,))}
        await nameless.join(nameless.view().id, 9, B)
        assert {view.readers for view in nameless.view().judged} == {None}
