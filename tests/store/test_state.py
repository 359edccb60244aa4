"""The state's schema: what every later version must be able to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.store import state as state_module
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state


def test_the_schema_has_sessions_what_they_hold_and_what_was_approved(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    rows = state.read(lambda db: db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall())
    assert {
        "sessions",
        "connections",
        "reservations",
        "pins",
        "receipts",
        "grants",
        "ledger",
        "endorsements",
        "checkpoints",
        "pin_answers",
        "unanswered",
        "vain_starts",
    } <= {name for (name,) in rows}
    assert state.read(lambda db: db.execute("PRAGMA user_version").fetchone()) == (8,)
    state.close()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 7])
def test_a_state_of_each_earlier_schema_keeps_its_sessions(tmp_path: Path, version: int) -> None:
    migrations = ("_first", "_second", "_ledger", "_compartments", "_pin_answers", "_checkpoints", "_unanswered")
    earlier = tuple(getattr(state_module, name) for name in migrations)
    old = Database(tmp_path / "state.db", earlier[:version], title="state")
    values = ("s-old", "{}", "human", "2026", 4)
    old.write_now(
        lambda db: db.execute(
            "INSERT INTO sessions (id, key, boundary, created_at, held_a) VALUES (?, ?, ?, ?, ?)", values
        )
    )
    old.close()
    new = open_state(tmp_path)
    row = new.read(lambda db: db.execute("SELECT id, held_a, dropped, refusals, began_by FROM sessions").fetchone())
    assert row == ("s-old", 4, 0, 0, None)
    assert new.read(lambda db: db.execute("SELECT count(*) FROM checkpoints").fetchone()) == (0,)
    new.close()


def test_opening_twice_keeps_one_schema(tmp_path: Path) -> None:
    first, second = open_state(tmp_path), open_state(tmp_path)
    assert second.read(lambda db: db.execute("SELECT count(*) FROM sessions").fetchone()) == (0,)
    first.close()
    second.close()
