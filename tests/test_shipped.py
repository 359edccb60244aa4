"""Manifests and policies come along, in a source tree and in a wheel built from it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rule_of_two import shipped as module
from rule_of_two.shipped import shipped

ROOT = Path(__file__).parent.parent


def test_a_wheel_holds_what_the_source_tree_ships(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("tool_manifests", "policies"):
        expected = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {f"rule_of_two/data/{path.as_posix()}" for path in expected} <= names
    assert "rule_of_two/py.typed" in names
    assert not [name for name in names if "/tests/" in name or name.startswith("tests/")]


def test_an_installed_package_finds_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "policies").mkdir(parents=True)
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    assert shipped("policies") == tmp_path / "data" / "policies"


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "deep" / "package")
    with pytest.raises(FileNotFoundError, match="reinstall"):
        shipped("policies")
