"""A house for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from rule_of_two.approvals import keys
from tests.harness import House

settings.register_profile("unhurried", settings(), deadline=None)  # a busy machine is no reason to fail
settings.load_profile("unhurried")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are quick to use: their passphrase is stretched once."""
    monkeypatch.setattr(keys, "KDF_ROUNDS", 1)


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder with a path short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="r2-", dir="/tmp"))  # made by mkdtemp: private and unguessable
    yield folder
    shutil.rmtree(folder)
