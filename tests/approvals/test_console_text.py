"""Header, lists, notes and keys fit their width and hide nothing without saying so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals import console_text
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.messages import PROTOCOL, Asked, GatewayHello, Sessions, Waits
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import line_text, line_width
from rule_of_two.model import Tier
from tests.approvals.consoles import EVERY, status
from tests.approvals.samples import NOW, a_question
from tests.test_escape import is_dangerous

SIGNER = Signer("alice")


def a_board(sessions: int = 0, questions: int = 0, **members: Any) -> Board:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1", tier=Tier.ADVISORY))
    board.hear("g1", Sessions(sessions=tuple(status(number, **members) for number in range(sessions))))
    for _ in range(questions):
        board.hear("g1", Asked(question=a_question(offers=EVERY)))
    return board


@given(st.integers(0, 30), st.integers(50, 200), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_the_header_fits_counts_the_sessions_it_leaves_out_and_says_what_an_answer_is_worth(
    sessions: int, width: int, client: str
) -> None:
    line = console_text.header(a_board(sessions, client=client), SIGNER, width)
    text = line_text(line)
    assert line_width(line) <= width
    assert not any(is_dangerous(character) for character in text)
    assert "1 gateway  unsigned, advisory" in text
    shown = text.count("[A][B][ ]")
    assert shown == sessions or f"+{sessions - shown}" in text


@pytest.mark.parametrize("place", [0, 1, 250, 498, 499])
def test_the_marked_session_is_always_among_those_that_are_listed(place: int) -> None:
    board = a_board(500)
    board.roster.choose(place)
    lines = list(map(line_text, console_text.sessions(board, 80, 9)))
    assert len(lines) == 9
    (marked,) = [line for line in lines if line.startswith("▸")]
    assert f" s-{place} " in marked


def test_questions_are_listed_around_the_selected_one_and_not_beside_another_side() -> None:
    board = a_board(0, 10)
    board.choose(9)
    lines = list(map(line_text, console_text.questions(board, 80, 3, NOW)))
    assert [line[:6] for line in lines] == ["  8/10", "  9/10", "▸10/10"]
    board.list_sessions()
    assert console_text.questions(board, 80, 3, NOW) == []


def test_questions_that_wait_behind_the_sessions_are_counted_in_the_header() -> None:
    board = a_board(1, 2)
    board.list_sessions()
    assert "2 questions waiting: press l" in line_text(console_text.header(board, SIGNER, 120))


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        (1, []),
        (3, ["asked 3 times; a yes is for one of these calls"]),
        (0, ["the agent was told to come back: a yes waits until it repeats the call"]),
    ],
)
def test_notes_say_how_a_question_stands(calls: int, said: list[str]) -> None:
    board = a_board(0, 1)
    (item,) = board.items
    board.hear("g1", Waits(question_id=item.question.id, calls=calls))
    assert list(map(line_text, console_text.notes(item, board, SIGNER))) == said
