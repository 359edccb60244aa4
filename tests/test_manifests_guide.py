"""docs/manifests.md: every block of it runs, and every rule of lint is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.manifests.linting.lint import RULES
from tests.guide import run

GUIDE = Path(__file__).parent.parent / "docs" / "manifests.md"


@pytest.mark.timeout(120)
def test_every_block_runs(tmp_path: Path) -> None:
    assert run(GUIDE, tmp_path) == 7


def test_every_rule_is_documented_in_its_words() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert [rule for rule, finds in RULES.items() if f"| `{rule}` | {finds} |" not in text] == []
