"""Changed definitions at the desk: shown on every console, and settled once, by whom it may be."""

from __future__ import annotations

import anyio.lowlevel

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.definition_answer import (
    DefinitionAnswer,
    Verdict,
    definition_answer_in,
    definition_answer_text,
)
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import (
    Changed,
    Settled,
    Settling,
    decode_to_console,
    decode_to_gateway,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.signer import Signer
from rule_of_two.errors import StoreError
from rule_of_two.model import Tier
from tests.approvals.samples import NOW, Clock, Lenient
from tests.approvals.test_changes import a_change, of_server
from tests.approvals.test_desk import Listener

KEY = ApproverKey.generate()


CHANGE = a_change()


WAITING = of_server(CHANGE, a_change("read"))


SUBJECT = WAITING.subject(CHANGE)


class Taking:
    """Takes every answer, unless a test says otherwise, and remembers it."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.refusal = refusal
        self.given: list[tuple[DefinitionAnswer, str | None]] = []
        self.fails = False
        self.late = False

    def refuses(self, answer: DefinitionAnswer, server: str) -> Refusal | None:
        assert server == "mail"
        return self.refusal

    async def settle(self, answer: DefinitionAnswer, new: str | None) -> bool:
        await anyio.lowlevel.checkpoint()
        if self.fails:
            raise StoreError("the disk is full")
        if not self.late:
            self.given.append((answer, new))
        return not self.late


def word(verdict: Verdict = Verdict.ACCEPT) -> DefinitionAnswer:
    return DefinitionAnswer.to(SUBJECT, verdict, approver="alice", now=NOW).signed(KEY)


def a_desk(settler: Taking | None) -> tuple[Desk, Listener]:
    desk, console = Desk(clock=Clock(), judge=Lenient(Tier.SIGNED), settler=settler), Listener()
    desk.attach(console)
    return desk, console


def test_the_messages_come_back_the_same() -> None:
    settled = Settled(subject=SUBJECT, verdict=Verdict.REFUSE, approver="alice", signed=True)
    for message in (Changed(changes=WAITING), settled):
        assert decode_to_console(encode_to_console(message)) == message
    one = word()
    assert decode_to_gateway(encode_to_gateway(Settling(answer=one))) == Settling(answer=one)
    assert definition_answer_in(definition_answer_text(one)) == one
    assert KEY.public.verifies(one.signature or "", one.statement)


async def test_consoles_are_told_at_once_and_when_they_attach_and_an_answer_counts_once() -> None:
    settler = Taking()
    desk, console = a_desk(settler)
    desk.definitions.changed(WAITING)
    later = Listener()
    desk.attach(later)
    for heard in (console.heard, later.heard):
        assert [one.changes for one in heard if isinstance(one, Changed)] == [WAITING]
    assert await desk.definitions.settle(word()) is None
    assert settler.given[0][1] == CHANGE.new
    assert console.heard[-1] == Settled(subject=SUBJECT, verdict=Verdict.ACCEPT, approver="alice", signed=True)
    assert await desk.definitions.settle(word()) is Refusal.UNKNOWN_CHANGE
    assert [one.name for kept in desk.definitions.changes for one in kept.changes] == ["read"]


async def test_an_answer_to_what_is_not_there_any_more_accepts_nothing() -> None:
    settler = Taking()
    desk, _ = a_desk(settler)
    desk.definitions.changed(WAITING)
    desk.definitions.changed(of_server(a_change(new="Sends all, and more.")))
    assert await desk.definitions.settle(word()) is Refusal.UNKNOWN_CHANGE
    assert settler.given == []


async def test_what_does_not_count_or_cannot_be_written_down_stays() -> None:
    settler = Taking(Refusal.NOT_ENTITLED)
    desk, _ = a_desk(settler)
    desk.definitions.changed(WAITING)
    assert await desk.definitions.settle(word()) is Refusal.NOT_ENTITLED
    settler.refusal, settler.fails = None, True
    assert await desk.definitions.settle(word()) is Refusal.NOT_RECORDED
    settler.fails, settler.late = False, True
    assert await desk.definitions.settle(word()) is Refusal.UNKNOWN_CHANGE
    assert desk.definitions.changes == (WAITING,)
    alone, _ = a_desk(None)
    alone.definitions.changed(WAITING)
    assert await alone.definitions.settle(word()) is Refusal.NOT_OFFERED


def test_the_console_signs_what_was_on_screen() -> None:
    one = Signer("alice", KEY).definition_answer(SUBJECT, Verdict.ACCEPT, NOW)
    assert (one.subject, KEY.public.verifies(one.signature or "", one.statement)) == (SUBJECT, True)
    assert Signer("alice").definition_answer(SUBJECT, Verdict.ACCEPT, NOW).signature is None
