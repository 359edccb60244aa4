"""Every parser of the wire on any bytes: each property of scripts/fuzzing, which `scripts/fuzz` runs for longer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.fuzzing.effort import examples, seconds
from scripts.fuzzing.targets import TARGETS

WIRE = sorted(name for name, target in TARGETS.items() if target.module.startswith("wire."))


@pytest.mark.timeout(seconds(60))
@pytest.mark.parametrize("name", WIRE)
@given(data=st.binary(max_size=400))
@settings(max_examples=examples(60), deadline=None)
def test_any_bytes_are_read_as_the_property_says(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", WIRE)
def test_the_seeds_of_the_fuzzer_hold(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)
