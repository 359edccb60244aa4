"""What policy held back: kept for a while, shown on every console, and endorsed one by one, by whom it may be."""

from __future__ import annotations

from datetime import timedelta

from rule_of_two.approvals.board import Board
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Vouched
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Endorsed,
    GatewayHello,
    Withheld,
)
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.approvals.spans import line_text
from rule_of_two.approvals.withheld import MOST, MOST_OF_SESSION, Shelf
from tests.approvals.samples import NOW, a_question, a_withheld


def test_the_newest_of_each_session_are_kept() -> None:
    shelf = Shelf()
    shelf.put([a_withheld(0, session="other")])
    kept = shelf.put(a_withheld(number) for number in range(1, 100_001))
    assert len(kept) == MOST_OF_SESSION
    assert shelf.find("i100000") is not None
    assert shelf.find("i1") is None
    assert shelf.find("i0") is not None, "a flood in one session takes nothing from another"
    for session in range(10):
        shelf.put(a_withheld(200_000 + session * 100 + number, session=f"s{session}") for number in range(100))
    assert len(shelf.items) <= MOST


def test_one_item_is_kept_once() -> None:
    shelf = Shelf()
    shelf.put([a_withheld(1), a_withheld(1)])
    shelf.put([a_withheld(1)])
    assert len(shelf.items) == 1


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
