"""docs/policy-sets.md: every shipped set, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from rule_of_two.gateway.config import load_config
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.references import shipped_policies, shipped_sets

DOCUMENT: Final = Path(__file__).parent.parent.parent / "docs" / "policy-sets.md"
TEXT: Final = DOCUMENT.read_text(encoding="utf-8")
LOOSER: Final = frozenset(("lethal-trifecta", "trusted-targets", "audiences"))
"""They ask less than `default`, and say so."""
ROWS: Final = {
    cells[0].split("`")[1]: cells
    for cells in (
        [cell.strip() for cell in line[1:-1].split("|")] for line in re.findall(r"^\| \[`.*\|$", TEXT, re.MULTILINE)
    )
}


def test_each_shipped_set_is_in_the_table_and_nothing_else() -> None:
    assert sorted(ROWS) == list(shipped_sets())


@pytest.mark.parametrize("name", shipped_sets())
def test_a_row_is_whole_and_links_to_the_sets_page(name: str) -> None:
    cells = ROWS[name]
    assert len(cells) == 6
    assert all(cells)
    assert f"(../policies/{name}/README.md)" in cells[0]
    named = re.findall(r"`([a-z-]+)`", cells[5])
    assert set(named) <= set(shipped_sets())


@pytest.mark.parametrize("name", sorted(set(shipped_sets()) - {"default", "four-eyes", "sampling", "roots"}))
def test_a_row_says_that_a_set_asks_only_if_it_does(name: str) -> None:
    texts = [
        policy.text
        for policy in load_policies([name], relative_to=Path()).by_id.values()
        if policy.file.parent.name == name
    ]
    asks = any("unless { context.approved };" in text for text in texts) or name in LOOSER
    assert (ROWS[name][2] != "nothing") == asks


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)", TEXT))
def test_links_lead_somewhere(path: str) -> None:
    assert (DOCUMENT.parent / path).exists()


def test_the_configuration_that_is_shown_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "rule-of-two.yaml").write_text(block, encoding="utf-8")
    config = load_config(tmp_path / "rule-of-two.yaml")
    assert load_policies(config.policies, relative_to=tmp_path).sets == tuple(config.policies)


@pytest.mark.parametrize("name", shipped_sets())
def test_a_readmes_links_lead_somewhere(name: str) -> None:
    folder = shipped_policies() / name
    links = re.findall(r"\]\(([^)#]+)", (folder / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links if not (folder / link).exists()] == []
