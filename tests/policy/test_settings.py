"""``set.yaml``: what a set wants of the facts it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.policy.load import Policies, load_policies


def load(folder: Path, settings: str | None) -> Policies:
    (folder / "own").mkdir()
    (folder / "own" / "policies.cedar").write_text('@id("own.permit") permit (principal, action, resource);')
    if settings is not None:
        (folder / "own" / "set.yaml").write_text(settings)
    return load_policies(["./own"], relative_to=folder)


@pytest.mark.parametrize("settings", [None, "version: 1\n", "c: any\n"])
def test_c_counts_wherever_something_changes_unless_a_set_says_otherwise(tmp_path: Path, settings: str | None) -> None:
    assert load(tmp_path, settings).only_communication is None


def test_a_set_by_which_c_counts_only_where_it_communicates_is_named_and_of_the_version(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    lowered = load(tmp_path, "c: communication\n")
    assert lowered.only_communication == "./own"
    assert lowered.version != load(tmp_path / "other", None).version


@pytest.mark.parametrize("settings", ["c: none\n", "d: any\n", "c: [\n"])
def test_settings_that_are_wrong_are_refused_with_their_line(tmp_path: Path, settings: str) -> None:
    with pytest.raises(ConfigurationError, match=r"set\.yaml:\d"):
        load(tmp_path, settings)


def test_settings_that_cannot_be_read_are_refused_with_their_file(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "policies.cedar").write_text('@id("own.permit") permit (principal, action, resource);')
    (tmp_path / "own" / "set.yaml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"set\.yaml: is not UTF-8"):
        load_policies(["./own"], relative_to=tmp_path)
    (tmp_path / "own" / "set.yaml").unlink()
    (tmp_path / "own" / "set.yaml").mkdir()
    with pytest.raises(ConfigurationError, match=r"set\.yaml: cannot be read"):
        load_policies(["./own"], relative_to=tmp_path)
