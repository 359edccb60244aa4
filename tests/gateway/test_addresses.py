"""Which addresses stand in what crosses, whole, and in bounded time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.gateway.addresses import MOST_ADDRESSES, MOST_CHARACTERS, address_of, in_request, in_result

X = "https://x.example/a"


def text(*blocks: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": one} for one in blocks]}


def forms(result: dict[str, Any]) -> list[str]:
    return [form for address in in_result(result).addresses for form in address.forms]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (X, [X]),
        (f"{X}.", [f"{X}."]),  # the text is an address, and nothing else
        (f"See {X}.", [X]),
        (f"See {X}?!", [X]),
        (f"[x]({X}), [y]({X}b) ", [X, f"{X}b"]),
        (f"[x]({X})[y]({X}b) ", [X]),
        (f"<{X}> <a href='{X}b'> \"{X}c\" `{X}d` ", [X, f"{X}b", f"{X}c", f"{X}d"]),
        (f"**{X}** _{X}b_ |{X}c| [{X}d] {{{X}e}} ", [X, f"{X}b", f"{X}c", f"{X}d", f"{X}e"]),
        (f"{X}_(b) and ({X}_(b)). ", [f"{X}_(b)", f"{X}_(b)"]),
        (f"{X}?a[]=1, ", [f"{X}?a[]=1"]),
        (f"{X}?a=1&amp;b=2 ", [f"{X}?a=1&amp;b=2", f"{X}?a=1&b=2"]),
        (f"{X}#top ", [X, f"{X}#top"]),
        ("HTTP://X.Example.:80 ", ["http://x.example/"]),
        ("https://x.example/?u=https://y.example/ ", ["https://x.example/?u=https://y.example/"]),
        (f"{X}\n/b\t{X}\u2028c\u3000d", [X, X]),
        (f"見て{X}。", [X]),
        (f"x{X} svn+{X} -{X}", []),
        (f"{X}\\u0026b {X}\\_b https:\\/\\/x.example", []),
        (f"{X}\0b {X}\x1b[0m {X}\x1fb {X}\x85b", []),
        ("https:// http://? https://@x.example/ https://u:p@x.example/ https://1.2/", []),
        ("ftp://x.example/ x.example/a /a //x.example/a", []),
        ("https://x.example/" + "a" * 9000, []),
        ("https://x.example/\ud800", []),
        (json.dumps({"u": X, f"{X}k": [f"see {X}2."]}), [X, f"{X}k", f"{X}2"]),
        (json.dumps([X]).replace("/", "\\/"), [X]),
        (f'["{X}?a\\u0026b"]', [f"{X}?a&b"]),
        (f'["{X}", ', [X]),
        (json.dumps([json.dumps([X])]), [X]),
    ],
)
def test_an_address_in_a_text_is_found_whole(written: str, found: list[str]) -> None:
    assert forms(text(written)) == found


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (text(X, f"{X}b"), [X, f"{X}b"]),
        (text("https://x.example", "/a"), ["https://x.example/"]),
        ({"structuredContent": {"a": [1, None, {"b": X}], f"{X}k": True}}, [X, f"{X}k"]),
        ({"structuredContent": X}, [X]),
        ({"contents": [{"uri": f"{X}u", "text": X}, {"blob": X}]}, [X]),
        ({"messages": [{"content": {"type": "text", "text": X}}, {"content": text(f"{X}b")["content"]}]}, [X, f"{X}b"]),
        ({"content": [{"type": "resource", "resource": {"uri": f"{X}u", "text": X}}]}, [X]),
        ({"content": [{"type": "resource_link", "uri": X, "name": f"{X}n", "description": f"{X}d"}]}, [X]),
        ({"content": [{"type": "image", "data": X}, {"type": "audio", "text": X}, {"text": X}]}, []),
        ({"content": X, "contents": X, "messages": X, "_meta": {"x": X}, "x": X}, []),
        ({"content": [X, None, [X]], "messages": [{"content": X}, {"content": None}], "contents": {}}, []),
        ({"content": [{"type": "resource", "resource": X}, {"type": "text", "text": [X]}]}, [X]),
        ({}, []),
    ],
)
def test_what_a_client_is_shown_is_looked_through(result: dict[str, Any], found: list[str]) -> None:
    assert sorted(forms(result)) == sorted(found)


@pytest.mark.parametrize(
    ("argument", "known"),
    [(X, X), (f"{X}#f", f"{X}#f"), (f"{X}#", X), ("HTTPS://X.example/a#f", f"{X}#f"), (f" {X}", None), ("", None)],
)
def test_an_argument_is_known_with_its_fragment(argument: str, known: str | None) -> None:
    assert address_of(argument) == known


def test_of_what_a_client_writes_both_ends_are_found() -> None:
    found = in_request({"arguments": {"a": f"{X}.", X: [f"see {X}b)."]}})
    assert [address.forms for address in found.addresses] == [(f"{X}.", X), (X,), (f"{X}b).", f"{X}b")]
    assert found.complete


@pytest.mark.parametrize("what", ["one text", "many texts", "many values", "names"])
def test_beyond_the_limit_nothing_is_found_and_the_last_is_not_cut(what: str) -> None:
    filler = "y" * (MOST_CHARACTERS - 30)
    value: Any = {
        "one text": f"{filler} {X}/and/more/than/fits/in {X}",
        "many texts": [filler, f"{X}/and/more/than/fits/in", X],
        "many values": [*([0] * MOST_CHARACTERS), X],
        "names": {filler: 1, f"{X}/and/more/than/fits/in": X},
    }[what]
    assert forms({"structuredContent": value}) == []
    assert not in_request({"arguments": value}).complete


def test_only_so_many_addresses_are_found() -> None:
    many = text(" ".join(f"{X}{number}" for number in range(MOST_ADDRESSES + 1)))
    assert len(forms(many)) == MOST_ADDRESSES
    assert not in_request(many).complete


HOSTILE = {
    "one long": X + "a" * 10_000_000,
    "schemes": "https://" * 1_000_000,
    "brackets": f"{X}{'(' * 8000} " * 1000,
    "entities": f"{X}{'(&amp;' * 1300} " * 1000,
    "nested": "[" * 5_000_000,
    "quoted": json.dumps([X] * 500_000),
}


@pytest.mark.timeout(30)  # what is not bounded takes hours
@pytest.mark.parametrize("name", HOSTILE)
def test_work_is_bounded_whatever_is_handed_over(name: str) -> None:
    for result in (text(HOSTILE[name]), {"structuredContent": [HOSTILE[name], [[]] * 3_000_000]}):
        found = in_result(result)
        assert len(found.addresses) <= MOST_ADDRESSES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from((X, f"({X})", "https://")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("text"), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(("content", "contents", "messages", "structuredContent", "x")), JSON))
def test_nothing_breaks_it_and_all_of_it_stood_there(result: dict[str, Any]) -> None:
    assert set(forms(result)) <= {X}
    in_request(result)


@given(
    st.text("ab.,()[]{}*_'\"<>`&;#?/\\ \n\0:=", max_size=30), st.text("ab.,()[]{}*_'\"<>`&;#?/\\ \n\0:=", max_size=30)
)
def test_what_is_found_stood_there_from_its_beginning_to_where_it_could_end(before: str, after: str) -> None:
    written = f"{before} https://x.example/{after}"
    for form in forms(text(written)):
        assert form.replace("&", "&amp;") in written.replace("&amp;", "&").replace("&", "&amp;")
