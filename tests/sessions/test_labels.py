"""Labels only ever join, and reservations count until they are settled."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.model import Label, Labels, SessionView, labels_in
from rule_of_two.sessions.labels import (
    join,
    join_reservations,
    reserve,
    settle,
    view_of,
    view_of_session,
)
from rule_of_two.sessions.rows import row_of_connection
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

AT = "2026-11-22T10:00:00+00:00"
LABELS = st.frozensets(st.sampled_from(("A", "B", "C")))


def _with_session(folder: Path) -> Database:
    state = open_state(folder)

    def work(db: object) -> None:
        state.connection.execute(
            "INSERT INTO sessions (id, key, boundary, created_at) VALUES ('s', '{}', 'connection', ?)", (AT,)
        )
        state.connection.execute(
            "INSERT INTO connections (id, session, key, opened_at) VALUES ('c', 's', '{}', ?)", (AT,)
        )

    state.write_now(work)
    return state


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    state = _with_session(tmp_path)
    yield state
    state.close()


def _view(db: sqlite3.Connection) -> SessionView:
    row = row_of_connection(db, "c")
    assert row is not None
    return view_of(db, row)


def test_a_label_keeps_the_number_of_the_call_that_first_brought_it(state: Database) -> None:
    db = state.connection
    join(db, "s", labels_in("A"), 4)
    join(db, "s", labels_in("AB"), 9)
    assert _view(db).held == {"A": 4, "B": 9}


def test_reservations_are_seen_until_settled_and_the_earliest_number_counts(state: Database) -> None:
    db = state.connection
    reserve(db, 1, "s", "c", labels_in("AC"), AT)
    reserve(db, 2, "s", "c", labels_in("A"), AT)
    view = _view(db)
    assert (view.held, view.reserved, view.after) == ({}, {"A": 1, "C": 1}, {"A": 1, "C": 1})
    settle(db, 1, "s", labels_in("A"))
    view = _view(db)
    assert (view.held, view.reserved) == ({"A": 1}, {"A": 2})


def test_a_call_that_brought_nothing_leaves_nothing(state: Database) -> None:
    reserve(state.connection, 1, "s", "c", labels_in("B"), AT)
    settle(state.connection, 1, "s", frozenset())
    assert _view(state.connection).after == {}


def test_a_connection_that_is_closed_or_unknown_has_no_session(state: Database) -> None:
    assert row_of_connection(state.connection, "nobody") is None
    state.connection.execute("UPDATE connections SET closed_at = ?", (AT,))
    assert row_of_connection(state.connection, "c") is None
    assert view_of_session(state.connection, "nobody") is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(("join", "reserve", "settle", "crash")), LABELS), max_size=12))
def test_no_sequence_of_steps_removes_a_held_label(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Labels]]
) -> None:
    state = _with_session(tmp_path_factory.mktemp("state"))
    db = state.connection
    open_numbers: list[int] = []
    before: dict[Label, int] = {}
    for number, (step, labels) in enumerate(steps, 1):
        match step:
            case "join":
                join(db, "s", labels, number)
            case "reserve":
                reserve(db, number, "s", "c", labels, AT)
                open_numbers.append(number)
            case "settle" if open_numbers:
                settle(db, open_numbers.pop(0), "s", labels)
            case "crash":
                join_reservations(db, "c")
                open_numbers.clear()
        held = dict(_view(db).held)
        assert before.items() <= held.items()
        before = dict(held)
    state.close()
