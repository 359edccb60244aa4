"""``scripts/survey`` keeps what a person noted beside a list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import surveys

LAUNCH = {"source": "npm", "package": "p", "version": "1"}


@pytest.mark.parametrize("check", [True, False])
def test_a_note_is_kept_and_is_no_difference(check: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {"server": "s", "obtained": "started", "launch": LAUNCH, "tools": [{"name": "t"}]}
    kept = {**found, "note": "it needs a database"}
    (tmp_path / "s.json").write_text(surveys.text_of(kept), "utf-8")
    monkeypatch.setattr(surveys, "SURVEYS", tmp_path)
    monkeypatch.setattr(surveys, "taken", lambda name, launch: dict(found))
    assert surveys.main(["s", *(["--check"] if check else [])]) == 0
    assert json.loads((tmp_path / "s.json").read_text("utf-8")) == kept
