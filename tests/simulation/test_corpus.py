"""The shipped attacks: what they are, and what each shipped set makes of them, as docs/simulate.md says."""

from __future__ import annotations

import re
from calendar import month_name
from pathlib import Path

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.model import Principal
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.references import INVARIANT, shipped_policies
from rule_of_two.simulation.corpus import KINDS, Attacked, Result, attack_all, load_attacks

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "simulate.md"
ROWS = dict(re.findall(r"^\| (`default`[^|]*) (\|.*)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
SETS = sorted(one.name for one in shipped_policies().iterdir() if one.is_dir() and one.name != INVARIANT)


def under(folder: Path, *sets: str) -> list[Attacked]:
    return attack_all(load_attacks(), load_policies(sets, relative_to=folder), Principal())


def row(found: list[Attacked]) -> str:
    """The cells of a row: how many are stopped and asked about, and which pass."""
    counts = [sum(one.result is result for one in found) for result in (Result.STOPPED, Result.ASKED)]
    passing = sorted(f"`{one.attack.id}`" for one in found if one.result is Result.PASSES)
    return f"| {counts[0]} | {counts[1]} | {', '.join(passing) or 'none'} |"


def test_there_are_many_of_every_kind() -> None:
    attacks = load_attacks()
    assert len(attacks) >= 30
    assert {attack.kind for attack in attacks} == set(KINDS)
    assert len([attack for attack in attacks if attack.source]) >= 20


def test_a_source_names_who_and_when_or_a_number() -> None:
    months = "|".join(month_name[1:])
    published = rf"[^,]+, .+, (({months}) )?20\d\d( \(arXiv:\d{{4}}\.\d{{5}}\))?"
    for attack in load_attacks():
        if attack.source is not None:
            assert re.fullmatch(rf"{published}|CVE-20\d\d-\d{{4,5}} \(.+\)", attack.source), attack.id


def test_the_month_of_a_paper_is_that_of_its_number() -> None:
    for attack in load_attacks():
        found = re.search(r"(\w+) 20(\d\d) \(arXiv:(\d\d)(\d\d)\.", attack.source or "")
        if found:
            assert found.group(2, 1) == (found.group(3), month_name[int(found.group(4))]), attack.id


@pytest.mark.parametrize("name", SETS)
def test_the_table_says_what_becomes_of_them_under_each_shipped_set(name: str, tmp_path: Path) -> None:
    sets = ["default"] if name == "default" else ["default", name]
    key = ", ".join(f"`{one}`" for one in sets)
    expected = row(under(tmp_path, *sets))
    assert ROWS.get(key) == expected, f"write into docs/simulate.md: | {key} {expected}"


def test_the_table_has_no_row_of_what_is_not_shipped() -> None:
    assert {name for key in ROWS for name in re.findall(r"`([^`]+)`", key)} == set(SETS)


def test_what_combines_all_three_never_passes_and_what_does_not_is_said_to_need_two(tmp_path: Path) -> None:
    for one in under(tmp_path, "default"):
        labels = {*one.attack.held, *(label for step in one.attack.steps for label in step.labels)}
        passes = one.result is Result.PASSES
        assert not (passes and labels == set("ABC")), one.attack.id
        assert passes == (one.attack.kind == "two-labels"), one.attack.id


def test_an_approval_is_assumed_so_that_a_denial_behind_it_shows(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(
        '@id("own.p") @message("No.") forbid (principal, action, resource == Gateway::Tool::"slack__post_message");'
        '@id("own.q") @message("Yes?") forbid (principal, action, resource == Gateway::Tool::"slack__search_messages")'
        "unless { context.approved };"
    )
    by_id = {one.attack.id: one for one in under(tmp_path, "default", "./own.cedar")}
    found = by_id["private-channel-link"]
    assert (found.result, found.step, found.verdict.policies[0]) == (Result.STOPPED, 2, "own.p")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nattacks: []\n", "attacks"),
        ("version: 1\nattacks:\n  - {id: x, title: y, kind: nope, steps: [{tool: a__b}]}\n", "a.yaml:3: "),
        ("version: 1\nattacks:\n  - {id: x, title: y, kind: files, step: [{tool: a__b}]}\n", "did you mean 'steps'"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        load_attacks(tmp_path)


def test_an_attack_stands_once(tmp_path: Path) -> None:
    one = "  - {id: x, title: y, kind: files, steps: [{tool: a__b}]}\n"
    (tmp_path / "a.yaml").write_text(f"version: 1\nattacks:\n{one}{one}")
    with pytest.raises(ConfigurationError, match=r"a.yaml:4: the attack 'x' stands twice"):
        load_attacks(tmp_path)
