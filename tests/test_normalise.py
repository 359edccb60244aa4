"""Canonical forms: what is accepted, what is refused, and that a canonical form is its own."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import Url

from rule_of_two import normalise
from rule_of_two.normalise import (
    NORMALISERS,
    account,
    address,
    amount,
    host,
    is_exact,
    path,
    text,
    url_host,
    whole_url,
)

NO_TEXT: list[Any] = [None, True, 3, 1.5, b"x", [], ["https://good.example"], {"__entity": {"type": "Host", "id": "x"}}]
ALPHABET = st.sampled_from(
    [*"abxn-.:/@\\?#%[]019 \t\n\0_ß\uff21\uff0e。\uff0f\uff20é\u200d\u202e", "good.example", "evil.test", "https://"]
)
NASTY = st.lists(ALPHABET, max_size=12).map("".join) | st.text(max_size=40)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://good.example", "good.example"),
        ("https://GOOD.Example/Path?q=A#f", "good.example"),
        ("HTTPS://good.example", "good.example"),
        ("https://good.example.", "good.example"),
        ("https://good.example:443/", "good.example"),
        ("http://good.example:443/", "good.example:443"),
        ("http://good.example:80/", "good.example"),
        ("https://good.example:8443/x", "good.example:8443"),
        ("https://good.example?x=@evil.test", "good.example"),
        ("https://good.example#@evil.test", "good.example"),
        ("https://good.example/@evil.test", "good.example"),
        ("https://r3---sn-4g5e.good.example/", "r3---sn-4g5e.good.example"),
        ("https://müller.example/", "xn--mller-kva.example"),
        ("https://xn--mller-kva.example/", "xn--mller-kva.example"),
        ("https://MÜLLER.example/", "xn--mller-kva.example"),
        ("https://good。example/", "good.example"),
        ("https://192.168.0.1/", "192.168.0.1"),
        ("https://192.168.0.1./x:80@evil.test", "192.168.0.1"),
        ("https://192.168.0.1:8080/", "192.168.0.1:8080"),
        ("https://[2001:DB8:0:0::1]/", "[2001:db8::1]"),
        ("https://[::1]:8080/", "[::1]:8080"),
        ("https://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"),
        ("http://localhost/", "localhost"),
    ],
)
def test_the_host_of_a_url_is_canonical(url: str, expected: str) -> None:
    assert url_host(url) == expected
    assert host(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example@evil.test/",
        "https://good.example:443@evil.test/",
        "https://good.example\\@evil.test",
        "https://good.example%2f@evil.test",
        "https://good.example%00.evil.test/",
        "https://good%2eexample/",
        "https://@good.example/",
        "https://user:pass@good.example/",
        "https:\\\\good.example/",
        "https:/good.example/",
        "https:good.example/",
        "https:///good.example/",
        "https://",
        "https:///",
        "https://?good.example",
        "//good.example/",
        "good.example/path",
        "https://good.example\t.evil.test/",
        "https://good.example\n/",
        "https://good.example /",
        " https://good.example/",
        "https://good.example/\u2028",
        "java\tscript:alert(1)",
        "ftp://good.example/",
        "file:///etc/passwd",
        "data:text/html,https://good.example/",
        "https://good.example:0/",
        "https://good.example:65536/",
        "https://good.example:0443/",
        "https://good.example:/",
        "https://good.example:44x/",
        "https://good.example:-1/",
        "https://good..example/",
        "https://.good.example/",
        "https://good.example../",
        "https://-good.example/",
        "https://good_.example/",
        "https://*.good.example/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://1.2.3.256/",
        "https://good.example.5/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[good.example]/",
        "https://faß.example/",
        "https://good\u200d.example/",
        "https://xn--a/",
        "https://xn--55qx5d.xn--/",
        "https://good.example\uff0f@evil.test/",
        "https://good.example\uff20evil.test/",
        "https://good.example\ud800/",
        "https://good.example/\ud800",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 140 + "example/",
        "https://good.example/" + "a" * 9000,
    ],
)
def test_a_url_that_two_parsers_could_read_differently_has_no_host(url: str) -> None:
    assert url_host(url) is None
    assert host(url) is None


@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize("function", [host, url_host, address, path, text, account])
def test_what_is_no_text_has_no_canonical_form(function: Any, value: Any) -> None:
    assert function(value) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://good.example", "https://good.example/"),
        ("https://good.example?q", "https://good.example/?q"),
        ("https://good.example#f", "https://good.example/"),
        ("HTTPS://GOOD.Example.:443/Path?q=A#f", "https://good.example/Path?q=A"),
        ("http://good.example:443/", "http://good.example:443/"),
        ("https://good.example/%61/./..//?%c3=é&#?x", "https://good.example/%61/./..//?%c3=é&"),
        ("https://good.example/a?b#c#d?e", "https://good.example/a?b"),
        ("https://[::0001]/x", "https://[::1]/x"),
        ("https://user@good.example/", None),
        ("https://good.example\\@evil.test/", None),
        ("https://good.example/a\tb", None),
        ("https://good.example/a\0b", None),
        ("https://good.example/\ud800", None),
        ("https://good.example/" + "a" * 9000, None),
        ("ftp://good.example/", None),
        ("//good.example/", None),
        (" https://good.example/", None),
        (None, None),
        (7, None),
    ],
)
def test_a_whole_url_keeps_path_and_query_as_they_stand(url: Any, expected: str | None) -> None:
    assert whole_url(url) == expected


@given(st.sampled_from(["https://good.example", "http://evil.test", "https://"]), NASTY)
def test_a_whole_url_is_its_own_canonical_form_and_reaches_the_same(start: str, rest: str) -> None:
    whole = whole_url(start + rest)
    assert (whole is None) is (url_host(start + rest) is None)
    if whole is not None:
        assert whole_url(whole) == whole
        assert "#" not in whole
        theirs, ours = Url(start + rest), Url(whole)
        assert (theirs.scheme, theirs.port, theirs.path, theirs.query or None) == (
            ours.scheme,
            ours.port,
            ours.path,
            ours.query or None,
        )


def test_the_other_parser_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        scheme, host, port = "https", "evil.test", 443

    monkeypatch.setattr(normalise, "Url", lambda _text: Other)
    assert url_host("https://good.example/") is None


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("good.example", "good.example"),
        ("Good.Example.", "good.example"),
        ("good.example:443", "good.example:443"),
        ("[::1]:80", "[::1]:80"),
        ("[::0001]", "[::1]"),
        ("", None),
        ("good.example/", None),
        ("a@good.example", None),
        ("good example", None),
        ("x" * 301, None),
    ],
)
def test_a_bare_host_is_canonical_and_keeps_its_port(given_text: str, expected: str | None) -> None:
    assert host(given_text) == expected


@given(NASTY)
def test_a_canonical_host_is_its_own_canonical_form(given_text: str) -> None:
    for url in (given_text, f"https://{given_text}", f"http://good.example{given_text}"):
        found = url_host(url)
        if found is not None:
            assert url_host(f"https://{found}/x") in (found, found.removesuffix(":443"))
            assert host(found) == found
            assert found.isascii()
            assert found == found.lower()


@given(st.sampled_from(["https://good.example", "http://evil.test", "https://"]), NASTY)
def test_no_url_is_taken_for_another_host_than_the_standard_library_sees(start: str, rest: str) -> None:
    found = url_host(start + rest)
    if found is not None and not found.startswith("[") and found.startswith(("good.example", "evil.test")):
        seen = urlsplit(start + rest).hostname or ""
        assert host(seen) == found.partition(":")[0]


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("a@good.example", "a@good.example"),
        ("A.B+tag@Good.Example", "a.b+tag@good.example"),
        ("a@müller.example", "a@xn--mller-kva.example"),
        ("a@good.example.", "a@good.example"),
        ("a@localhost", "a@localhost"),
        ("a@b@good.example", None),
        ("a@good.example, b@evil.test", None),
        ("a@good.example,b@evil.test", None),
        ("a@good.example;b@evil.test", None),
        ("a@good.example b@evil.test", None),
        ("Alice <a@good.example>", None),
        ("<a@good.example>", None),
        ('"a"@good.example', None),
        ("a(comment)@good.example", None),
        ("evil.test!a@good.example", None),
        ("a%evil.test@good.example", None),
        ("a@[127.0.0.1]", None),
        ("a@127.0.0.1", None),
        ("a@good.example:25", None),
        ("a@good.example\nBcc: b@evil.test", None),
        ("a\u202e@good.example", None),
        ("\u212aim@good.example", None),
        ("\u0430@good.example", None),
        (".a@good.example", None),
        ("a.@good.example", None),
        ("a..b@good.example", None),
        ("@good.example", None),
        ("a@", None),
        ("a", None),
        ("", None),
        ("a" * 65 + "@good.example", None),
        ("a@" + "b" * 400, None),
    ],
)
def test_only_one_plain_mail_address_is_an_address(given_text: str, expected: str | None) -> None:
    assert address(given_text) == expected


@given(st.lists(st.sampled_from([*"aB.+@<>\"', ;%!é\n", "good.example", "evil.test"]), max_size=8).map("".join))
def test_a_canonical_address_is_its_own_canonical_form(given_text: str) -> None:
    found = address(given_text)
    if found is not None:
        assert address(found) == found
        assert found.count("@") == 1
        assert found.lower() == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (100, "100"),
        (-5, "-5"),
        (12.5, "12.5"),
        (12.0, "12"),
        ("12.50", "12.5"),
        ("0.10", "0.1"),
        ("-3.10", "-3.1"),
        (10**30, "1" + "0" * 30),
        (10**31, None),
        (True, None),
        (None, None),
        ([1], None),
        (float("nan"), None),
        (float("inf"), None),
        (1e22, None),
        (1e-7, None),
        ("1e3", None),
        ("1E3", None),
        ("+1", None),
        ("-0", None),
        (-0.0, None),
        ("01", None),
        (".5", None),
        ("5.", None),
        ("1_000", None),
        ("1,000", None),
        ("١٢", None),
        ("\uff11", None),
        (" 1", None),
        ("0x10", None),
        ("NaN", None),
        ("", None),
        ("1" * 40, None),
    ],
)
def test_only_an_exact_decimal_is_an_amount(value: Any, expected: str | None) -> None:
    assert amount(value) == expected


def test_a_number_too_long_to_write_down_is_no_amount() -> None:
    assert amount(10**5000) is None


@given(st.integers() | st.floats() | st.decimals().map(str) | st.text(max_size=8))
def test_a_canonical_amount_is_the_same_number_and_its_own_canonical_form(value: Any) -> None:
    found = amount(value)
    if found is not None:
        assert amount(found) == found
        assert Decimal(found) == Decimal(value if isinstance(value, str | int) else repr(value))


@pytest.mark.parametrize("given_text", ["", "x", "./x", "~/x", "~", "C:\\x", "/srv/../etc", "/..", "/a\0b", "/a\nb"])
def test_a_path_that_is_relative_or_climbs_has_no_canonical_form(given_text: str) -> None:
    assert path(given_text) is None


def test_a_path_is_resolved_through_every_symlink(tmp_path: Path) -> None:
    tree = tmp_path.resolve()
    (tree / "real" / "deep").mkdir(parents=True)
    (tree / "link").symlink_to(tree / "real")
    (tree / "dangling").symlink_to(tree / "nowhere")
    assert path(f"{tree}/real/deep") == f"{tree}/real/deep"
    assert path(f"{tree}/link/deep") == f"{tree}/real/deep"
    assert path(f"{tree}/link/new.txt") == f"{tree}/real/new.txt"
    assert path(f"{tree}/dangling") == f"{tree}/nowhere"
    assert path(f"{tree}//real/./deep/") == f"{tree}/real/deep"
    assert path(f"//{tree}/real") == f"{tree}/real"


def test_a_path_that_cannot_be_looked_up_has_no_canonical_form(tmp_path: Path) -> None:
    tree = tmp_path.resolve()
    (tree / "loop").symlink_to(tree / "loop")
    (tree / "file").touch()
    assert path(f"{tree}/loop/x") is None
    assert path(f"{tree}/file/below") is None
    assert path(f"{tree}/" + "x" * 300) is None
    assert path(f"{tree}/\ud800") is None
    assert path("/" + "x/" * 5000) is None


@pytest.mark.parametrize(
    "name", ["é.txt", "e\u0301.txt", "$HOME", "%TEMP%", 'a"', "a'", "a*", "a\\b", "`a`", "a\t", "a "]
)
def test_a_missing_file_has_a_canonical_path_only_in_plain_characters(tmp_path: Path, name: str) -> None:
    assert path(f"{tmp_path.resolve()}/{name}") is None


def test_an_existing_file_may_have_any_printable_name(tmp_path: Path) -> None:
    (tmp_path.resolve() / "é 'x'.txt").touch()
    assert path(f"{tmp_path.resolve()}/é 'x'.txt") == f"{tmp_path.resolve()}/é 'x'.txt"


@given(st.lists(st.sampled_from(["a", "b", "link", ".", "..", "", "é", " ", "$x", "\\"]), max_size=6).map("/".join))
@settings(deadline=None)
def test_a_canonical_path_is_its_own_canonical_form(end: str) -> None:
    found = path("/" + end)
    if found is not None:
        assert path(found) == found
        assert found == os.path.realpath(found)
        assert ".." not in found.split("/")
        assert not found.startswith("//")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("alice", "alice"), ("#general", "#general"), (" alice", None), ("al\u202eice", None), ("ﬁ", None), ("", None)],
)
def test_an_account_is_printable_and_in_one_unicode_form(value: str, expected: str | None) -> None:
    assert account(value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "exact"),
    [
        ("url", "https://good.example/x", True),
        ("url", "http://good.example", True),
        ("url", "https://good.example:8443?x", True),
        ("url", "https://Good.example/", False),
        ("url", "HTTPS://good.example/", False),
        ("url", "https://good.example./", False),
        ("url", "https://good.example:443/", False),
        ("host", "good.example", True),
        ("host", "Good.example", False),
        ("recipient", "a@good.example", True),
        ("recipient", "A@good.example", False),
        ("amount", 12, True),
        ("amount", 12.5, True),
        ("amount", 12.0, False),
        ("amount", "12.50", False),
        ("path", "/", True),
        ("path", "//", False),
        ("path", "relative", False),
        ("query", "select 1", True),
    ],
)
def test_exact_means_byte_equal_to_the_canonical_form(kind: Any, value: Any, exact: bool) -> None:
    assert is_exact(kind, value, NORMALISERS[kind](value)) is exact
