"""The state's schema: what every later version must be able to read."""

from __future__ import annotations

from pathlib import Path

from rule_of_two.store.state import open_state


def test_the_first_schema_has_sessions_connections_reservations_and_pins(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    rows = state.read(lambda db: db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall())
    assert {"sessions", "connections", "reservations", "pins"} <= {name for (name,) in rows}
    assert state.read(lambda db: db.execute("PRAGMA user_version").fetchone()) == (1,)
    state.close()


def test_opening_twice_keeps_one_schema(tmp_path: Path) -> None:
    first, second = open_state(tmp_path), open_state(tmp_path)
    assert second.read(lambda db: db.execute("SELECT count(*) FROM sessions").fetchone()) == (0,)
    first.close()
    second.close()
