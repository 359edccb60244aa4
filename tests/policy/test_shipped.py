"""The shipped files: formatted, documented, and as their READMEs say."""

from __future__ import annotations

import re
from pathlib import Path

import cedarpy
import pytest

from rule_of_two.errors import Code
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.references import shipped_policies

from .conftest import LoadText

SETS = sorted(folder for folder in shipped_policies().iterdir() if folder.is_dir())
SCHEMA = (shipped_policies() / "rule-of-two.cedarschema").read_text(encoding="utf-8")


def name_of(folder: Path) -> str:
    return folder.name


@pytest.mark.parametrize("folder", SETS, ids=name_of)
def test_policies_are_formatted_as_cedars_own(folder: Path) -> None:
    for file in folder.glob("*.cedar"):
        text = file.read_text(encoding="utf-8")
        assert cedarpy.format_policies(text) == text


@pytest.mark.parametrize("folder", SETS, ids=name_of)
def test_a_readme_lists_each_policy_with_its_code(folder: Path, tmp_path: Path) -> None:
    others = [name_of(one) for one in SETS if name_of(one) != "invariant"]
    policies = load_policies(others, relative_to=tmp_path).by_id.values()
    rows = re.findall(r"^\| `([a-z0-9.-]+)` \| ([^|]*) \|", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    codes = {name: code for name, outcome in rows for code in [None, *Code] if code is None or f"`{code}`" in outcome}
    assert codes == {policy.id: policy.code for policy in policies if policy.file.parent == folder}


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
    for policy in load_policies(["default"], relative_to=tmp_path).by_id.values():
        if policy.message is not None:
            assert re.fullmatch(r"[A-Z][^`_\[\]]+\.", policy.message), policy.id
