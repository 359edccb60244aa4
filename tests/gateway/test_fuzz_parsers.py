"""Everything inside that reads what clients and upstreams chose, on any bytes: each property of scripts/fuzzing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.gateway.definitions import Kind
from scripts.fuzzing.effort import examples, seconds
from scripts.fuzzing.inside import seal, take
from scripts.fuzzing.targets import TARGETS

INSIDE = sorted(name for name, target in TARGETS.items() if not target.module.startswith("wire."))


@pytest.mark.timeout(seconds(60))
@pytest.mark.parametrize("name", INSIDE)
@given(data=st.binary(max_size=400))
@settings(max_examples=examples(60), deadline=None)
def test_any_bytes_are_read_as_the_property_says(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", INSIDE)
def test_the_seeds_of_the_fuzzer_hold(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("number", [2**53, 2**64, -(2**63) - 1, 10**300])
def test_a_definition_with_a_long_integer_is_left_out_and_costs_no_other(number: int) -> None:
    take(Kind.TOOL, [{"name": "a", "inputSchema": {"maximum": number}}])


@pytest.mark.parametrize("number", [2**53, 2**64, -(2**63) - 1, 10**300])
def test_a_state_with_a_long_integer_comes_back(number: int) -> None:
    seal({"state": {"n": number}}, number)
