"""docs/arguments.md: every block of it runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rule_of_two.obligations import SOURCES
from tests.guide import run
from tests.servers import real_server

GUIDE = Path(__file__).parent.parent / "docs" / "arguments.md"


@pytest.mark.timeout(180)
def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = real_server("git")
    monkeypatch.setenv("PATH", f"{Path(command).parent}{os.pathsep}{os.environ['PATH']}")
    assert run(GUIDE, tmp_path) == 8


def test_every_source_is_documented() -> None:
    assert [source for source in SOURCES if f"`principal.{source}`" not in GUIDE.read_text()] == []
