"""The line of keys: only what can be pressed, short enough for 80 cells."""

from __future__ import annotations

import pytest

from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.hints import NOT_YET, keys_lines, question_keys
from rule_of_two.approvals.spans import line_text, line_width


def test_all_keys_of_a_question_fit_into_one_line_of_80() -> None:
    (line,) = keys_lines(question_keys(tuple(Choice)), 80)
    assert line_text(line) == (" y once  d drop C  g grant  n no  f freeze  s new session  a args  w why  q quit")
    assert line_width(line) <= 80


def test_only_what_is_offered_is_there() -> None:
    keys = question_keys((Choice.YES, Choice.NO))
    assert [key for key, _ in keys] == ["y", "n", "a", "w", "q"]


def test_what_approves_is_off_until_the_arguments_were_read_and_says_so_once() -> None:
    keys = question_keys(tuple(Choice), read=False)
    assert keys.count(NOT_YET) == 1
    assert not {"y", "g"} & {key for key, _ in keys}
    assert {"d", "n", "f", "s"} <= {key for key, _ in keys}
    assert NOT_YET not in question_keys([choice for choice in Choice if choice not in APPROVING], read=False)


@pytest.mark.parametrize("width", [20, 50, 79, 80, 200])
def test_a_narrow_terminal_takes_more_lines_and_loses_no_key(width: int) -> None:
    lines = keys_lines(question_keys(tuple(Choice)), width)
    assert all(line_width(line) <= width for line in lines)
    assert " ".join("".join(map(line_text, lines)).split()) == " ".join(
        f"{key} {text}" for key, text in question_keys(tuple(Choice))
    )
