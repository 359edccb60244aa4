"""Globs over resource URIs, against an independent translation to regular expressions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.manifests.uri import UriGlob, is_plain_uri

PARTS = st.lists(st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "**"]), min_size=1, max_size=5)


def as_regex(glob: str) -> re.Pattern[str]:
    pieces = re.split(r"(\*\*|\*)", glob)
    return re.compile("".join({"**": ".*", "*": "[^/?#]*"}.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)


@pytest.mark.parametrize(
    ("glob", "uri", "matches"),
    [
        ("memory://knowledge-graph", "memory://knowledge-graph", True),
        ("memory://knowledge-graph", "memory://knowledge-graph/x", False),
        ("file:///**", "file:///etc/passwd", True),
        ("file:///**", "file:///", True),
        ("file:///srv/**", "file:///srv", False),
        ("file:///srv/*", "file:///srv/a", True),
        ("file:///srv/*", "file:///srv/a/b", False),
        ("file:///srv/**/x", "file:///srv/a/b/x", True),
        ("file:///*/x", "file:///a/b/x", False),
        ("https://*.good.example/**", "https://a.good.example/x", True),
        ("https://*.good.example/**", "https://evil.test/.good.example/x", False),
        ("https://*.good.example/**", "https://evil.test?.good.example/x", False),
        ("https://*.good.example/**", "https://evil.test#.good.example/x", False),
        ("demo://*", "demo://é", True),
        ("demo://a.c", "demo://abc", False),
        ("demo:**", "demo:a/b", True),
    ],
)
def test_a_glob_matches_whole_uris(glob: str, uri: str, matches: bool) -> None:
    assert UriGlob.parse(glob).matches(uri) is matches


@pytest.mark.parametrize(
    ("glob", "reason"),
    [
        ("**", "begin with the scheme"),
        ("*://x", "begin with the scheme"),
        ("FILE:///x", "begin with the scheme"),
        ("/srv/**", "begin with the scheme"),
        ("file:///srv**", "must stand alone"),
        ("file:///**srv", "must stand alone"),
        ("file:///***", "must stand alone"),
        ("https://good.example**", "must stand alone"),
    ],
)
def test_a_glob_that_would_surprise_is_refused(glob: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        UriGlob.parse(glob)


@given(PARTS, st.lists(st.sampled_from(["a", "b", "ab", "", "?", "#", "é"]), max_size=6))
def test_a_glob_means_what_its_regular_expression_means(parts: list[str], segments: list[str]) -> None:
    glob, uri = "x://" + "/".join(parts), "x://" + "/".join(segments)
    assert UriGlob.parse(glob).matches(uri) is (as_regex(glob).fullmatch(uri) is not None)


def test_many_wildcards_do_not_make_a_match_slow() -> None:
    glob = UriGlob.parse("x://" + "*a" * 60 + "/**/b")
    assert not glob.matches("x://" + "a" * 4000)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///srv/docs/a%20b",
        "memo://insights",
        "demo://resource/dynamic/text/1",
        "https://h/?q=1#f",
        "urn:x:y",
        "x:...",
    ],
)
def test_a_uri_that_reads_in_one_way_is_plain(uri: str) -> None:
    assert is_plain_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///srv/docs/../../etc/passwd",
        "file:///srv/docs/..",
        "file:///srv/./x",
        "file:///srv/docs/%2e%2e/etc/passwd",
        "file:///srv/docs/%2E./etc/passwd",
        "file:///srv%2fdocs",
        "file:///srv%5cdocs",
        "file:///srv/%252e%252e/x",
        "file:///srv/%61",
        "file:///srv/%5F",
        "file:///srv/%7e",
        "file:///srv/%00",
        "file:///srv/100%",
        "file:///srv/%zz",
        "file:///srv\\docs",
        "file:///srv/a b",
        "file:///srv/a\nb",
        "file:///srv/a\u3000b",
        "FILE:///srv",
        "https://good.example@evil.test/",
        "/etc/passwd",
        "",
        "x:" + "a" * 5000,
    ],
)
def test_a_uri_that_reads_in_two_ways_is_not_plain(uri: str) -> None:
    assert not is_plain_uri(uri)


@given(st.text(max_size=30))
def test_no_text_makes_the_check_fail(text: str) -> None:
    if is_plain_uri("file:///srv/" + text):
        assert ".." not in text.split("/")
        assert not any(character.isspace() for character in text)
