"""What policy held back, at the desk: shown on every console, and endorsed one by one, by whom it may be."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.endorsement import Endorsement, ItemSubject
from rule_of_two.approvals.items import Vouched
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import (
    Endorsed,
    Endorsing,
    Withheld,
    decode_to_console,
    decode_to_gateway,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.withheld import MAX_WITHHELD_TEXT
from rule_of_two.model import Tier
from rule_of_two.records import replace
from tests.approvals.samples import NOW, Clock, Lenient, Vouching, a_withheld, an_item
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


async def test_consoles_are_told_at_once_and_when_they_attach() -> None:
    desk, console = a_desk()
    desk.withheld.withhold([a_withheld(1), a_withheld(2, item=an_item(2, text="x" * 100_000))])
    desk.withheld.withhold([])
    later = Listener()
    desk.attach(later)
    for heard in (console.heard, later.heard):
        (told,) = [message for message in heard if isinstance(message, Withheld)]
        assert [one.item.id for one in told.items] == ["i1", "i2"]
        assert told.items[1].item.left_out == 100_000 - MAX_WITHHELD_TEXT
    assert desk.withheld.items == (a_withheld(1), a_withheld(2, item=an_item(2, text="x" * 100_000)))


async def test_an_endorsement_is_given_once_and_told() -> None:
    endorser = Vouching()
    desk, console = a_desk(endorser)
    desk.withheld.withhold([a_withheld(1), a_withheld(2)])
    assert await desk.withheld.endorse("i1", word_for(1)) is None
    assert [one.subject for one in endorser.given] == [
        ItemSubject(upstream="mail", name="search_messages", id="msg-1", digest=f"{1:064x}")
    ]
    assert console.heard[-1] == Endorsed(item_id="i1", approver="alice", signed=True)
    assert [one.item.id for one in desk.withheld.items] == ["i2"]
    assert await desk.withheld.endorse("i1", word_for(1)) is Refusal.UNKNOWN_ITEM


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
    desk.withheld.withhold([a_withheld(1), a_withheld(2)])
    assert await desk.withheld.endorse(item_id, word) is refusal
    assert (endorser.given, len(desk.withheld.items)) == ([], 2)


async def test_an_item_whose_name_could_not_be_shown_whole_cannot_be_endorsed() -> None:
    endorser = Vouching()
    desk, console = a_desk(endorser)
    desk.withheld.withhold([a_withheld(1, item=an_item(1, name="n" * 5000))])
    (told,) = [message for message in console.heard if isinstance(message, Withheld)]
    word = Endorsement.to(told.items[0].subject, approver="alice", now=NOW)
    assert await desk.withheld.endorse("i1", word) is Refusal.DIGEST_MISMATCH
    assert endorser.given == []


async def test_who_may_not_endorse_does_not_and_what_cannot_be_written_down_stays() -> None:
    endorser = Vouching(Refusal.NOT_ENTITLED)
    desk, _ = a_desk(endorser)
    desk.withheld.withhold([a_withheld(1)])
    assert await desk.withheld.endorse("i1", word_for()) is Refusal.NOT_ENTITLED
    endorser.refusal, endorser.fails = None, True
    assert await desk.withheld.endorse("i1", word_for()) is Refusal.NOT_RECORDED
    assert len(desk.withheld.items) == 1
    endorser.fails = False
    assert await desk.withheld.endorse("i1", word_for()) is None


async def test_without_anybody_to_take_it_nothing_is_endorsed() -> None:
    desk = Desk(clock=Clock(), judge=Lenient())
    desk.withheld.withhold([a_withheld(1)])
    assert await desk.withheld.endorse("i1", word_for()) is Refusal.NOT_OFFERED


def test_the_console_signs_what_was_on_screen() -> None:
    endorsement = Signer("alice", KEY).endorsement(Vouched("g1", a_withheld(1)), NOW)
    assert endorsement.subject == a_withheld(1).subject
    assert endorsement.signature is not None
    assert KEY.public.verifies(endorsement.signature, endorsement.statement)
    assert Signer("alice").endorsement(Vouched("g1", a_withheld(1)), NOW).signature is None
