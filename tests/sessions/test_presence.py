"""Lock files say who is alive; marks say who was."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import StoreError
from rule_of_two.sessions.presence import Presence


def test_a_held_file_is_alive_for_others_and_dead_when_let_go(tmp_path: Path) -> None:
    holder, other = Presence(tmp_path), Presence(tmp_path)
    holder.hold("key", "one")
    assert holder.alive("key", "one")
    assert other.alive("key", "one")
    with holder:
        pass
    assert not other.alive("key", "one")
    assert not other.alive("key", "never")


def test_a_clean_end_removes_file_and_mark(tmp_path: Path) -> None:
    presence = Presence(tmp_path)
    presence.hold("key", "one")
    presence.mark("key", "one")
    assert presence.marked("key") == {"one"}
    presence.release("key", "one")
    assert presence.marked("key") == set()
    assert list((tmp_path / "connections").iterdir()) == []


def test_a_mark_outlives_its_process(tmp_path: Path) -> None:
    with Presence(tmp_path) as presence:
        presence.hold("key", "one")
        presence.mark("key", "one")
    assert Presence(tmp_path).marked("key") == {"one"}
    assert Presence(tmp_path).marked("other") == set()


def test_a_file_that_somebody_else_holds_cannot_be_taken(tmp_path: Path) -> None:
    with Presence(tmp_path) as holder:
        holder.hold("key", "one")
        with pytest.raises(StoreError, match="cannot be held"):
            Presence(tmp_path).hold("key", "one")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "connections").write_text("in the way")
    with pytest.raises(StoreError):
        Presence(tmp_path).hold("key", "one")
    with pytest.raises(StoreError, match="cannot be written"):
        Presence(tmp_path).mark("key", "one")
