"""Nothing that a terminal obeys, that reorders text or that nobody can see comes out of `visible`."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.escape import HIDDEN_CATEGORIES, MAX_MARKS, host_warning, is_mark, name_warning, quoted, visible

INVISIBLE = "\u034f\u115f\u1160\u17b4\u2800\u3164\uffa0\ufe0f\ufe00\U000e0100\u180b"


def is_dangerous(character: str) -> bool:
    return character != " " and (unicodedata.category(character) in HIDDEN_CATEGORIES or character in INVISIBLE)


@given(st.text(st.characters()))
def test_a_warning_about_a_name_has_no_word_of_its_own(name: str) -> None:
    for note in (name_warning(name) or "").split(", "):
        scripts = note.removeprefix("MIXES ").removesuffix(" letters").split(" and ")
        known = ("", "is too long to be looked through", "its host is NOT PLAIN ASCII")
        twins = note in {f"its {script} letters LOOK LIKE Latin ones" for script in ("Cyrillic", "Greek")}
        assert note in known or twins or (note.startswith("MIXES ") and all(s.isascii() for s in scripts))


@given(st.text(st.characters()))
def test_no_dangerous_character_comes_out(text: str) -> None:
    assert not any(is_dangerous(character) for character in visible(text))


def test_no_character_of_unicode_comes_out_hidden() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert not {character for character in visible(everything) if is_dangerous(character)}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\u{1b}[31mred"),
        ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
        ("\x9b2J", "\\u{9b}2J"),
        ("\x7f", "\\u{7f}"),
        ("a\rb", "a\\u{d}b"),
        ("a\nb\tc", "a↵b⇥c"),
        ("\u202eexe.txt", "\\u{202e}exe.txt"),
        ("\u2066\u2069\u061c\u200e\u200f", "\\u{2066}\\u{2069}\\u{61c}\\u{200e}\\u{200f}"),
        ("ze\u200bro\u200d\ufeff", "ze\\u{200b}ro\\u{200d}\\u{feff}"),
        ("\U000e0041\U000e007f", "\\u{e0041}\\u{e007f}"),
        ("\u2764\ufe0f", "\u2764\\u{fe0f}"),
        ("\ud800", "\\u{d800}"),
        ("\u2028\u2029", "\\u{2028}\\u{2029}"),
        ("\ue000\U0010ffff", "\\u{e000}\\u{10ffff}"),
        ("\u0378", "\\u{378}"),
        ("a\u00a0b", "a\\u{a0}b"),
        ("\u3164", "\\u{3164}"),
    ],
    ids=ascii,
)
def test_each_dangerous_kind_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    ["plain text", "Grüße, señor", "日本語", "हिन्दी", "👍🎉👩", "e\u0301", "C:\\Users\\x", "Ελλάδα", "שלום"],
    ids=ascii,
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_an_escape_in_the_text_cannot_be_taken_for_one_of_ours() -> None:
    assert visible("\\u{202e}") == "\\u{5c}u{202e}"
    assert visible("\\u{202e}") != visible("\u202e")


@given(st.text(st.characters()), st.text(st.characters()))
def test_two_texts_never_look_the_same(one: str, other: str) -> None:
    pictures = str.maketrans({"↵": "", "⇥": ""})
    one, other = one.translate(pictures), other.translate(pictures)
    assert (visible(one) == visible(other)) == (one == other)


@given(st.text(st.sampled_from("e\u0301\u0e47\u0488")))
def test_marks_never_pile_up_and_never_touch_what_is_before_them(text: str) -> None:
    shown = visible(text)
    assert not (shown and is_mark(shown[0]))
    assert not re.search(f"[\u0301\u0e47\u0488]{{{MAX_MARKS + 1}}}", shown)


@given(st.text(st.characters()))
def test_a_text_cannot_end_its_own_quotation(text: str) -> None:
    inside = quoted(text)[1:-1]
    assert '"' not in inside.replace('\\"', "")


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1:8000", "[::1]:443", "localhost", "xn--", "a.b.c", ""])
def test_a_plain_host_needs_no_warning(host: str) -> None:
    assert host_warning(host) is None


@pytest.mark.parametrize("host", ["\u0430pple.com", "xn--pple-43d.com", "xn--pple-43d.com:8443", "\u0410pple.com"])
def test_a_host_of_mixed_scripts_is_flagged_in_either_form(host: str) -> None:
    warning = host_warning(host)
    assert warning is not None
    assert "MIXES Cyrillic and Latin letters" in warning
    assert "xn--pple-43d.com" in warning


@pytest.mark.parametrize("host", ["\u0430\u0440\u0440\u04cf\u0435.com", "xn--80ak6aa92e.com"])
def test_a_host_that_imitates_latin_letters_is_flagged(host: str) -> None:
    assert "Cyrillic letters LOOK LIKE Latin ones" in str(host_warning(host))


@pytest.mark.parametrize("host", ["münchen.de", "日本語ひらがな.jp", "россия.рф"])
def test_an_honest_international_host_is_shown_in_punycode_without_an_alarm(host: str) -> None:
    warning = str(host_warning(host))
    assert "xn--" in warning
    assert "MIXES" not in warning
    assert "LOOK LIKE" not in warning


def test_a_damaged_punycode_name_is_shown_as_it_is() -> None:
    assert 'reads as "xn--Ж.com"' in str(host_warning("xn--Ж.com"))


def test_a_name_that_idna_forbids_is_still_shown_in_punycode() -> None:
    assert 'is really "xn--' in str(host_warning("\ud800.com"))


def test_a_host_too_long_to_be_one_is_flagged() -> None:
    assert host_warning("a" * 300) == "is longer than a host's name can be"


@given(st.text(st.characters()))
def test_a_host_warning_is_safe_to_print_whatever_the_host(host: str) -> None:
    assert not any(is_dangerous(character) for character in host_warning(host) or "")
