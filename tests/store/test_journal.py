"""The journal's file: numbers that grow, entries that stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from rule_of_two.store.journal import JournalStore, Line


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalStore]:
    store = JournalStore(tmp_path)
    yield store
    store.close()


async def test_entries_are_numbered_from_one_and_read_back(store: JournalStore) -> None:
    assert store.append_now(Line("t1", "decision", "s-1", None, {"outcome": "allow"})) == 1
    assert await store.append(Line("t2", "outcome", "s-1", 1, {"outcome": "result"})) == 2
    entry = store.get(1)
    assert entry is not None
    assert (entry.number, entry.at, entry.kind, entry.session, entry.body) == (
        1,
        "t1",
        "decision",
        "s-1",
        {"outcome": "allow"},
    )
    assert [one.number for one in store.of_decision(1)] == [2]
    assert store.get(3) is None


def test_the_tail_is_oldest_first_and_can_go_on_from_a_number(store: JournalStore) -> None:
    for number in range(5):
        store.append_now(Line(f"t{number}", "session", None, None, {}))
    assert [one.number for one in store.tail(2)] == [4, 5]
    assert [one.number for one in store.tail(10, after=3)] == [4, 5]


@pytest.mark.parametrize("change", ["UPDATE entries SET body = '{}'", "DELETE FROM entries"])
def test_entries_can_be_neither_changed_nor_removed(store: JournalStore, change: str) -> None:
    store.append_now(Line("t", "session", None, None, {}))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.database.connection.execute(change)
    assert len(store.tail(10)) == 1


def test_lines_that_come_together_are_committed_together(store: JournalStore) -> None:
    assert store.append_now(Line("t", "outcome", None, 1, {}), Line("t", "decision", None, None, {})) == 2
    with pytest.raises(TypeError):
        store.append_now(Line("t", "outcome", None, 1, {}), Line("t", "decision", None, None, {"odd": object()}))
    assert [one.number for one in store.tail(10)] == [1, 2]


def test_a_path_that_is_no_unicode_is_written_and_read_back(store: JournalStore) -> None:
    number = store.append_now(Line("t", "outcome", None, 1, {"detail": "a\ud800"}))
    entry = store.get(number)
    assert entry is not None
    assert entry.body == {"detail": "a?"}
