"""JSON texts that every parser reads alike, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.manifests.carriers import parsed
from rule_of_two.manifests.layout import Unfit

KEYS = st.sampled_from(['"a"', '"\\u0061"', '"b:"', '":"', '"\\u003a"', '"\\\\u003a"', '"\\u003A"', '"\\\\\\u003a"'])
TEXTS = st.recursive(
    st.sampled_from(["1", "null", "1.5", "10000000000000000000000", "NaN", "-1e400", '"x:y"']) | KEYS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda all_: f"[{','.join(all_)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(
            lambda members: "{" + ",".join(f"{key}: {value}" for key, value in members) + "}"
        )
    ),
    max_leaves=8,
)


def strict(text: str) -> Any:
    """By the standard library, with hooks.

    :raises ValueError: a member stands twice, or it is no JSON.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    return json.loads(text, object_pairs_hook=members, parse_constant=refuse)


@given(text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_what_is_read_is_what_a_strict_parser_reads(text: str) -> None:
    try:
        value = parsed(text)
    except Unfit:
        return
    assert value == strict(text)


@pytest.mark.parametrize("text", ['{"a":1}', '{"a:b":"c:d"}', '"\\\\u003a"', "[]", "10000000000000000000001"])
def test_plain_texts_are_read(text: str) -> None:
    assert parsed(text) == json.loads(text)


@pytest.mark.parametrize("text", [None, 7, b"{}", "", "{", '{"a":1,"a":1}', '{"\\u003a":1,"b":1,"b":2}', "[1e400]"])
def test_others_are_not(text: Any) -> None:
    with pytest.raises(Unfit):
        parsed(text)
