"""A patient for each test, with keys that are quick to use."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.doctor.samples import Patient, a_patient

collect_ignore_glob = ["*"] if sys.platform == "win32" else []


@pytest.fixture
def patient(quick_keys: None) -> Iterator[Patient]:
    with a_patient() as made:
        yield made
