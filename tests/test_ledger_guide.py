"""docs/ledger.md: what it shows runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guide import run

GUIDE = Path(__file__).parent.parent / "docs" / "ledger.md"


@pytest.mark.timeout(180)
def test_the_guide_to_the_ledger_runs(tmp_path: Path) -> None:
    assert run(GUIDE, tmp_path) == 10
