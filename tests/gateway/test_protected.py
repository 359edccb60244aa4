"""Our own files are out of reach, however they are spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.model import Action, Facts, StoredResource, Target, labels_in


def _facts(value: str | None, shown: str, labels: str = "AB") -> Facts:
    return Facts(Action.CALL_TOOL, "files", "tool", labels_in(labels), targets=(Target("path", value, shown),))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_text("")
    return tmp_path / "state"


def test_a_path_inside_the_state_is_denied_and_a_neighbour_is_not(own: Path) -> None:
    protected = ProtectedPaths([own])
    inside, beside = str(own / "state.db"), str(own.parent / "state2" / "x")
    assert protected.verdict(_facts(inside, inside), cwd=own.parent) is not None
    assert protected.verdict(_facts(str(own), str(own)), cwd=own.parent) is not None
    assert protected.verdict(_facts(beside, beside), cwd=own.parent) is None


@pytest.mark.parametrize("spelled", ["state/state.db", "./x/../state/state.db", "link/state.db"])
def test_a_relative_dotted_or_linked_spelling_is_denied(own: Path, spelled: str) -> None:
    (own.parent / "x").mkdir()
    (own.parent / "link").symlink_to(own)
    assert ProtectedPaths([own]).verdict(_facts(None, spelled), cwd=own.parent) is not None


def test_a_spelling_with_tilde_is_denied(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(own.parent))
    assert ProtectedPaths([own]).verdict(_facts(None, "~/state/state.db"), cwd=Path("/")) is not None
    assert ProtectedPaths([own]).verdict(_facts(None, "~nobody-here/x"), cwd=Path("/")) is None


def test_moving_or_changing_a_folder_that_contains_ours_is_denied_but_listing_it_is_not(own: Path) -> None:
    parent = str(own.parent)
    protected = ProtectedPaths([own])
    assert protected.verdict(_facts(parent, parent, "C"), cwd=Path("/")) is not None
    assert protected.verdict(_facts(parent, parent), cwd=Path("/")) is None


def test_written_resources_count_like_targets(own: Path) -> None:
    facts = Facts(Action.CALL_TOOL, "f", "t", labels_in("C"), writes=(StoredResource("f", "path", str(own)),))
    assert ProtectedPaths([own]).verdict(facts, cwd=Path("/")) is not None


def test_a_path_that_no_file_can_have_is_left_to_the_others(own: Path) -> None:
    assert ProtectedPaths([own]).verdict(_facts(None, "a\0b"), cwd=own.parent) is None
    assert ProtectedPaths([own]).verdict(_facts(None, "x" * 10_000), cwd=own.parent) is None
