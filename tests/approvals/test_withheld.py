"""What policy held back: kept for a while, shown on every console, and endorsed one by one, by whom it may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.endorsement import Endorsement, ItemSubject
from rule_of_two.approvals.items import Vouched
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Endorsed,
    Endorsing,
    GatewayHello,
    Withheld,
    decode_to_console,
    decode_to_gateway,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import line_text
from rule_of_two.approvals.withheld import MAX_WITHHELD_TEXT, MOST, MOST_OF_SESSION, Shelf
from rule_of_two.model import Tier
from tests.approvals.samples import NOW, Clock, Lenient, Vouching, a_question, a_withheld, an_item
from tests.approvals.test_desk import Listener

KEY = ApproverKey.generate()


def a_desk(endorser: Vouching | None = None) -> tuple[Desk, Listener]:
    desk, console = Desk(clock=Clock(), judge=Lenient(Tier.SIGNED), endorser=endorser or Vouching()), Listener()
    desk.attach(console)
    return desk, console


def word_for(number: int = 1, **subject: Any) -> Endorsement:
    return Endorsement.to(replace(a_withheld(number).subject, **subject), approver="alice", now=NOW).signed(KEY)


def test_the_messages_come_back_the_same() -> None:
    for message in (Withheld(items=(a_withheld(1), a_withheld(2))), Endorsed(item_id="i1", approver="alice")):
        assert decode_to_console(encode_to_console(message)) == message
    endorsing = Endorsing(item_id="i1", endorsement=word_for())
    assert decode_to_gateway(encode_to_gateway(endorsing)) == endorsing


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


async def test_consoles_are_told_at_once_and_when_they_attach() -> None:
    desk, console = a_desk()
    desk.withhold([a_withheld(1), a_withheld(2, item=an_item(2, text="x" * 100_000))])
    desk.withhold([])
    later = Listener()
    desk.attach(later)
    for heard in (console.heard, later.heard):
        (told,) = [message for message in heard if isinstance(message, Withheld)]
        assert [one.item.id for one in told.items] == ["i1", "i2"]
        assert told.items[1].item.left_out == 100_000 - MAX_WITHHELD_TEXT
    assert desk.withheld == (a_withheld(1), a_withheld(2, item=an_item(2, text="x" * 100_000)))


async def test_an_endorsement_is_given_once_and_told() -> None:
    endorser = Vouching()
    desk, console = a_desk(endorser)
    desk.withhold([a_withheld(1), a_withheld(2)])
    assert await desk.endorse("i1", word_for(1)) is None
    assert [one.subject for one in endorser.given] == [
        ItemSubject(upstream="mail", name="search_messages", id="msg-1", digest=f"{1:064x}")
    ]
    assert console.heard[-1] == Endorsed(item_id="i1", approver="alice", signed=True)
    assert [one.item.id for one in desk.withheld] == ["i2"]
    assert await desk.endorse("i1", word_for(1)) is Refusal.UNKNOWN_ITEM


@pytest.mark.parametrize(
    ("item_id", "word", "refusal"),
    [
        ("i9", word_for(1), Refusal.UNKNOWN_ITEM),
        ("i1", word_for(2), Refusal.DIGEST_MISMATCH),
        ("i1", word_for(1, digest="f" * 64), Refusal.DIGEST_MISMATCH),
        ("i1", word_for(1, id="msg-2"), Refusal.DIGEST_MISMATCH),
        ("i1", word_for(1, upstream="notes"), Refusal.DIGEST_MISMATCH),
    ],
    ids=["unknown", "another item", "other contents", "another name", "another server"],
)
async def test_a_word_for_something_else_endorses_nothing(item_id: str, word: Endorsement, refusal: Refusal) -> None:
    endorser = Vouching()
    desk, _ = a_desk(endorser)
    desk.withhold([a_withheld(1), a_withheld(2)])
    assert await desk.endorse(item_id, word) is refusal
    assert (endorser.given, len(desk.withheld)) == ([], 2)


async def test_an_item_whose_name_could_not_be_shown_whole_cannot_be_endorsed() -> None:
    endorser = Vouching()
    desk, console = a_desk(endorser)
    desk.withhold([a_withheld(1, item=an_item(1, name="n" * 5000))])
    (told,) = [message for message in console.heard if isinstance(message, Withheld)]
    word = Endorsement.to(told.items[0].subject, approver="alice", now=NOW)
    assert await desk.endorse("i1", word) is Refusal.DIGEST_MISMATCH
    assert endorser.given == []


async def test_who_may_not_endorse_does_not_and_what_cannot_be_written_down_stays() -> None:
    endorser = Vouching(Refusal.NOT_ENTITLED)
    desk, _ = a_desk(endorser)
    desk.withhold([a_withheld(1)])
    assert await desk.endorse("i1", word_for()) is Refusal.NOT_ENTITLED
    endorser.refusal, endorser.fails = None, True
    assert await desk.endorse("i1", word_for()) is Refusal.NOT_RECORDED
    assert len(desk.withheld) == 1
    endorser.fails = False
    assert await desk.endorse("i1", word_for()) is None


async def test_without_anybody_to_take_it_nothing_is_endorsed() -> None:
    desk = Desk(clock=Clock(), judge=Lenient())
    desk.withhold([a_withheld(1)])
    assert await desk.endorse("i1", word_for()) is Refusal.NOT_OFFERED


def test_the_console_signs_what_was_on_screen() -> None:
    endorsement = Signer("alice", KEY).endorsement(Vouched("g1", a_withheld(1)), NOW)
    assert endorsement.subject == a_withheld(1).subject
    assert endorsement.signature is not None
    assert KEY.public.verifies(endorsement.signature, endorsement.statement)
    assert Signer("alice").endorsement(Vouched("g1", a_withheld(1)), NOW).signature is None


READY = 100 + SETTLE_SECONDS


def a_board() -> Board:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    board.hear("g1", Withheld(items=(a_withheld(1), a_withheld(2))))
    return board


def painted(board: Board, at: float) -> None:
    board.painted(board.showing, at)


def press(board: Board, at: float) -> Vouched | None:
    return board.endorse(at=at, now=NOW + timedelta(seconds=at))


def said(board: Board) -> str:
    return " ".join(map(line_text, board.words))


def test_an_item_is_endorsed_by_the_second_key_once_its_text_was_read() -> None:
    board = a_board()
    assert press(board, 10) is None
    assert "h shows what was" in said(board)
    board.look_back()
    board.select(1)
    painted(board, 100)
    assert press(board, READY) is None
    assert "Read its text to the end first" in said(board)
    board.look_back(on=True, text=True)
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
    board.look_back()
    painted(board, 100)
    for choice in question.offers:
        assert board.press(choice, at=READY, now=NOW) is None
    assert "neither is on screen" in said(board)
    assert board.selected is not None
    assert board.selected.sent is None


def test_a_confirmation_ends_when_another_item_is_chosen_or_comes() -> None:
    board = a_board()
    board.look_back()
    assert board.review.chosen is not None
    board.review.read.add(board.review.chosen.key)
    painted(board, 100)
    press(board, READY)
    assert board.confirming == "endorse"
    board.hear("g1", Withheld(items=(a_withheld(3),)))
    assert board.confirming is None
    assert press(board, READY + 9) is None


def test_what_was_chosen_stays_so_when_newer_items_come() -> None:
    board = a_board()
    board.look_back()
    board.select(1)
    board.hear("g1", Withheld(items=(a_withheld(3),)))
    assert board.review.chosen is not None
    assert board.review.chosen.withheld.item.id == "i1"
    board.look_back()
    board.look_back(on=True, text=True)
    board.hear("g1", Endorsed(item_id="i1", approver="bob"))
    assert not board.review.open
    assert board.review.chosen.withheld.item.id == "i3"


def test_an_endorsed_item_and_those_of_a_lost_gateway_are_off_the_list() -> None:
    board = a_board()
    board.look_back()
    board.hear("g1", Endorsed(item_id="i2", approver="bob", signed=True))
    assert [row.withheld.item.id for row in board.review.rows] == ["i1"]
    assert "Endorsed, by bob (signed)" in said(board)
    board.hear("g1", None)
    assert board.review.rows == ()
    assert press(board, READY) is None
