"""The shipped files: formatted, documented, and as their READMEs say."""

from __future__ import annotations

import re
from pathlib import Path

import cedarpy
import pytest

from rule_of_two.errors import Code
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.references import shipped_policies, shipped_sets
from rule_of_two.policy.syntax import Policy

from .conftest import LoadText

SETS = sorted(folder for folder in shipped_policies().iterdir() if folder.is_dir())
SCHEMA = (shipped_policies() / "rule-of-two.cedarschema").read_text(encoding="utf-8")


def name_of(folder: Path) -> str:
    return folder.name


def table_of(folder: Path) -> list[tuple[str, str]]:
    """The ids and outcomes of a README's table."""
    return re.findall(r"^\| `([a-z0-9.-]+)` \| ([^|]*) \|", (folder / "README.md").read_text("utf-8"), re.MULTILINE)


def outcome_of(policy: Policy) -> str:
    if re.search(r"^permit ", policy.text, re.MULTILINE):
        return "allow"
    asks = re.search(r"unless \{ context\.approved \};|context\.approvals < ", policy.text)
    return "ask" if asks else "deny"


@pytest.mark.parametrize("folder", SETS, ids=name_of)
def test_policies_are_formatted_as_cedars_own(folder: Path) -> None:
    for file in folder.glob("*.cedar"):
        text = file.read_text(encoding="utf-8")
        assert cedarpy.format_policies(text) == text


@pytest.mark.parametrize("folder", SETS, ids=name_of)
def test_a_readme_lists_each_policy_with_its_code(folder: Path, tmp_path: Path) -> None:
    policies = load_policies(shipped_sets(), relative_to=tmp_path).by_id.values()
    rows = table_of(folder)
    codes = {name: code for name, outcome in rows for code in [None, *Code] if code is None or f"`{code}`" in outcome}
    assert codes == {policy.id: policy.code for policy in policies if policy.file.parent == folder}


@pytest.mark.parametrize("folder", SETS, ids=name_of)
def test_a_readme_says_of_each_policy_what_comes_of_it(folder: Path, tmp_path: Path) -> None:
    policies = load_policies(shipped_sets(), relative_to=tmp_path).by_id
    assert [row for row in table_of(folder) if not row[1].startswith(outcome_of(policies[row[0]]))] == []


@pytest.mark.parametrize("folder", SETS, ids=name_of)
def test_the_area_of_a_sets_policies_is_its_name(folder: Path) -> None:
    area = "r2" if name_of(folder) == "invariant" else name_of(folder)
    assert {name.split(".")[0] for name, _ in table_of(folder)} == {area}


@pytest.mark.parametrize("name", sorted(set(shipped_sets()) - {"default"}))
def test_a_readme_begins_with_the_line_that_switches_a_set_on(name: str) -> None:
    title, text = (shipped_policies() / name / "README.md").read_text("utf-8").split("\n\n")[:2]
    assert title.startswith("# ")
    assert f"policies: [default, {name}]" in text


def test_the_example_in_the_default_readme_loads_beside_the_default_set(load_text: LoadText) -> None:
    readme = (shipped_policies() / "default" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```cedar\n(.*?)```", readme, re.DOTALL)
    assert "mail.block-outside" in load_text(example, "default").by_id


def test_the_schema_says_of_each_attribute_what_it_is_and_who_supplies_it() -> None:
    attributes = re.findall(r"^    (?!context: )(\w+\??): [^,\[]+,(.*)$", SCHEMA, re.MULTILINE)
    assert len(attributes) > 100
    for name, rest in attributes:
        assert re.fullmatch(r"\s+// \S.*\S {2,}\S.*", rest), name


def test_messages_are_sentences_without_jargon(tmp_path: Path) -> None:
    for policy in load_policies(shipped_sets(), relative_to=tmp_path).by_id.values():
        if policy.message is not None:
            assert re.fullmatch(r"[A-Z][^`_\[\]]+\.", policy.message), policy.id
