"""The keys that count: only for the question that is on screen and has been read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rule_of_two.approvals.answer import Unanswered
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import APPROVING, REFUSING, Choice
from rule_of_two.approvals.items import Said
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import (
    Ended,
)
from rule_of_two.approvals.question_list import Face
from tests.approvals.boards import EVERY, READY, a_question, asked, on_screen, press, said
from tests.approvals.samples import NOW, WAIT, a_release


@pytest.mark.parametrize("choice", [Choice.YES, Choice.NO, Choice.FREEZE])
def test_a_key_answers_the_question_on_screen(board: Board, choice: Choice) -> None:
    question = a_question(offers=EVERY)
    asked(board, question)
    item = on_screen(board)
    assert press(board, choice) == Said(item, choice)
    assert item.question is question
    assert item.sent is choice


def test_without_a_question_a_key_does_nothing(board: Board) -> None:
    assert press(board) is None
    board.select(1)
    board.turn(Face.WHY)
    assert board.face is Face.QUESTION


def test_how_a_question_ended_stays_on_screen_when_a_key_was_meant_for_it(board: Board) -> None:
    question = a_question()
    asked(board, question)
    on_screen(board)
    board.hear("g1", Ended(question_id=question.id, verdict=Choice.YES, approver="alice"))
    ended = said(board)
    for _ in range(2):
        assert press(board, Choice.NO) is None
        assert said(board) == f"{ended} Nothing is shown that this key could act on."
    asked(board, a_question())
    board.hear("g1", None)
    assert ended not in said(board)


@pytest.mark.parametrize("choice", Choice)
def test_a_key_just_after_a_question_appeared_is_ignored_with_a_hint(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    on_screen(board)
    assert press(board, choice, at=READY - 0.01) is None
    assert "only just appeared" in said(board)


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
    assert press(board, at=202) == Said(item, Choice.YES)


def test_a_key_held_down_never_answers_the_next_question(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    for repeat in range(100):
        assert press(board, at=100.1 + repeat / 30) is None


def test_painting_again_does_not_start_the_wait_anew(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board)
    board.painted(board.showing, 100.6)
    assert press(board, at=READY) == Said(item, Choice.YES)


def test_painting_a_question_that_is_no_longer_selected_counts_for_nothing(board: Board) -> None:
    first = a_question()
    asked(board, first)
    asked(board, a_question(now=NOW + timedelta(seconds=1)))
    gone = board.showing
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.EXPIRED))
    board.painted(gone, 200)
    assert press(board, at=300) is None


@pytest.mark.parametrize("choice", sorted(APPROVING))
def test_what_approves_needs_the_arguments_to_have_been_read(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    on_screen(board, read=False)
    assert press(board, choice) is None
    assert board.confirmation.of is None
    assert "Read the arguments to their end" in said(board)


@pytest.mark.parametrize("choice", sorted(REFUSING))
def test_what_refuses_needs_no_reading(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY) if choice in EVERY else a_release(wait=timedelta(hours=9)))
    item = on_screen(board, read=False)
    assert press(board, choice) == Said(item, choice)


def test_an_answer_is_sent_once(board: Board) -> None:
    asked(board, a_question())
    on_screen(board)
    assert press(board, Choice.NO) is not None
    assert press(board, Choice.YES) is None
    assert "on its way" in said(board)


def test_an_expired_question_cannot_be_answered(board: Board) -> None:
    asked(board, a_question(wait=WAIT))
    on_screen(board)
    assert Keypad(board).press(Choice.YES, at=READY, now=NOW + WAIT) is None
    assert "expired" in said(board)


def test_an_answer_that_could_not_be_sent_approved_nothing(board: Board) -> None:
    asked(board, a_question())
    item = on_screen(board)
    deed = press(board)
    assert deed is not None
    Keypad(board).not_sent(deed)
    assert item.sent is None
    assert "nothing was approved" in said(board)


@pytest.mark.parametrize("choice", [choice for choice in Choice if choice not in {Choice.YES, Choice.NO}])
def test_what_a_question_does_not_offer_is_explained_and_not_sent(board: Board, choice: Choice) -> None:
    asked(board, a_question())
    on_screen(board)
    assert press(board, choice) is None
    assert board.confirmation.of is None
    assert any(words in said(board) for words in ("not offered", "No grant here", "has not been sent"))
