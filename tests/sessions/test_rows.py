"""Which sessions count against each other: a conversation and what names none, never two conversations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.model import Labels, SessionView, labels_in
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.labels import join, reserve, view_of_session
from rule_of_two.store.state import open_state

AT = "2026-11-22T10:00:00+00:00"
BASE = SessionKey("alice", "acme", "generic", "/wörk/\"a'\\b")
TEXT = st.text(st.characters(codec="utf-8"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    state = open_state(tmp_path)
    yield state.connection
    state.close()


def _session(
    db: sqlite3.Connection, name: str, conversation: str = "", *, key: SessionKey = BASE, boundary: str = "conversation"
) -> None:
    text = SessionKey(key.user, key.tenant, key.client, key.workspace, conversation).text
    db.execute("INSERT INTO sessions (id, key, boundary, created_at) VALUES (?, ?, ?, ?)", (name, text, boundary, AT))


def _view(db: sqlite3.Connection, session: str) -> SessionView:
    view = view_of_session(db, session)
    assert view is not None
    return view


def _after(db: sqlite3.Connection, session: str) -> Labels:
    return frozenset(_view(db, session).after)


def test_a_conversation_and_what_names_none_count_against_each_other_and_hold_nothing_of_each_other(
    db: sqlite3.Connection,
) -> None:
    for name, conversation in (("base", ""), ("one", "1"), ("two", "2")):
        _session(db, name, conversation)
    join(db, "base", labels_in("A"), 7)
    join(db, "one", labels_in("AB"), 5)
    reserve(db, 9, "two", "c", labels_in("C"), AT)
    assert (_view(db, "base").held, _view(db, "base").after) == ({"A": 7}, {"A": 5, "B": 5, "C": 9})
    assert (_view(db, "one").held, _view(db, "one").after) == ({"A": 5, "B": 5}, {"A": 5, "B": 5})
    assert (_view(db, "two").held, _view(db, "two").after) == ({}, {"A": 7, "C": 9})


def test_sessions_of_another_client_or_boundary_do_not_count(db: sqlite3.Connection) -> None:
    _session(db, "base")
    _session(db, "other", "1", key=SessionKey("bob", "acme", "generic", BASE.workspace))
    _session(db, "human", boundary="human")
    join(db, "other", labels_in("AB"), 1)
    assert _after(db, "base") == frozenset()
    _session(db, "one", "1")
    join(db, "one", labels_in("C"), 2)
    assert _after(db, "human") == frozenset()
    assert _after(db, "base") == labels_in("C")


def test_what_reached_a_conversation_through_a_session_that_ended_still_counts_and_older_ones_do_not(
    db: sqlite3.Connection,
) -> None:
    for name, labels in (("before", "A"), ("when-it-began", "B")):
        _session(db, name)
        join(db, name, labels_in(labels), 1)
    _session(db, "one", "1")
    _session(db, "since")
    join(db, "since", labels_in("C"), 2)
    # Times say nothing here: a clock that jumped puts every end before every beginning.
    db.execute("UPDATE sessions SET ended_at = '1970-01-01', ended_how = 'new' WHERE id IN ('before', 'when-it-began')")
    assert _after(db, "one") == labels_in("BC")


def test_what_names_no_conversation_is_judged_by_each_of_them_with_what_it_holds_itself(
    db: sqlite3.Connection,
) -> None:
    _session(db, "base")
    join(db, "base", labels_in("A"), 1)
    assert [view.id for view in _view(db, "base").judged] == ["base"]
    for name, labels in (("one", "B"), ("two", "C"), ("like-two", "C")):
        _session(db, name, name)
        join(db, name, labels_in(labels), 2)
    assert sorted("".join(sorted(view.after)) for view in _view(db, "base").judged) == ["AB", "AC"]
    join(db, "like-two", labels_in("B"), 0)  # before, so that an order-aware policy sees another session
    assert len(_view(db, "base").judged) == 3
    assert _view(db, "one").judged == (_view(db, "one"),)


def test_a_conversation_that_a_person_ended_does_not_count_any_more(db: sqlite3.Connection) -> None:
    _session(db, "base")
    _session(db, "one", "1")
    join(db, "one", labels_in("AB"), 1)
    db.execute("UPDATE sessions SET ended_at = ? WHERE id = 'one'", (AT,))
    assert _after(db, "base") == frozenset()


def test_a_freeze_counts_both_ways_and_a_drop_in_the_conversations(db: sqlite3.Connection) -> None:
    for name, conversation in (("base", ""), ("one", "1"), ("two", "2")):
        _session(db, name, conversation)
    db.execute("UPDATE sessions SET frozen = 1, dropped = 1 WHERE id = 'one'")
    assert [(view.frozen, view.dropped) for view in (_view(db, "base"), _view(db, "two"))] == [
        (True, False),
        (False, False),
    ]
    assert {view.dropped for view in _view(db, "base").judged} == {True, False}
    db.execute("UPDATE sessions SET frozen = 1, dropped = 1 WHERE id = 'base'")
    assert (_view(db, "two").frozen, _view(db, "two").dropped) == (True, True)


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_a_conversation_belongs_to_its_client_whatever_stands_in_the_key(
    user: str, tenant: str, client: str, workspace: str, conversation: str
) -> None:
    with sqlite3.connect(":memory:") as db:
        key = SessionKey(user, tenant, client, workspace, conversation or "x")
        query = "SELECT json_remove(?, '$.conversation') = json_remove(?, '$.conversation')"
        assert db.execute(query, (key.text, key.base.text)).fetchone() == (1,)
        other = SessionKey(user + "x", tenant, client, workspace)
        assert db.execute(query, (key.text, other.text)).fetchone() == (0,)
    db.close()
