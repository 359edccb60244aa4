"""What was held back, on a console: chosen, read to its end, and endorsed by the second key."""

from __future__ import annotations

from datetime import timedelta

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Vouched
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Endorsed,
    GatewayHello,
    Refused,
    Withheld,
)
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.approvals.spans import line_text
from tests.approvals.samples import NOW, a_question, a_withheld

READY = 100 + SETTLE_SECONDS


def a_board() -> Board:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    board.hear("g1", Withheld(items=(a_withheld(1), a_withheld(2))))
    return board


def painted(board: Board, at: float) -> None:
    board.painted(board.showing, at)


def press(board: Board, at: float) -> Vouched | None:
    deed = Keypad(board).settle(board.review, Verdict.ACCEPT, at=at, now=NOW + timedelta(seconds=at))
    assert deed is None or isinstance(deed, Vouched)
    return deed


def said(board: Board) -> str:
    return " ".join(map(line_text, board.words))


def test_an_item_is_endorsed_by_the_second_key_once_its_text_was_read() -> None:
    board = a_board()
    assert press(board, 10) is None
    assert "h shows what was" in said(board)
    board.look_at(board.review)
    board.select(1)
    painted(board, 100)
    assert press(board, READY) is None
    assert "Read its text to the end first" in said(board)
    board.look_at(board.review, on=True, text=True)
    assert board.review.chosen is not None
    board.review.read.add(board.review.chosen.key)
    assert press(board, READY + 1) is None
    assert "Endorse the item msg-1, 2,048 bytes, as it is now?" in said(board)
    painted(board, READY + 2)
    assert press(board, READY + 2.1) is None, "too early"
    assert press(board, READY + 4) == Vouched("g1", a_withheld(1))


def test_keys_that_answer_do_nothing_while_items_are_looked_at() -> None:
    board = a_board()
    question = a_question(wait=timedelta(hours=9))
    board.hear("g1", Asked(question=question))
    board.look_at(board.review)
    painted(board, 100)
    for choice in question.offers:
        assert Keypad(board).press(choice, at=READY, now=NOW) is None
    assert "neither is on screen" in said(board)
    assert board.selected is not None
    assert board.selected.sent is None


def test_a_confirmation_ends_when_another_item_is_chosen_or_comes() -> None:
    board = a_board()
    board.look_at(board.review)
    assert board.review.chosen is not None
    board.review.read.add(board.review.chosen.key)
    painted(board, 100)
    press(board, READY)
    assert board.confirmation.of is Verdict.ACCEPT
    board.hear("g1", Withheld(items=(a_withheld(3),)))
    assert board.confirmation.of is None
    assert press(board, READY + 9) is None


def test_what_was_chosen_stays_so_when_newer_items_come() -> None:
    board = a_board()
    board.look_at(board.review)
    board.select(1)
    board.hear("g1", Withheld(items=(a_withheld(3),)))
    assert board.review.chosen is not None
    assert board.review.chosen.withheld.item.id == "i1"
    board.look_at(board.review)
    board.look_at(board.review, on=True, text=True)
    board.hear("g1", Endorsed(item_id="i1", approver="bob"))
    assert not board.review.open
    assert board.review.chosen.withheld.item.id == "i3"


def test_an_endorsed_item_and_those_of_a_lost_gateway_are_off_the_list() -> None:
    board = a_board()
    board.look_at(board.review)
    board.hear("g1", Endorsed(item_id="i2", approver="bob", signed=True))
    assert [row.withheld.item.id for row in board.review.rows] == ["i1"]
    assert "Endorsed, by bob (signed)" in said(board)
    board.hear("g1", None)
    assert board.review.rows == ()
    assert press(board, READY) is None


def test_an_endorsement_on_its_way_is_not_given_twice_unless_the_gateway_refuses_it() -> None:
    board = a_board()
    board.look_at(board.review, on=True, text=True)
    board.seen()
    painted(board, 100)
    assert press(board, READY) is None
    painted(board, READY)
    deed = press(board, READY + 1)
    assert deed is not None
    for lost in (True, False):
        painted(board, READY + 2)
        assert press(board, READY + 3) is None
        assert "on its way" in said(board)
        if lost:
            Keypad(board).not_sent(deed)
        else:
            board.hear("g1", Refused(question_id="i1", reason=Refusal.NOT_RECORDED))
        assert press(board, READY + 4) is None
        painted(board, READY + 4)
        assert press(board, READY + 5) == deed
