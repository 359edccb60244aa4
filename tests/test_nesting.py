"""How deep a value is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.nesting import deeper_than

VALUES = st.recursive(
    st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


@given(VALUES, st.integers(min_value=0, max_value=6))
def test_it_counts_containers_within_each_other(value: Any, depth: int) -> None:
    assert deeper_than(value, depth) is (_depth(value) > depth)


def test_no_depth_is_too_deep_to_be_told() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert deeper_than(value, 1_000)
