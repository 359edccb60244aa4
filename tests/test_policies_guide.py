"""docs/policies.md: from "block this tool" to a set that is proved, block by block."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import guide

POLICIES = Path(__file__).parent.parent / "docs" / "policies.md"


@pytest.mark.timeout(180)
def test_the_guide_to_policies_runs_as_it_is_written(tmp_path: Path) -> None:
    assert guide.run(POLICIES, tmp_path) == 11
