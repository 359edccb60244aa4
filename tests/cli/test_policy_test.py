"""`policy test`: what people and scripts are told, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness import House

OWN = """
@id("own.stop") @message("This never runs.")
forbid (principal, action, resource == Gateway::Tool::"rec__send");
@id("own.other") @message("Nor does this.")
forbid (principal, action, resource == Gateway::Tool::"rec__other");
"""
CASES = """\
version: 1
cases:
  - name: sending never runs
    call: {tool: rec__send, labels: [C]}
    expect: deny
    by: [own.stop]
  - name: reading runs
    call: {tool: rec__read, labels: [A]}
    expect: allow
"""


@pytest.fixture
def own(house: House) -> House:
    """A house whose configuration names a set with cases."""
    folder = house.folder / "own"
    folder.mkdir()
    (folder / "own.cedar").write_text(OWN)
    (folder / "cases.yaml").write_text(CASES)
    house.settings["policies"] = ["default", "./own"]
    return house


def cases(house: House, text: str) -> None:
    (house.folder / "own" / "cases.yaml").write_text(text)


def test_the_sets_of_the_configuration_are_tested(own: House) -> None:
    shown = own.run("policy", "test").splitlines()
    assert shown[0].endswith("own.cedar:4: no case made own.other decide")
    assert "all as expected" in shown[-1]


def test_a_failing_case_is_one_line_with_its_place(own: House) -> None:
    cases(own, CASES.replace("expect: allow", "expect: ask").replace("reading runs", '"evil\\n\\e[2Jname"'))
    shown = own.run("policy", "test", "./own", code=1)
    line = next(line for line in shown.splitlines() if "expected ask" in line)
    assert line.startswith(f"{own.folder}/own/cases.yaml:7: evil↵\\u{{1b}}[2Jname: expected ask, came allow; it was ")
    assert "by default.permit-use" in line
    assert "\x1b" not in shown


def test_messages_stand_in_the_line(own: House) -> None:
    cases(own, CASES.replace("expect: deny", "expect: allow"))
    assert "it was deny by own.stop. This never runs." in own.run("policy", "test", "./own", code=1)


def test_coverage_can_be_demanded(own: House) -> None:
    own.run("policy", "test", "./own")
    own.run("policy", "test", "./own", "--require-coverage", code=1)
    covered = CASES + "  - {name: nor that, call: {tool: rec__other}, expect: deny, by: [own.other]}\n"
    cases(own, covered)
    own.run("policy", "test", "./own", "--require-coverage")


def test_json_has_every_result(own: House) -> None:
    found = json.loads(own.run("--json", "policy", "test", "./own"))
    assert (found["cases"], found["failed"]) == (2, 0)
    assert found["results"][0]["came"]["by"] == ["own.stop"]
    assert [one["id"] for one in found["uncovered"]] == ["own.other"]
    assert found["uncovered"][0]["line"] == 4


@pytest.mark.parametrize("text", ["version: 1\ncases: [", CASES.replace("own.stop", "own.stpo"), "\x00"])
def test_what_is_wrong_with_a_file_is_exit_2_in_one_sentence(own: House, text: str) -> None:
    cases(own, text)
    assert len(own.run("policy", "test", "./own", code=2).splitlines()) == 1


def test_every_shipped_set_with_cases_passes_and_is_covered(house: House) -> None:
    root = Path(__file__).parent.parent.parent / "policies"
    sets = sorted(file.parent.name for file in root.glob("*/cases.yaml"))
    assert sets
    house.run("policy", "test", "--require-coverage", *sets)
