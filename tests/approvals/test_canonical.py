"""Canonical JSON: one text for one value, and an error for everything that has none."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.canonical import MAX_BYTES, MAX_DEPTH, MAX_VALUES, canonical, canonical_object, parse
from rule_of_two.errors import BadRequest, LimitExceeded

SAFE = 2**53 - 1
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)
"""Every JSON value that can be bound."""

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_the_canonical_text_is_the_same_value(value: Any) -> None:
    assert parse(canonical(value)) == value


@given(json_values)
def test_the_canonical_text_is_a_fixed_point(value: Any) -> None:
    assert canonical(parse(canonical(value))) == canonical(value)


@given(anything)
def test_a_value_is_bound_or_refused_and_nothing_else(value: Any) -> None:
    try:
        text = canonical(value)
    except BadRequest:
        return
    assert text == rfc8785.dumps(value).decode()


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), 10**5000, "\ud800", {"\ud800": 1}, {1: 2}, b"bytes", object()],
    ids=["nan", "inf", "2^53", "-2^53", "huge", "surrogate", "surrogate key", "number key", "bytes", "object"],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="cannot be bound to an approval"):
        canonical({"value": value})


def test_nesting_is_refused_beyond_the_limit_and_not_before() -> None:
    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert canonical(nested(MAX_DEPTH)).count("[") == MAX_DEPTH
    with pytest.raises(BadRequest, match="nested deeper"):
        canonical(nested(MAX_DEPTH + 1))
    with pytest.raises(BadRequest, match="nested deeper"):
        canonical(nested(100_000))


def test_ten_megabytes_are_bound() -> None:
    assert len(canonical({"body": "x" * 10_000_000})) > 10_000_000


def test_more_than_can_be_shown_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="bytes"):
        canonical({"body": "x" * MAX_BYTES})


def test_more_values_than_can_be_read_are_refused() -> None:
    assert canonical([1] * MAX_VALUES)
    with pytest.raises(LimitExceeded, match="values"):
        canonical([1] * (MAX_VALUES + 1))


@given(st.dictionaries(st.text("abcxyz_", min_size=1), json_values, max_size=5))
def test_an_object_of_canonical_members_is_canonical(members: dict[str, Any]) -> None:
    assert canonical_object({name: canonical(value) for name, value in members.items()}) == rfc8785.dumps(members)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "9" * 5000 + "x", "nul"], ids=lambda text: text[:6])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="not JSON"):
        parse(text)


def test_a_large_floating_point_number_is_bound_and_read_back() -> None:
    assert canonical(2.0**53) == "9007199254740992"
    assert parse("9007199254740992") == 2.0**53
    assert isinstance(parse("9007199254740992"), float)
    assert isinstance(parse("9007199254740991"), int)
