"""The journal's views, for people with SQL: plain columns, and nothing that an odd entry could break."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.store.journal import JournalStore, Line
from rule_of_two.store.journal_schema import VIEWS

DECISION: dict[str, Any] = {
    "outcome": "deny", "code": "denied_by_policy", "action": "call_tool", "upstream": "files", "name": "read",
    "labels": ["A"], "held": {"B": 1}, "principal": {"user": "alice", "tenant": "acme"}, "client": "c",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(JournalStore(tmp_path)) as store:
        store.append_now(Line("t1", "session", "s-1", None, {"event": "attached"}))
        store.append_now(Line("t2", "decision", "s-1", None, DECISION))
        store.append_now(Line("t3", "question", "s-1", 2, {"question": "q", "needs": 1, "name": "read"}))
        store.append_now(Line("t4", "answer", "s-1", 2, {"question": "q", "answer": "no", "approver": "bob"}))
        store.append_now(Line("t5", "command", "s-1", None, {"command": "drop", "by": "bob"}))
        store.append_now(Line("t6", "outcome", "s-1", 2, {"outcome": "result", "detail": "", "items": [{}, {}]}))
    return tmp_path


@pytest.fixture
def db(folder: Path) -> Iterator[sqlite3.Connection]:
    """Opened as somebody else does."""
    with closing(sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def test_what_happened_stands_in_plain_columns(db: sqlite3.Connection) -> None:
    (decision,) = db.execute("SELECT * FROM decisions WHERE outcome = 'deny' AND tenant = 'acme'").fetchall()
    assert dict(decision) | {
        "number": 2, "at": "t2", "session": "s-1", "code": "denied_by_policy", "upstream": "files", "tool": "read",
        "labels": '["A"]', "held": '{"B":1}', "user": "alice", "client": "c",
    } == dict(decision)  # fmt: skip
    (answer,) = db.execute("SELECT answer, approver, decision FROM answers").fetchall()
    assert tuple(answer) == ("no", "bob", 2)
    assert db.execute("SELECT items FROM outcomes").fetchone()["items"] == 2
    seen = dict(db.execute("SELECT * FROM sessions_seen").fetchone())
    assert (seen["session"], seen["entries"], seen["decisions"], seen["last_at"]) == ("s-1", 6, 1, "t6")
    assert [row["event"] for row in db.execute("SELECT event FROM events")] == ["attached"]


def test_an_entry_that_no_gateway_wrote_breaks_no_view(folder: Path, db: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(folder / "journal.db")) as own, own:
        for kind in ("decision", "question", "answer", "command", "outcome", "session"):
            for body in ("{", "[]", "5", '{"items": 5, "principal": 1}', b"\xff"):
                statement = "INSERT INTO entries (at, kind, session, body) VALUES ('t', ?, 's', ?)"
                own.execute(statement, (kind, body))
    for view in VIEWS:
        db.text_factory = bytes
        assert db.execute(f"SELECT * FROM {view}").fetchall()  # noqa: S608  # ours
