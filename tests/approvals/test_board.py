"""What the console knows, and the keys that count: only for the question that is on screen and has been read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.board import SETTLE_SECONDS, Board, Face, Item
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import PROTOCOL, Asked, Ended, GatewayHello, Refused, Sessions, SessionStatus
from rule_of_two.approvals.question import Question
from tests.approvals.samples import NOW, WAIT, a_question

READY = 100 + SETTLE_SECONDS


def asked(board: Board, question: Question, gateway: str = "g1") -> None:
    board.hear(gateway, Asked(question=question))


def on_screen(board: Board, *, read: bool = True, at: float = 100) -> Item:
    """The selected question, painted at ``at``."""
    assert board.selected is not None
    board.painted(board.selected, at)
    board.selected.read = read
    return board.selected


def press(board: Board, choice: Choice = Choice.YES, at: float = READY) -> Item | None:
    return board.answer(choice, at=at, now=NOW)


@pytest.fixture
def board() -> Board:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    return board


@pytest.mark.parametrize("choice", Choice)
def test_a_key_answers_the_question_on_screen(board: Board, choice: Choice) -> None:
    question = a_question()
    asked(board, question)
    item = on_screen(board)
    assert press(board, choice) is item
    assert item.question is question
    assert item.sent is choice


def test_without_a_question_a_key_does_nothing(board: Board) -> None:
    assert press(board) is None
    assert board.notice == ""
    board.select(1)
    board.turn(Face.WHY)
    assert board.face is Face.QUESTION


@pytest.mark.parametrize("choice", Choice)
def test_a_key_just_after_a_question_appeared_is_ignored_with_a_hint(board: Board, choice: Choice) -> None:
    asked(board, a_question())
    on_screen(board)
    assert press(board, choice, at=READY - 0.01) is None
    assert "only just appeared" in board.notice


def test_a_key_before_the_question_was_painted_is_ignored(board: Board) -> None:
    asked(board, a_question())
    assert press(board, at=10_000) is None


def test_a_key_meant_for_a_question_that_has_just_gone_does_not_answer_the_next(board: Board) -> None:
    first, second = a_question(), a_question(now=NOW + timedelta(seconds=1))
    asked(board, first)
    asked(board, second)
    item = on_screen(board)
    assert item.question is first
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.WITHDRAWN))
    assert press(board, at=READY) is None
    item = on_screen(board, at=200)
    assert press(board, at=200.5) is None
    assert item.question is second
    assert press(board, at=202) is item


def test_a_key_held_down_never_answers_the_next_question(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    for repeat in range(100):
        assert press(board, at=100.1 + repeat / 30) is None


def test_painting_again_does_not_start_the_wait_anew(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board)
    board.painted(item, 100.6)
    assert press(board, at=READY) is item


def test_painting_a_question_that_is_no_longer_selected_counts_for_nothing(board: Board) -> None:
    first = a_question()
    asked(board, first)
    asked(board, a_question(now=NOW + timedelta(seconds=1)))
    gone = on_screen(board)
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.EXPIRED))
    board.painted(gone, 200)
    assert press(board, at=300) is None


def test_yes_needs_the_arguments_to_have_been_read_and_no_does_not(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board, read=False)
    assert press(board, Choice.YES) is None
    assert "Read the arguments to their end" in board.notice
    assert press(board, Choice.NO) is item


def test_an_answer_is_sent_once(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    assert press(board, Choice.NO) is not None
    assert press(board, Choice.YES) is None
    assert "on its way" in board.notice


def test_an_expired_question_cannot_be_answered(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    assert board.answer(Choice.YES, at=READY, now=NOW + WAIT) is None
    assert "expired" in board.notice


def test_a_refused_answer_is_told_and_may_be_given_again(board: Board) -> None:
    question = a_question()
    asked(board, question)
    item = on_screen(board)
    press(board)
    board.hear("g1", Refused(question_id=question.id, reason=Refusal.DIGEST_MISMATCH))
    assert "Nothing was approved" in board.notice
    assert press(board, at=READY + 5) is item


def test_an_answer_that_could_not_be_sent_approved_nothing(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board)
    press(board)
    board.not_sent(item)
    assert item.sent is None
    assert "nothing was approved" in board.notice


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


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ({"verdict": Choice.YES, "approver": "bob"}, "approved once by bob (unsigned, advisory)"),
        ({"verdict": Choice.NO, "approver": "bo\x1b[2J"}, "refused by bo\\u{1b}[2J"),
        ({"unanswered": Unanswered.WITHDRAWN}, "withdrew"),
        ({}, "it ended"),
    ],
)
def test_a_question_that_ended_elsewhere_disappears_with_what_was_decided(
    board: Board, ended: dict[str, object], said: str
) -> None:
    question = a_question()
    asked(board, question)
    board.hear("g1", Ended(question_id=question.id, **ended))  # type: ignore[arg-type]  # the cases above
    assert board.items == []
    assert board.selected is None
    assert said in board.notice


def test_an_ending_counts_only_for_the_gateway_that_says_it(board: Board) -> None:
    question = a_question()
    asked(board, question, "g1")
    board.hear("g2", Ended(question_id=question.id, unanswered=Unanswered.EXPIRED))
    assert [item.question for item in board.items] == [question]


def test_a_gateway_that_goes_takes_its_questions_and_sessions_along(board: Board) -> None:
    status = SessionStatus(id="s", client="c", held=frozenset(("A",)))
    board.hear("g1", Sessions(sessions=(status,)))
    assert board.sessions == {"g1": (status,)}
    asked(board, a_question(), "g1")
    asked(board, a_question(), "g2")
    board.hear("g1", None)
    assert [item.gateway for item in board.items] == ["g2"]
    assert board.sessions == {}
    assert "its gateway went away" in board.notice


def test_a_gateway_of_another_version_is_named_and_not_counted() -> None:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL + 1, gateway="g1"))
    assert board.sessions == {}
    assert "another version" in board.notice
