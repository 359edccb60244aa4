"""Answers to what came back: only for what was asked about, only as offered, and all approvers for the same items."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.question import Question
from rule_of_two.records import replace
from tests.approvals.samples import Clock, Lenient, a_question, a_release, an_answer, an_arrival, an_item
from tests.approvals.test_desk import Listener, asking


@pytest.fixture
def desk() -> Desk:
    desk = Desk(clock=Clock(), judge=Lenient())
    desk.attach(Listener())
    return desk


ATTACKS: dict[str, tuple[Question, dict[str, Any], Refusal]] = {
    "an item that is not in the question": (a_release(), {"items": ("i9",)}, Refusal.DIGEST_MISMATCH),
    "an item that asks nothing": (a_release(), {"items": ("i3",)}, Refusal.DIGEST_MISMATCH),
    "items of a call that was not sent": (a_question(), {"items": ("i1",)}, Refusal.DIGEST_MISMATCH),
    "one item where the rest cannot be handed over": (
        a_release(an_arrival(without=None)),
        {"items": ("i1",)},
        Refusal.DIGEST_MISMATCH,
    ),
    "the rest where it is not offered": (
        a_release(an_arrival(without=None)),
        {"verdict": Choice.WITHOUT},
        Refusal.NOT_OFFERED,
    ),
    "the rest of a call that was not sent": (a_question(), {"verdict": Choice.WITHOUT}, Refusal.NOT_OFFERED),
    "a grant": (a_release(), {"verdict": Choice.NO, "digest": a_question().digest}, Refusal.DIGEST_MISMATCH),
    "another result": (a_release(), {"digest": a_release(an_arrival(digest="c" * 64)).digest}, Refusal.DIGEST_MISMATCH),
    "other authors on the screen": (
        a_release(),
        {"shown": a_release(an_arrival(an_item(1, authors=("bob@example.com",)))).shown},
        Refusal.DIGEST_MISMATCH,
    ),
}


@pytest.mark.parametrize(("question", "changes", "refusal"), ATTACKS.values(), ids=list(ATTACKS))
async def test_an_answer_to_something_else_changes_nothing(
    desk: Desk, question: Question, changes: dict[str, Any], refusal: Refusal
) -> None:
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, **changes)) is refusal
        assert asked.outcome is None
        assert await desk.answer(an_answer(question, Choice.NO)) is None
    assert isinstance(asked.outcome, Given)


async def test_a_yes_to_some_items_reaches_the_one_who_asked(desk: Desk) -> None:
    question = a_release()
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, items=("i2",))) is None
    assert isinstance(asked.outcome, Given)
    assert asked.outcome.last.items == ("i2",)
    assert asked.outcome.last.approves(question, now=question.created_at)


async def test_two_consoles_that_pick_different_items_the_first_one_counts(desk: Desk) -> None:
    question = a_release()
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, items=("i1",))) is None
        assert await desk.answer(an_answer(question, items=("i2",), approver="bob")) is Refusal.ALREADY_ENDED
    assert isinstance(asked.outcome, Given)
    assert asked.outcome.last.items == ("i1",)


async def test_where_two_have_to_say_yes_they_say_it_to_the_same_items() -> None:
    desk, console = Desk(clock=Clock(), judge=Lenient()), Listener()
    desk.attach(console)
    question = replace(a_release(), needs=2)
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, items=("i1",))) is None
        assert (console.statuses[-1].approvers, console.statuses[-1].items) == (("alice",), ("i1",))
        for other in ((), ("i2",)):
            assert await desk.answer(an_answer(question, items=other, approver="bob")) is Refusal.OTHER_ITEMS
        assert asked.outcome is None
        assert await desk.answer(an_answer(question, items=("i1",), approver="bob")) is None
    assert isinstance(asked.outcome, Given)
    assert {answer.items for answer in asked.outcome.answers} == {("i1",)}


async def test_the_same_contents_share_one_question_and_other_contents_do_not(desk: Desk) -> None:
    first = a_release()
    again = a_release(an_arrival(*(replace(item, id=f"x{item.id}") for item in an_arrival().items)))
    other = a_release(an_arrival(digest="c" * 64))
    async with asking(desk, first):
        assert desk.known(again) is first
        assert desk.known(other) is None
        assert await desk.answer(an_answer(first, Choice.WITHOUT)) is None
