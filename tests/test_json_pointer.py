"""JSON Pointers as texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.json_pointer import pointer_of, tokens_of


@pytest.mark.parametrize(
    ("pointer", "tokens"),
    [("", ()), ("/", ("",)), ("/a/b", ("a", "b")), ("/a~1b", ("a/b",)), ("/m~0n", ("m~n",)), ("/~01", ("~1",))],
)
def test_a_pointer_is_taken_apart_as_rfc_6901_says(pointer: str, tokens: tuple[str, ...]) -> None:
    assert tokens_of(pointer) == tokens
    assert pointer_of(tokens) == pointer


@given(st.lists(st.text("a~/01")).map(tuple))
def test_what_is_put_together_is_taken_apart_again(tokens: tuple[str, ...]) -> None:
    assert tokens_of(pointer_of(tokens)) == tokens
