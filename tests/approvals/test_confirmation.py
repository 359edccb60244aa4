"""What cannot be taken back is confirmed by the same key, for exactly what it was begun on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rule_of_two.approvals.answer import Unanswered
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import REFUSING, Choice
from rule_of_two.approvals.items import Ordered, Said
from rule_of_two.approvals.keypad import MINUTES, USES
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Ended,
    GatewayHello,
    Sessions,
)
from rule_of_two.approvals.question_list import Face
from rule_of_two.model import Target
from tests.approvals.boards import CONFIRMED, EVERY, READY, a_question, asked, begun, on_screen, press, said, status
from tests.approvals.samples import NOW, a_release


@pytest.mark.parametrize("choice", CONFIRMED)
def test_what_cannot_be_taken_back_needs_the_same_key_again_after_its_meaning_was_on_screen(
    board: Board, choice: Choice
) -> None:
    asked(board, a_question(offers=EVERY))
    item = on_screen(board)
    assert press(board, choice) is None
    assert board.confirmation.of is choice
    board.confirmation.terms_read = True
    assert press(board, choice, at=READY + 0.1) is None, "it was not painted"
    board.painted(board.showing, READY + 0.2)
    assert press(board, choice, at=READY + 0.3) is None, "it was not at rest"
    assert board.confirmation.sentence
    deed = press(board, choice, at=READY + 5)
    assert isinstance(deed, Said)
    assert (deed.item, deed.choice, item.sent) == (item, choice, choice)
    assert board.confirmation.of is None


@pytest.mark.parametrize("choice", CONFIRMED)
def test_a_confirmation_ends_with_its_question(board: Board, choice: Choice) -> None:
    first, second = a_question(offers=EVERY), a_question(offers=EVERY, now=NOW + timedelta(seconds=1))
    asked(board, first)
    asked(board, second)
    begun(board, choice)
    board.hear("g1", Ended(question_id=first.id, unanswered=Unanswered.WITHDRAWN))
    assert board.confirmation.of is None
    assert board.face is Face.QUESTION
    on_screen(board, at=200)
    assert press(board, choice, at=300) is None, "it begins anew"


@pytest.mark.parametrize("choice", CONFIRMED)
def test_a_confirmation_ends_when_another_question_is_selected(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    asked(board, a_question(offers=EVERY, now=NOW + timedelta(seconds=1)))
    begun(board, choice)
    board.select(1)
    board.select(-1)
    on_screen(board, at=200)
    assert press(board, choice, at=300) is None


@pytest.mark.parametrize("choice", CONFIRMED)
def test_a_confirmation_ends_when_the_clock_jumps(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    begun(board, choice)
    assert press(board, choice, at=200, late=3) is None
    assert board.confirmation.of is None
    assert "clock has jumped" in said(board)


@pytest.mark.parametrize("other", [Choice.YES, *CONFIRMED])
@pytest.mark.parametrize("choice", CONFIRMED)
def test_another_key_leaves_a_confirmation_and_does_nothing_else(board: Board, choice: Choice, other: Choice) -> None:
    if other is choice:
        return
    release = other is Choice.WITHOUT
    if release and choice is Choice.GRANT:
        return  # a release offers no grant that could be begun
    asked(board, a_release(wait=timedelta(hours=9)) if release else a_question(offers=EVERY))
    item = begun(board, choice)
    assert press(board, other, at=200) is None
    assert (board.confirmation.of, item.sent) == (None, None)
    assert "Left" in said(board)


@pytest.mark.parametrize("other", sorted(REFUSING))
@pytest.mark.parametrize("choice", CONFIRMED)
def test_no_is_no_during_a_confirmation_too(board: Board, choice: Choice, other: Choice) -> None:
    release = other is Choice.WITHOUT
    choice = Choice.NEW if release and choice is Choice.GRANT else choice  # there is no grant for what came back
    asked(board, a_release(wait=timedelta(hours=9)) if release else a_question(offers=EVERY))
    item = begun(board, choice)
    assert press(board, other, at=200) == Said(item, other)


@pytest.mark.parametrize("choice", CONFIRMED)
def test_escape_and_another_side_leave_a_confirmation(board: Board, choice: Choice) -> None:
    asked(board, a_question(offers=EVERY))
    begun(board, choice)
    assert board.leave()
    assert not board.leave()
    assert (board.confirmation.of, board.face) == (None, Face.QUESTION)
    board.painted(board.showing, 300)
    press(board, choice, at=400)
    board.turn(Face.WHY)
    assert (board.confirmation.of, board.face) == (None, Face.WHY)


def test_dropping_says_what_it_means_for_exactly_this_call(board: Board) -> None:
    asked(board, a_question(offers=EVERY, labels=frozenset(("C",))))
    begun(board, Choice.DROP)
    assert "This call carries C, so it is refused" in said(board)
    board.hear("g1", None)
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    asked(board, a_question(offers=EVERY, labels=frozenset(("B",))))
    board.painted(board.showing, 300)
    press(board, Choice.DROP, at=400)
    assert "This read passes" in said(board)


def test_a_new_session_says_that_the_model_does_not_forget_and_asks(board: Board) -> None:
    asked(board, a_question(offers=EVERY))
    begun(board, Choice.NEW)
    assert "the model does not" in said(board)
    assert "Is the conversation really new?" in said(board)


def test_a_grant_is_for_this_tool_and_these_targets_and_as_often_as_was_on_screen(board: Board) -> None:
    question = a_question(offers=EVERY)
    asked(board, question)
    begun(board, Choice.GRANT)
    assert board.face is Face.TERMS
    assert board.confirmation.terms is not None
    assert board.confirmation.terms.fits(question)
    assert (board.confirmation.terms.uses, board.confirmation.terms.minutes) == (USES, MINUTES)
    board.confirmation.adjust(uses=2, minutes=-5)
    assert press(board, Choice.GRANT, at=201) is None, "the new terms were not on screen"
    board.painted(board.showing, 202)
    assert press(board, Choice.GRANT, at=210) is None, "their end was not on screen"
    assert "Read the terms" in said(board)
    board.confirmation.terms_read = True
    deed = press(board, Choice.GRANT, at=211)
    assert isinstance(deed, Said)
    assert deed.grant is not None
    assert (deed.grant.uses, deed.grant.minutes, deed.grant.targets) == (
        USES + 2,
        MINUTES - 5,
        (("recipient", "mallory@evil.example"),),
    )


def test_terms_stay_within_what_a_grant_may_be(board: Board) -> None:
    board.confirmation.adjust(uses=1)
    asked(board, a_question(offers=EVERY))
    begun(board, Choice.GRANT)
    assert board.confirmation.terms is not None
    board.confirmation.adjust(uses=-1000, minutes=-1000)
    assert (board.confirmation.terms.uses, board.confirmation.terms.minutes) == (1, 1)
    board.confirmation.adjust(uses=1000, minutes=1000)
    assert (board.confirmation.terms.uses, board.confirmation.terms.minutes) == (100, 480)


def test_no_grant_for_targets_that_cannot_be_read_even_if_it_is_offered(board: Board) -> None:
    asked(board, a_question(offers=EVERY, targets=(Target("url", None, "//:"),)))
    on_screen(board)
    assert press(board, Choice.GRANT) is None
    assert board.confirmation.of is None
    assert "targets that can be read" in said(board)


@pytest.mark.parametrize("choice", [Choice.DROP, Choice.FREEZE, Choice.NEW])
def test_a_key_is_done_to_the_session_that_is_marked_once_it_was_confirmed(board: Board, choice: Choice) -> None:
    board.hear("g1", Sessions(sessions=(status(1), status(2))))
    board.select(1)
    board.painted(board.showing, 100)
    assert press(board, choice) is None
    assert "s-2?" in said(board)
    assert press(board, choice, at=READY + 1) is None
    board.painted(board.showing, 200)
    assert press(board, choice, at=201) == Ordered("g1", "s-2", choice)


def test_a_session_that_ends_takes_its_confirmation_along(board: Board) -> None:
    board.hear("g1", Sessions(sessions=(status(1), status(2))))
    board.select(1)
    board.painted(board.showing, 100)
    press(board, Choice.FREEZE)
    board.painted(board.showing, 200)
    board.hear("g1", Sessions(sessions=(status(1),)))
    assert board.confirmation.of is None
    assert press(board, Choice.FREEZE, at=300) is None
    board.painted(board.showing, 400)
    assert press(board, Choice.FREEZE, at=500) is None, "it begins anew, on another session"


def test_a_question_that_comes_takes_the_screen_and_the_confirmation(board: Board) -> None:
    board.hear("g1", Sessions(sessions=(status(1),)))
    board.painted(board.showing, 100)
    press(board, Choice.NEW)
    board.painted(board.showing, 200)
    asked(board, a_question(offers=EVERY))
    assert not board.listing
    assert press(board, Choice.NEW, at=300) is None
    assert board.confirmation.of is None
