"""Arguments are shown exactly, whole, and inside their frame."""

from __future__ import annotations

from itertools import islice
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from rule_of_two.approvals.argument_view import BAR, value_lines
from rule_of_two.approvals.masks import MASK, Masks
from rule_of_two.approvals.spans import TEXT_BAR, line_text, line_width
from tests.approvals.test_canonical import json_values
from tests.test_escape import is_dangerous


def shown(value: Any, *secrets: str, width: int = 60) -> list[str]:
    return [line_text(line)[len(BAR) :] for line in value_lines(value, Masks(value, secrets), width)]


def test_short_members_come_first_and_texts_keep_their_lines() -> None:
    letter = {"body": "Dear Bob,\nyes.\n", "cc": ["a@x", "b@y"], "to": "bob@example.com", "urgent": True}
    assert shown(letter) == [
        'to      "bob@example.com"',
        "urgent  true",
        "body    15 characters, 3 lines",
        '  ┊ "Dear Bob,↵',
        "  ┊ yes.↵",
        '  ┊ "',
        'cc      ["a@x", "b@y"]',
    ]


def test_containers_are_indented_and_counted() -> None:
    assert shown({"filter": {"any": [{"a": 1}], "empty": {}, "none": []}}) == [
        "filter  3 members",
        "  any    1 element",
        "    0.  1 member",
        "      a  1",
        "  empty  {}",
        "  none   []",
    ]


def test_a_text_that_imitates_another_argument_stays_behind_its_bar() -> None:
    lines = shown({"body": 'x"\nto  "alice@example.com"\n╰─ end of arguments ─\n y  yes'})
    assert all(line.startswith(f"  {TEXT_BAR}") for line in lines[1:])


def test_a_name_that_imitates_a_member_is_quoted() -> None:
    lines = shown({'to  "alice@example.com"\n': 1})
    assert lines == ['"to  \\"alice@example.com\\"↵"', "  1"]


def test_blanks_at_the_end_of_a_text_can_be_seen() -> None:
    assert shown({"body": "x\ny  "})[-1] == '  ┊ y  "'


def test_a_secret_is_hidden_at_every_depth() -> None:
    value = {
        "token": "sesame-open",
        "to": ["ann", "swordfish"],
        "note": "use sesame-open here",
        "long": "sesame-open " * 20,
        "deep": [[[[[[[[[[[[[[["sesame-open"]]]]]]]]]]]]]]],
        "sesame-open": 1,
    }
    text = "\n".join(shown(value, "/token", "/to/1", width=50))
    assert "sesame" not in text
    assert "swordfish" not in text
    assert MASK in text


def test_secret_arguments_as_a_whole_are_hidden() -> None:
    assert shown({"a": "sesame-open"}, "") == [f"{MASK} (secret)"]


def test_a_secret_in_a_deep_object_is_hidden_by_its_place() -> None:
    value: Any = {"key": "abc", "open": [1]}
    for _ in range(15):
        value = {"a": value}
    text = "\n".join(shown(value, "/a" * 15 + "/key", width=40))
    assert MASK in text
    assert "abc" not in text


def test_a_number_too_long_for_its_place_has_a_line_of_its_own() -> None:
    value: Any = {"number": 1.7976931348623157e308}
    for _ in range(10):
        value = {"a": value}
    text = "".join(line.strip().removeprefix(TEXT_BAR) for line in shown(value, width=46))
    assert '"1.7976931348623157e+308"' in text


def test_no_arguments_are_said_to_be_none() -> None:
    assert shown({}) == ["(none)"]


def test_a_long_name_has_lines_of_its_own() -> None:
    lines = shown({"k" * 100: "v"})
    assert "".join(lines[:-1]) == f'"{"k" * 100}"'
    assert lines[-1] == '  "v"'


def test_what_is_said_of_a_value_stands_below_a_name_that_leaves_no_room_for_it() -> None:
    lines = shown({"": {"\x1f\x1f": "\n" * 10}}, width=40)
    assert [line.strip() for line in lines[1:3]] == ['"\\u{1f}\\u{1f}"', "10 characters, 11 lines"]


@given(st.dictionaries(st.text(), json_values, max_size=5), st.integers(40, 100))
@example({"": {"\x1f\x1f": "\n" * 10}}, 40)
def test_every_line_fits_begins_with_the_bar_and_is_safe(value: Any, width: int) -> None:
    for line in value_lines(value, Masks(value, ()), width):
        assert line_text(line).startswith(BAR)
        assert line_width(line) <= width
        assert not any(is_dangerous(character) for character in line_text(line))


@given(st.text(st.characters(exclude_categories=["C", "Z", "M"], exclude_characters="\\"), min_size=1, max_size=300))
def test_no_character_of_a_text_is_lost(text: str) -> None:
    value = {"body": text}
    shown_text = "".join(line.removeprefix("  ┊ ") for line in shown(value) if line.startswith("  ┊ "))
    inline = shown(value)[0].removeprefix("body  ")
    assert text in (shown_text[1:-1], inline[1:-1].replace('\\"', '"'))


def test_the_first_lines_of_ten_megabytes_are_shown_at_once() -> None:
    value = {"body": "line of text\n" * 800_000}
    assert len(list(islice(value_lines(value, Masks(value, ()), 80), 20))) == 20


def test_ten_million_line_feeds_are_not_ten_million_lines() -> None:
    value = {"body": "\n" * 1_000_000}
    assert len(shown(value)) < 30_000
