"""The journal's file: numbers that grow, entries that stay."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from rule_of_two.errors import StoreError
from rule_of_two.store import journal_schema
from rule_of_two.store.chain import genesis, link
from rule_of_two.store.database import BusyError, Database
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


def test_decisions_come_in_order_of_one_session_or_of_all_since_a_time(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rule_of_two.store.journal._BATCH", 2)
    for number in range(5):
        store.append_now(
            Line(f"t{number}", "decision", f"s-{number % 2}", None, {}), Line("t9", "outcome", None, 1, {})
        )
    assert [one.number for one in store.decisions()] == [1, 3, 5, 7, 9]
    assert [one.number for one in store.decisions(since="t2")] == [5, 7, 9]
    assert [one.number for one in store.decisions(session="s-0")] == [1, 5, 9]
    assert [one.number for one in store.decisions(since="t1", session="s-1")] == [3, 7]
    assert list(store.decisions(session="s-9")) == []


def test_decisions_are_read_as_they_are_asked_for(store: JournalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.store.journal._BATCH", 1)
    store.append_now(Line("t", "decision", "s", None, {}))
    decisions = store.decisions()
    assert next(decisions).number == 1
    store.append_now(Line("t", "decision", "s", None, {}))
    assert [one.number for one in decisions] == [2]


def test_an_entry_that_is_no_json_cannot_be_read(store: JournalStore) -> None:
    store.database.connection.execute("INSERT INTO entries (at, kind, body) VALUES ('t', 'decision', '{')")
    with pytest.raises(StoreError, match="entry 1 of the journal cannot be read"):
        store.tail(1)


def _old(folder: Path, count: int) -> None:
    """A journal of the version before there was a chain."""
    old = Database(folder / "journal.db", (journal_schema.first,), title="journal")
    for number in range(count):
        values = (f"t{number}", "decision", "s", None, '{"outcome": "allow"}')
        old.execute_now("INSERT INTO entries (at, kind, session, decision, body) VALUES (?, ?, ?, ?, ?)", values)
    old.close()


def test_a_journal_of_the_first_schema_is_chained_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.store.journal_schema._BATCH", 2)
    _old(tmp_path, 5)
    store = JournalStore(tmp_path)
    assert [one.number for one in store.tail(10)] == [1, 2, 3, 4, 5, 6]
    entry = store.get(6)
    assert entry is not None
    assert (entry.kind, entry.body) == (
        "journal",
        {"event": "chained", "journal": store.id, "from": 1, "to": 5, "entries": 5},
    )
    assert store.append_now(Line("t", "decision", None, None, {})) == 7
    previous = genesis(store.id)
    for row in store.rows():
        assert row.content is not None
        previous = link(previous, row.entry.number, row.content)
        assert row.hash == previous
    store.close()


def test_a_long_journal_says_that_it_is_being_chained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rule_of_two.store.journal_schema._LONG", 3)
    _old(tmp_path, 3)
    JournalStore(tmp_path).close()
    assert capsys.readouterr().err == "rule-of-two: the journal is being chained, once: 3 of 3 entries\n"


def test_an_old_entry_that_no_gateway_wrote_stops_no_migration(tmp_path: Path) -> None:
    _old(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("INSERT INTO entries (at, kind, session, body) VALUES ('t', 'x', x'ff', x'ff')")
    store = JournalStore(tmp_path)
    assert [row.hash is None for row in store.rows()] == [False, False, True, False]
    store.close()


def test_a_journal_whose_numbers_are_used_up_is_a_store_error(store: JournalStore) -> None:
    store.database.connection.execute(
        "INSERT INTO entries VALUES (9223372036854775807, 't', 'x', NULL, NULL, '{}', NULL)"
    )
    with pytest.raises(StoreError, match="highest number"):
        store.append_now(Line("t", "session", None, None, {}))


def test_a_journal_that_lost_its_name_is_written_to_and_found(store: JournalStore) -> None:
    store.database.connection.execute("DROP TRIGGER journal_no_delete")
    store.database.connection.execute("DELETE FROM journal")
    assert store.append_now(Line("t", "session", None, None, {})) == 1
    assert store.id == ""


def test_a_new_journal_begins_with_no_entry(tmp_path: Path) -> None:
    store = JournalStore(tmp_path)
    assert (list(store.rows()), store.head().number) == ([], 0)
    store.close()


def _append_some(folder: Path, name: str) -> None:
    store = JournalStore(folder)
    line = Line("t", "upstream", name, None, {})
    for number in range(300):
        while True:
            try:
                if number % 2:
                    store.append_now(line, line)
                else:
                    anyio.run(store.append, line)
                break
            except BusyError:
                continue
    store.close()


def test_processes_that_write_at_the_same_time_make_one_chain(tmp_path: Path) -> None:
    JournalStore(tmp_path).close()
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_append_some, args=(tmp_path, name)) for name in ("s-1", "s-2")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    store = JournalStore(tmp_path)
    previous, count = genesis(store.id), 0
    for row in store.rows():
        count += 1
        assert row.content is not None
        previous = link(previous, count, row.content)
        assert (row.entry.number, row.hash) == (count, previous)
    assert count == 900
    assert len(list(store.of_session("s-1"))) == 450
    store.close()


def test_an_entry_of_another_process_between_two_looks_is_chained_to(tmp_path: Path) -> None:
    ours, other = JournalStore(tmp_path), JournalStore(tmp_path)
    line = Line("t", "upstream", None, None, {})
    left = 5

    def between(statement: str) -> None:
        nonlocal left
        if statement.startswith("SELECT") and left:
            left -= 1
            other.append_now(line)

    ours.database.connection.set_trace_callback(between)
    for _ in range(3):
        ours.append_now(line)
    ours.database.connection.set_trace_callback(None)
    assert left < 5
    previous = genesis(ours.id)
    for count, row in enumerate(ours.rows(), start=1):
        assert row.content is not None
        previous = link(previous, count, row.content)
        assert row.hash == previous, count
    ours.close()
    other.close()


def test_entries_of_a_session_are_read_as_they_are_asked_for(
    store: JournalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rule_of_two.store.journal._BATCH", 2)
    for number in range(6):
        store.append_now(Line("t", "upstream", f"s-{number % 2}", None, {}))
    assert [one.number for one in store.of_session("s-0")] == [1, 3, 5]
    assert [one.number for one in store.of_session("s-0", after=1)] == [3, 5]
    assert list(store.of_session("s-9")) == []
