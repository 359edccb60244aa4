"""The line of keys: only what can be pressed, short enough for 80 cells."""

from __future__ import annotations

import pytest

from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.hints import LIST_NOT_YET, NOT_YET, keys_lines, question_keys
from rule_of_two.approvals.spans import line_text, line_width
from tests.approvals.samples import RELEASES

EVERY = tuple(choice for choice in Choice if choice is not Choice.WITHOUT)


def test_all_keys_of_a_question_fit_into_one_line_of_80() -> None:
    (line,) = keys_lines(question_keys(EVERY), 80)
    assert line_text(line) == (" y once  d drop C  g grant  n no  f freeze  s new session  a args  w why  q quit")
    assert line_width(line) <= 80


def test_only_what_is_offered_is_there() -> None:
    keys = question_keys((Choice.YES, Choice.NO))
    assert [key for key, _ in keys] == ["y", "n", "a", "w", "q"]


def test_what_approves_is_off_until_the_arguments_were_read_and_says_so_once() -> None:
    keys = question_keys(EVERY, read=False)
    assert keys.count(NOT_YET) == 1
    assert not {"y", "g"} & {key for key, _ in keys}
    assert {"d", "n", "f", "s"} <= {key for key, _ in keys}
    assert NOT_YET not in question_keys([choice for choice in Choice if choice not in APPROVING], read=False)


def test_the_keys_of_a_result_that_came_back_say_what_becomes_of_it() -> None:
    lines = keys_lines(question_keys(RELEASES, release=True), 80)
    assert [line_text(line) for line in lines] == [
        " y let in  d drop C, let in  r rest only  n withhold  f freeze  s new session",
        " i items  a args  w why  q quit",
    ]
    unread = question_keys(RELEASES, read=False, release=True)
    assert LIST_NOT_YET in unread
    assert {"d", "r", "n"} <= {key for key, _ in unread}


@pytest.mark.parametrize("width", [20, 50, 79, 80, 200])
def test_a_narrow_terminal_takes_more_lines_and_loses_no_key(width: int) -> None:
    lines = keys_lines(question_keys(EVERY), width)
    assert all(line_width(line) <= width for line in lines)
    assert " ".join("".join(map(line_text, lines)).split()) == " ".join(
        f"{key} {text}" for key, text in question_keys(EVERY)
    )
