"""Exposed names: one for each tool, none shared, all within every client's limits."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.gateway.names import LIMIT, exposed_names

UPSTREAMS = st.sampled_from(("files", "web", "a", "a-b", "a_b"))
PAIRS = st.lists(st.tuples(UPSTREAMS, st.text(min_size=1, max_size=80)), unique=True, max_size=20)


@given(PAIRS)
def test_each_pair_has_one_valid_name_of_its_own(pairs: list[tuple[str, str]]) -> None:
    names = exposed_names(pairs, prefixed=True)
    assert sorted(names.values()) == sorted(pairs)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) and len(name) <= LIMIT for name in names)


def test_ordinary_names_are_server_and_tool() -> None:
    assert exposed_names([("files", "read_file")], prefixed=True) == {"files__read_file": ("files", "read_file")}


def test_a_name_over_the_limit_ends_in_its_digest() -> None:
    (name,) = exposed_names([("files", "x" * 100)], prefixed=True)
    assert len(name) == LIMIT
    assert re.fullmatch(r"files__x+_[0-9a-f]{8}", name)


def test_names_that_collide_after_cleaning_stay_apart() -> None:
    names = exposed_names([("web", "a.b"), ("web", "a/b"), ("web", "a_b")], prefixed=True)
    assert len(names) == 3
    assert names["web__a_b"] == ("web", "a_b")


def test_unprefixed_names_stay_as_they_are_and_the_first_of_a_name_wins() -> None:
    names = exposed_names([("one", "call_tool"), ("one", "weird name"), ("two", "call_tool")], prefixed=False)
    assert names == {"call_tool": ("one", "call_tool"), "weird name": ("one", "weird name")}
