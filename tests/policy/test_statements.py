"""Statements and their lines, held against the engine's own reading."""

from __future__ import annotations

import re
from pathlib import Path

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import PolicyError
from rule_of_two.policy.statements import MAX_DEPTH, MAX_OPERATORS, split

FILE = Path("x.cedar")
LAYOUT = st.lists(
    st.sampled_from(
        [" ", "\n", "\r\n", "\t", "// permit (principal, action, resource);\n", '// "\n', "//\r", "// {[(\n"]
    ),
    max_size=4,
).map("".join)
CONTENT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20) | st.sampled_from(
    ["};", "//", ";", '"', "\\", "forbid (principal, action, resource);", "// \n"]
)


def quoted(text: str) -> str:
    escaped = "".join(char if char.isascii() and char.isalnum() else f"\\u{{{ord(char):x}}}" for char in text)
    return f'"{escaped}"'


def raw(text: str) -> str:
    """As it would be written: only what must be escaped is."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def policy(text: str) -> str:
    return f"permit (principal, action, resource) when {{ {raw(text)} == {quoted(text)} }};"


@given(st.lists(st.tuples(LAYOUT, CONTENT), max_size=5), LAYOUT)
def test_strings_and_comments_never_hide_or_invent_a_statement(parts: list[tuple[str, str]], tail: str) -> None:
    text = "".join(layout + policy(content) for layout, content in parts) + tail
    statements = split(text, FILE)
    assert [statement.text for statement in statements] == [policy(content) for _, content in parts]
    assert [statement.number for statement in statements] == list(range(1, len(parts) + 1))
    assert len(cedarpy.PolicySet.from_str(text)) == len(statements)


@given(st.text() | st.text('"\\/;(){}[]\n\r a.&!', max_size=60))
def test_any_text_is_split_without_loss(text: str) -> None:
    rest = text
    for statement in split(text, FILE):
        skipped, found, rest = rest.partition(statement.text)
        assert found
        assert re.fullmatch(r"(\s|//[^\n\r]*)*", skipped)
    assert re.fullmatch(r"(\s|//[^\n\r]*)*", rest)


def test_a_statement_begins_on_the_line_of_its_first_token() -> None:
    policies = '@id("a.a")\npermit (principal,\naction, resource); permit (principal, action, resource);'
    text = f"// a ; comment\n\n{policies}\n\nx"
    assert [(statement.number, statement.line) for statement in split(text, FILE)] == [(1, 3), (2, 5), (3, 7)]


def test_a_statement_without_its_semicolon_is_not_lost() -> None:
    assert [statement.text for statement in split("permit (principal) // end\n", FILE)] == ["permit (principal) // end"]


def test_a_carriage_return_ends_a_comment_as_it_does_for_the_engine() -> None:
    text = "// note\rforbid (principal, action, resource);"
    assert len(split(text, FILE)) == len(cedarpy.PolicySet.from_str(text)) == 1


@pytest.mark.parametrize(
    ("opening", "closing"), [("(", ")"), ("[", "]"), ("{a:", "}"), ("!(", ")"), ("if x then y else ", "")]
)
def test_brackets_that_would_crash_the_engine_are_refused_with_file_and_line(opening: str, closing: str) -> None:
    def nested(depth: int) -> str:
        return f"\npermit (principal, action, resource) when {{ {opening * depth}true{closing * depth} }};"

    assert len(split(nested(MAX_DEPTH - 1), FILE)) == 1
    with pytest.raises(PolicyError, match=r"^x\.cedar:2: statement 1: nests more than 32 brackets or ifs"):
        split(nested(5000), FILE)


@pytest.mark.parametrize("operator", ["true && ", "true || ", "1 + ", "1 * ", "1 - ", "a."])
def test_chains_that_would_crash_the_engine_are_refused_with_file_and_line(operator: str) -> None:
    def chain(length: int) -> str:
        return f"\n\npermit (principal, action, resource) when {{ {operator * length}x }};"

    assert len(split(chain(MAX_OPERATORS), FILE)) == 1
    with pytest.raises(PolicyError, match=r"^x\.cedar:3: statement 1: has more than 300 operators"):
        split(chain(MAX_OPERATORS + 1), FILE)


def test_depth_is_counted_for_each_statement_alone() -> None:
    one = f"permit (principal, action, resource) when {{ {'(' * 30}true{')' * 30} && true }};"
    assert len(split(one * 500, FILE)) == 500
