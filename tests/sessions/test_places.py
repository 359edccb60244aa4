"""Which stored resource holds which. Doubt means that it does."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.model import StoredResource
from rule_of_two.sessions.places import Place, place_of


def place(kind: str, value: str | None, store: str = "notes") -> Place:
    return place_of(StoredResource(store, kind, value))


def holds(kind: str, outer: str, inner: str) -> bool:
    return place(kind, outer).holds(place(kind, inner))


@pytest.mark.parametrize(
    ("outer", "inner", "answer"),
    [
        ("/notes", "/notes", True),
        ("/notes", "/notes/a/b", True),
        ("/", "/notes", True),
        ("/notes/a", "/notes", False),
        ("/note", "/notes", False),
        ("/notes", "/notes2/a", False),
        ("/Notes", "/notes/A", True),
        ("/notes/caf\u00e9", "/notes/cafe\u0301/x", True),
        ("/notes/\u017f", "/notes/S", True),
        ("/notes/%41", "/notes/a", False),
    ],
)
def test_a_folder_holds_what_is_below_it_by_whole_components(outer: str, inner: str, answer: bool) -> None:
    assert holds("path", outer, inner) is answer


@pytest.mark.parametrize(
    ("outer", "inner", "answer"),
    [
        ("https://a.example/x", "https://a.example/x/y", True),
        ("https://a.example/x", "https://a.example/x?page=2", True),
        ("https://a.example/x", "https://a.example/x#part", True),
        ("https://a.example", "https://a.example/x", True),
        ("https://a.example/x/", "https://A.EXAMPLE/x", True),
        ("HTTPS://a.example/x", "https://a.example/%78", True),
        ("https://a.example/x", "https://a.example/xy", False),
        ("https://a.example", "https://a.example.evil.test/x", False),
        ("https://a.example", "https://b.example/x", False),
        ("http://a.example", "https://a.example/x", False),
        ("note://a", "note://a/1", True),
    ],
)
def test_a_uri_holds_what_is_below_it_at_the_same_scheme_and_host(outer: str, inner: str, answer: bool) -> None:
    assert holds("uri", outer, inner) is answer


def test_a_uri_that_could_lead_anywhere_stands_for_the_whole_store() -> None:
    for value in ("https://a.example/x/../y", "https://a.example/%2e%2e/y", "https://", "note:///./"):
        assert place("uri", value).key is None


def test_what_is_longer_than_any_name_stands_for_the_whole_store() -> None:
    assert place("path", "/" + "x" * 9000).key is None


def test_of_other_kinds_one_holds_only_itself_however_it_is_written() -> None:
    assert holds("issue", "ABC-1", "abc-1")
    assert not holds("issue", "abc-1", "abc-12")
    assert not holds("repository", "acme/", "acme/site")
    assert not holds("issue", "a", "b")


def test_the_whole_store_holds_everything_of_its_own_and_nothing_of_another() -> None:
    whole = place("store", None)
    assert whole.holds(place("path", "/a"))
    assert whole.holds(place("issue", "1"))
    assert whole.holds(whole)
    assert not whole.holds(place("path", "/a", store="other"))
    assert not place("path", "/").holds(whole)
    assert not place("path", "/a").holds(place("folder", "/a"))


@given(st.text(), st.sampled_from(("path", "uri", "issue")), st.sampled_from(("", "/", "note://", "/a/")))
def test_every_name_has_a_place_that_can_be_stored_and_holds_itself(text: str, kind: str, before: str) -> None:
    own = place(kind, before + text)
    assert own.holds(own)
    if own.key is not None:
        assert own.key in own.holders
        assert sqlite3.connect(":memory:").execute("SELECT ?", (own.key,)).fetchone() == (own.key,)


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=1, max_size=5), st.data())
def test_what_is_below_a_folder_is_found_by_its_holders_and_in_its_range(parts: list[str], data: st.DataObject) -> None:
    depth = data.draw(st.integers(0, len(parts)))
    outer, inner = place("path", "/" + "/".join(parts[:depth])), place("path", "/" + "/".join(parts))
    assert outer.holds(inner)
    assert outer.key in inner.holders
    assert outer.held is not None
    assert inner.key is not None
    assert outer.held[0].encode() <= inner.key.encode() < outer.held[1].encode()
