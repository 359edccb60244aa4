"""JSON Pointers into arguments."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.manifests.pointer import MISSING, MOST, Odd, Pointer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "", "~", "/", "*", "0"]), inner)
    ),
    max_leaves=12,
)
KEYS = st.lists(st.sampled_from(["a", "b", "", "~", "/", "0", "1", "01", "-"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("pointer", "document", "found"),
    [
        ("/url", {"url": "x"}, ("x",)),
        ("/url", {}, (MISSING,)),
        ("/url", {"url": None}, (None,)),
        ("/a/b", {"a": {"b": 1}}, (1,)),
        ("/a/b", {"a": {}}, (MISSING,)),
        ("/a/b", {}, (MISSING,)),
        ("/a/b", {"a": "text"}, (Odd("text"),)),
        ("/a/b", {"a": None}, (Odd(None),)),
        ("/a~1b/~0", {"a/b": {"~": 1}}, (1,)),
        ("/", {"": 1}, (1,)),
        ("/to/*", {"to": ["x", "y"]}, ("x", "y")),
        ("/to/*", {"to": []}, ()),
        ("/to/*", {"to": "x"}, (Odd("x"),)),
        ("/to/*", {"to": {"*": "x"}}, (Odd({"*": "x"}),)),
        ("/*", {"*": "x"}, (Odd({"*": "x"}),)),
        ("/to/*", {}, (MISSING,)),
        ("/to/*/mail", {"to": [{"mail": "x"}, {}, "y"]}, ("x", MISSING, Odd("y"))),
        ("/to/*/*", {"to": [["x"], [], ["y", "z"]]}, ("x", "y", "z")),
        ("/to/0", {"to": ["x"]}, ("x",)),
        ("/to/1", {"to": ["x"]}, (MISSING,)),
        ("/to/01", {"to": ["x"]}, (Odd(["x"]),)),
        ("/to/-", {"to": ["x"]}, (Odd(["x"]),)),
        ("/to/x", {"to": ["x"]}, (Odd(["x"]),)),
        ("/url", ["not", "arguments"], (Odd(["not", "arguments"]),)),
    ],
)
def test_a_pointer_finds_every_value_and_says_what_is_missing(
    pointer: str, document: Any, found: tuple[Any, ...]
) -> None:
    assert Pointer.parse(pointer).resolve(document) == found


@pytest.mark.parametrize(
    ("text", "array"), [("/to/*", "/to"), ("/a/*/b/*", "/a"), ("/a~1b/*", "/a~1b"), ("/url", "/url"), ("/*", "/*")]
)
def test_the_array_of_a_pointer_ends_at_its_first_star(text: str, array: str) -> None:
    assert Pointer.parse(text).list_ == Pointer.parse(array)


@pytest.mark.parametrize("text", ["", "url", "#/url", "/a~", "/a~2", "/~b"])
def test_what_is_no_pointer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no JSON Pointer"):
        Pointer.parse(text)


def test_a_flood_of_values_is_one_that_nothing_can_be_said_of() -> None:
    many = ["x"] * (MOST + 1)
    assert Pointer.parse("/to/*").resolve({"to": many}) == (Odd(many),)
    square = {"to": [["x"] * 40] * 40}
    assert Pointer.parse("/to/*/*").resolve(square) == (Odd(square),)


@given(KEYS, JSON)
def test_a_pointer_made_of_keys_leads_to_them(keys: list[str], value: Any) -> None:
    document = value
    for key in reversed(keys):
        document = {key: document}
    pointer = Pointer.of(*keys)
    assert Pointer.parse(pointer.text) == pointer
    assert pointer.resolve(document) == (value,)


@given(st.lists(st.sampled_from(["a", "b", "*", "0", "-", "~0"]), min_size=1, max_size=4), JSON)
def test_no_document_makes_a_pointer_fail(keys: list[str], document: Any) -> None:
    assert len(Pointer.parse("/" + "/".join(keys)).resolve(document)) <= MOST
