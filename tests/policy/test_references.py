"""Names and paths in `policies:`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import PolicyError
from rule_of_two.policy import references
from rule_of_two.policy.references import find_files, shipped_policies, shipped_sets, told_path


def missing(_: str) -> Path:
    raise FileNotFoundError("policies/ is missing: reinstall mcp-rule-of-two")


def test_a_word_names_a_shipped_set(tmp_path: Path) -> None:
    assert find_files("default", relative_to=tmp_path) == [shipped_policies() / "default" / "policies.cedar"]


@pytest.mark.parametrize("reference", ["own.cedar", "./own.cedar", "sub/../own.cedar"])
def test_a_path_is_relative_to_the_configuration(tmp_path: Path, reference: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "own.cedar").touch()
    (file,) = find_files(reference, relative_to=tmp_path)
    assert file.resolve() == (tmp_path / "own.cedar").resolve()


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").touch()
    assert find_files(str(tmp_path / "own.cedar"), relative_to=Path("/nowhere")) == [tmp_path / "own.cedar"]


@pytest.mark.parametrize("reference", ["./", ".", "../config"])
def test_a_folder_stands_for_its_policy_files_in_order(tmp_path: Path, reference: str) -> None:
    folder = tmp_path / "config"
    for name in ("b.cedar", "a.cedar", "README.md", "sub/c.cedar"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert [file.name for file in find_files(reference, relative_to=folder)] == ["a.cedar", "b.cedar"]


def test_a_folder_cannot_stand_in_for_a_shipped_set(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "evil.cedar").touch()
    assert all(tmp_path not in file.parents for file in find_files("default", relative_to=tmp_path))


def test_the_working_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hostile" / "default").mkdir(parents=True)
    (tmp_path / "hostile" / "own.cedar").touch()
    (tmp_path / "hostile" / "default" / "own.cedar").touch()
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path / "hostile")
    assert "hostile" not in str(find_files("default", relative_to=tmp_path / "config"))
    with pytest.raises(PolicyError, match="there is no such policy file or folder"):
        find_files("./own.cedar", relative_to=tmp_path / "config")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (
            "defualt",
            r"unknown policy set 'defualt'; did you mean 'default'\?; shipped sets: " + ", ".join(shipped_sets()),
        ),
        ("mine", "unknown policy set 'mine'; shipped sets: .*as a path, such as './mine'"),
        ("", "unknown policy set ''; shipped sets: .*as a path, such as './policies'"),
        ("./none.cedar", "/none.cedar: there is no such policy file or folder; check `policies:`"),
        (".\\none", "there is no such policy file or folder"),
        ("./a\0b", "there is no such policy file or folder"),
        ("./" + "x" * 5000, r"cannot be read \(.*\); check `policies:`"),
        ("./empty", "/empty: holds no policies; a policy file's name ends in .cedar"),
    ],
    ids=["near", "unknown", "blank", "no file", "backslash", "nul", "too long", "empty folder"],
)
def test_what_is_not_there_is_refused_with_a_next_step(tmp_path: Path, reference: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match=said):
        find_files(reference, relative_to=tmp_path)


def test_a_broken_installation_is_a_policy_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "shipped", missing)
    with pytest.raises(PolicyError, match="reinstall mcp-rule-of-two"):
        shipped_policies()


def test_files_are_told_from_where_one_stands_and_shipped_ones_by_their_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told_path(tmp_path / "mail" / "policies.cedar") == str(Path("mail", "policies.cedar"))
    assert told_path(shipped_policies() / "default" / "policies.cedar") == "policies/default/policies.cedar"
    elsewhere = tmp_path.parent / "elsewhere.cedar"
    assert told_path(elsewhere) == str(elsewhere)
