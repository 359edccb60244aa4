"""One SQLite file: strict to open, atomic to write, refused when it cannot be trusted."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path

import anyio
import pytest
from sqlite_utils import Database as Tables

from rule_of_two.errors import StoreError
from rule_of_two.store.database import BusyError, Database


def _create(tables: Tables) -> None:
    tables.table("things").create({"id": int, "name": str}, pk="id")


def _extend(tables: Tables) -> None:
    tables.table("things").add_column("colour", str)


def _open(path: Path) -> Database:
    return Database(path, (_create,), title="state")


def _names(database: Database) -> list[str]:
    return [row[0] for row in database.read(lambda db: db.execute("SELECT name FROM things ORDER BY id").fetchall())]


def test_a_new_file_is_private_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    database = _open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert _names(database) == []
    database.close()


def test_an_older_file_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old = _open(path)
    old.write_now(lambda db: db.execute("INSERT INTO things (name) VALUES ('kept')"))
    old.close()
    new = Database(path, (_create, _extend), title="state")
    assert new.read(lambda db: db.execute("SELECT name, colour FROM things").fetchall()) == [("kept", None)]
    new.close()


def test_a_newer_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database(path, (_create, _extend), title="state").close()
    with pytest.raises(StoreError, match=r"newer version.*update mcp-rule-of-two"):
        _open(path)


@pytest.mark.parametrize(
    "content", [b"this is no database at all, it is text" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_corrupt_file_is_refused_with_the_next_step(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="move it aside"):
        _open(path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        _open(tmp_path / "file" / "state.db")


async def test_an_exception_rolls_everything_back(tmp_path: Path) -> None:
    database = _open(tmp_path / "state.db")

    def work(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO things (name) VALUES ('lost')")
        raise StoreError("changed my mind")

    with pytest.raises(StoreError, match="changed my mind"):
        await database.write(work)
    assert _names(database) == []
    database.close()


async def test_a_file_that_another_process_holds_is_tried_again_until_it_is_free(tmp_path: Path) -> None:
    database, other = _open(tmp_path / "state.db"), _open(tmp_path / "state.db")
    other.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError):
        database.write_now(lambda db: db.execute("INSERT INTO things (name) VALUES ('x')"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, lambda db: db.execute("INSERT INTO things (name) VALUES ('patient')"))
        await anyio.wait_all_tasks_blocked()
        other.connection.execute("COMMIT")
    assert _names(database) == ["patient"]
    database.close()
    other.close()


async def test_a_file_that_stays_locked_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.store.database.BUSY_SECONDS", 0.05)
    database, other = _open(tmp_path / "state.db"), _open(tmp_path / "state.db")
    other.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        await database.write(lambda db: db.execute("INSERT INTO things (name) VALUES ('x')"))
    other.connection.execute("ROLLBACK")
    database.close()
    other.close()


async def test_a_full_disk_is_a_store_error_and_changes_nothing(tmp_path: Path) -> None:
    database = _open(tmp_path / "state.db")
    database.connection.execute("PRAGMA max_page_count=10")
    with pytest.raises(StoreError, match="full"):
        await database.write(lambda db: db.execute("INSERT INTO things (name) VALUES (?)", ("x" * 1_000_000,)))
    assert _names(database) == []
    database.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_deleted_or_replaced_under_us_is_never_used_again(tmp_path: Path, replaced: bool) -> None:
    """Another process would open the new file and see a session without labels."""
    path = tmp_path / "state.db"
    database = _open(path)
    path.unlink()
    if replaced:
        _open(path).close()
    with pytest.raises(StoreError, match=r"replaced while in use|is gone"):
        await database.write(lambda db: db.execute("INSERT INTO things (name) VALUES ('x')"))
    with pytest.raises(StoreError):
        _names(database)
    database.close()


def _write_and_die(path: Path) -> None:
    database = Database(path, (_create,), title="state")
    database.write_now(lambda db: db.execute("INSERT INTO things (name) VALUES ('committed')"))
    os.kill(os.getpid(), 9)


def test_what_was_committed_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -9
    database = _open(path)
    assert _names(database) == ["committed"]
    database.close()
