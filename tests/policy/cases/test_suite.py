"""Which cases run under which policies, and which policies they shall cover."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.errors import ConfigurationError, PolicyError
from rule_of_two.policy.cases.suite import Suite, suite_at, suites_of_sets

OWN = '@id("own.stop") @message("No.") forbid (principal, action, resource == Gateway::Tool::"a__stop");'
CASE = "cases:\n  - {name: x, call: {tool: a__b}, expect: allow}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of somebody's own with its cases."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "own.cedar").write_text(OWN)
    (own / "cases.yaml").write_text(f"version: 1\n{CASE}")
    return own


def names(suite: Suite) -> tuple[set[str], set[str]]:
    """The areas of what is loaded, and of what shall be covered."""
    loaded = {name.partition(".")[0] for name in suite.policies.by_id}
    return loaded, {policy.id.partition(".")[0] for policy in suite.uncovered(())}


def test_a_sets_cases_run_with_the_default_set_besides(folder: Path) -> None:
    (suite,) = suites_of_sets(["default", "./own"], relative_to=folder.parent)[-1:]
    assert names(suite) == ({"r2", "default", "own"}, {"own"})
    assert names(suite_at("own", relative_to=folder.parent)) == names(suite)
    assert names(suite_at("own/cases.yaml", relative_to=folder.parent)) == names(suite)


def test_files_of_one_folder_share_their_cases(folder: Path) -> None:
    (folder / "more.cedar").write_text(OWN.replace("own.stop", "more.stop"))
    (suite,) = suites_of_sets(["./own/own.cedar", "./own/more.cedar"], relative_to=folder.parent)
    assert names(suite) == ({"r2", "default", "own", "more"}, {"own", "more"})


def test_a_file_can_name_the_policies_itself(folder: Path) -> None:
    (folder / "cases.yaml").write_text(f"version: 1\npolicies: [sampling, ./own.cedar]\n{CASE}")
    suite = suite_at("own", relative_to=folder.parent)
    assert names(suite) == ({"r2", "sampling", "own"}, {"own"})


def test_a_file_that_stands_alone_is_about_all_that_it_names(folder: Path) -> None:
    (folder.parent / "mine.yaml").write_text(f"version: 1\npolicies: [default, ./own]\n{CASE}")
    assert names(suite_at("mine.yaml", relative_to=folder.parent)) == ({"r2", "default", "own"}, {"default", "own"})


def test_a_file_that_stands_alone_and_names_nothing_is_refused(folder: Path) -> None:
    (folder.parent / "mine.yaml").write_text(f"version: 1\n{CASE}")
    with pytest.raises(ConfigurationError, match=r"mine.yaml: says nothing of policies"):
        suite_at("mine.yaml", relative_to=folder.parent)


def test_what_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(PolicyError, match="unknown policy set 'defualt'; did you mean 'default'"):
        suite_at("defualt", relative_to=folder)
    with pytest.raises(ConfigurationError, match=r"none.yaml: there is no such file of cases"):
        suite_at("none.yaml", relative_to=folder)


def test_a_folder_cannot_stand_in_for_the_default_set(folder: Path) -> None:
    """Cases beside a folder named like a shipped set run under the shipped one all the same."""
    copy = folder.parent / "default"
    folder.rename(copy)
    assert names(suite_at("default", relative_to=folder.parent)) == ({"r2", "default", "own"}, {"own"})
