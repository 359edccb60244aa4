"""What the console knows of all gateways, and what is on its screen."""

from __future__ import annotations

from datetime import timedelta

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.items import Said
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Done,
    Ended,
    GatewayHello,
    Refused,
    Sessions,
    SessionStatus,
    Waits,
)
from rule_of_two.approvals.question_list import Face
from rule_of_two.model import Tier
from tests.approvals.boards import EVERY, READY, a_question, asked, on_screen, press, said, status
from tests.approvals.samples import NOW


def test_a_refused_answer_is_told_and_may_be_given_again(board: Board) -> None:
    question = a_question()
    asked(board, question)
    item = on_screen(board)
    press(board)
    board.hear("g1", Refused(question_id=question.id, reason=Refusal.DIGEST_MISMATCH))
    assert "Nothing was approved" in said(board)
    assert press(board, at=READY + 5) == Said(item, Choice.YES)


def test_questions_of_all_gateways_are_listed_oldest_first_and_the_one_on_screen_stays(board: Board) -> None:
    late, early = a_question(now=NOW + timedelta(seconds=9)), a_question()
    asked(board, late, "g1")
    shown = board.selected
    asked(board, early, "g2")
    assert [item.question for item in board.items] == [early, late]
    assert board.selected is shown


def test_only_a_new_question_rings(board: Board) -> None:
    question = a_question()
    assert board.hear("g1", Asked(question=question))
    assert not board.hear("g1", Sessions(sessions=()))
    assert not board.hear("g1", Ended(question_id=question.id, unanswered=Unanswered.EXPIRED))
    assert not board.hear("g1", None)


def test_selecting_goes_round_and_shows_the_question_itself(board: Board) -> None:
    questions = [a_question(now=NOW + timedelta(seconds=number)) for number in range(3)]
    for question in questions:
        asked(board, question)
    board.turn(Face.ARGUMENTS)
    seen = []
    for step in (1, 1, 1, -1):
        board.select(step)
        assert board.selected is not None
        seen.append(questions.index(board.selected.question))
    assert seen == [1, 2, 0, 2]
    assert board.face is Face.QUESTION
    assert press(board, at=10_000) is None


def test_the_same_key_turns_to_a_side_and_back(board: Board) -> None:
    asked(board, a_question())
    faces = []
    for face in (Face.WHY, Face.ARGUMENTS, Face.ARGUMENTS):
        board.turn(face)
        faces.append(board.face)
    assert faces == [Face.WHY, Face.ARGUMENTS, Face.QUESTION]


def test_an_ending_counts_only_for_the_gateway_that_says_it(board: Board) -> None:
    question = a_question()
    asked(board, question, "g1")
    board.hear("g2", Ended(question_id=question.id, unanswered=Unanswered.EXPIRED))
    assert [item.question for item in board.items] == [question]


def test_a_gateway_that_goes_takes_its_questions_and_sessions_along(board: Board) -> None:
    status = SessionStatus(id="s", client="c", held=frozenset(("A",)))
    board.hear("g1", Sessions(sessions=(status,)))
    assert [row.status for row in board.roster.rows] == [status]
    asked(board, a_question(), "g1")
    asked(board, a_question(), "g2")
    board.hear("g1", None)
    assert [item.gateway for item in board.items] == ["g2"]
    assert board.roster.rows == ()
    assert "its gateway went away" in said(board)


def test_a_gateway_of_another_version_is_named_and_not_counted() -> None:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL + 1, gateway="g1"))
    assert board.roster.tiers == {}
    assert "another version" in said(board)


def test_a_question_that_comes_while_sessions_were_asked_for_waits(board: Board) -> None:
    board.hear("g1", Sessions(sessions=(status(1),)))
    asked(board, a_question(offers=EVERY))
    board.list_sessions()
    asked(board, a_question(offers=EVERY))
    assert board.listing
    board.painted(board.showing, 100)
    for choice in (Choice.YES, Choice.NO, Choice.GRANT):
        assert press(board, choice) is None
        assert "none is on screen" in said(board)
    board.list_sessions()
    assert not board.listing


def test_what_became_of_a_command_is_told(board: Board) -> None:
    told = []
    for message in (
        Done(command_id="1", choice=Choice.DROP, session="s-1"),
        Done(command_id="2", choice=Choice.FREEZE, session="s-1"),
        Done(command_id="3", choice=Choice.NEW, session="s-9"),
        Refused(question_id="4", reason=Refusal.UNKNOWN_SESSION),
    ):
        board.hear("g1", message)
        told.append(said(board))
    assert told == [
        "Done: session s-1 has given up C.",
        "Done: session s-1 is frozen.",
        "A new session has begun, and it holds nothing: s-9.",
        "The gateway does not know this session.",
    ]


def test_a_yes_that_is_not_enough_leaves_the_question_open(board: Board) -> None:
    question = a_question()
    asked(board, question)
    item = on_screen(board)
    press(board)
    board.hear("g1", Waits(question_id=question.id, calls=1))
    assert item.sent is Choice.YES
    board.hear("g1", Waits(question_id=question.id, calls=1, approvers=("alice",)))
    assert item.sent is None
    assert "alice; another approver is needed" in said(board)


def test_a_board_that_does_not_follow_shows_only_what_was_asked_for() -> None:
    board = Board(follows=False)
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1", tier=Tier.SIGNED))
    first, second = a_question(), a_question(now=NOW + timedelta(seconds=1))
    asked(board, first)
    assert board.selected is None
    assert press(board) is None
    assert not board.choose(1)
    asked(board, second)
    assert board.choose(1)
    board.hear("g1", Ended(question_id=second.id, unanswered=Unanswered.EXPIRED))
    assert board.selected is None
    assert press(board, at=500) is None
