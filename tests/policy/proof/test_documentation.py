"""docs/proofs.md shows what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import guide

PROOFS = Path(__file__).parents[3] / "docs" / "proofs.md"


@pytest.mark.timeout(180)
def test_the_guide_to_proofs_runs_as_it_is_written(tmp_path: Path) -> None:
    assert guide.run(PROOFS, tmp_path) == 5
