"""A patient for each test, with keys that are quick to use."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from rule_of_two.approvals import keys
from tests.doctor.samples import Patient, a_patient

collect_ignore_glob = ["*"] if sys.platform == "win32" else []


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KDF_ROUNDS", 1)


@pytest.fixture
def patient() -> Iterator[Patient]:
    with a_patient() as made:
        yield made
