"""What people do to sessions: one way only, and refusals in a row slow a session down, then freeze it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from rule_of_two.sessions import deeds
from rule_of_two.sessions.labels import view_of_session
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

T = TypeVar("T")
NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    database = open_state(tmp_path)
    for name in ("s", "other"):
        database.write_now(
            lambda db, name=name: db.execute(  # type: ignore[misc]  # bound now, not when called
                "INSERT INTO sessions (id, key, boundary, created_at, held_a) VALUES (?, '{}', 'human', '', 1)", (name,)
            )
        )
        database.write_now(
            lambda db, name=name: db.execute(  # type: ignore[misc]  # as above
                "INSERT INTO grants VALUES (?, ?, '{}', 'AB', 3, '', '')", (f"g-{name}", name)
            )
        )
    yield database
    database.close()


def grants(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT session FROM grants").fetchall()]


@pytest.mark.parametrize("deed", [deeds.drop, deeds.freeze])
def test_a_deed_marks_its_session_and_ends_its_grants(
    state: Database, deed: Callable[[sqlite3.Connection, str], None]
) -> None:
    state.write_now(lambda db: deed(db, "s"))
    views = [state.read(lambda db, name=name: view_of_session(db, name)) for name in ("s", "other")]  # type: ignore[misc]
    done, untouched = views
    assert done is not None
    assert untouched is not None
    assert (done.dropped, done.frozen) == (deed is deeds.drop, deed is deeds.freeze)
    assert done.held == {"A": 1}
    assert not untouched.dropped
    assert not untouched.frozen
    assert state.read(grants) == ["other"]


def refuse(state: Database, now: datetime = NOW) -> bool:
    return state.write_now(lambda db: deeds.refuse(db, "s", now))


def quiet(state: Database, now: datetime = NOW) -> timedelta | None:
    return state.read(lambda db: deeds.quiet_for(db, "s", now))


def test_three_refusals_in_a_row_back_off_and_more_freeze(state: Database) -> None:
    assert [refuse(state), refuse(state)] == [False, False]
    assert quiet(state) is None
    assert not refuse(state)
    assert quiet(state) == timedelta(seconds=30)
    assert quiet(state, NOW + timedelta(seconds=30)) is None
    assert not refuse(state)
    assert quiet(state) == timedelta(seconds=120)
    assert refuse(state)
    view = state.read(lambda db: view_of_session(db, "s"))
    assert view is not None
    assert view.frozen


def test_a_yes_between_refusals_begins_the_count_anew(state: Database) -> None:
    refuse(state)
    refuse(state)
    state.write_now(lambda db: deeds.accept(db, "s"))
    assert not refuse(state)
    assert quiet(state) is None


def test_a_clock_that_is_set_back_does_not_silence_a_session_for_ever(state: Database) -> None:
    for _ in range(3):
        refuse(state)
    assert quiet(state, NOW - timedelta(days=400)) == timedelta(seconds=120)


def test_other_sessions_are_not_concerned(state: Database) -> None:
    for _ in range(3):
        refuse(state)
    assert state.read(lambda db: deeds.quiet_for(db, "other", NOW)) is None
    assert state.read(lambda db: deeds.quiet_for(db, "unknown", NOW)) is None
