"""What becomes of answers about what came back: who may give them, what is written down, and how it is verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.question import Question
from rule_of_two.audit.testimony import Standing
from rule_of_two.gateway.answers import Answers, opened_answers
from rule_of_two.gateway.config import load_config
from rule_of_two.gateway.consent import shown_of
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.model import Approver
from tests.approvals.consoles import fresh
from tests.approvals.samples import a_release, an_answer, an_arrival, an_item
from tests.harness import House
from tests.people import enrol

ALICE = ApproverKey.generate()
MALLORY = ApproverKey.generate()
NOBODY_LETS_IN = """
@id("own.nobody-lets-a-in")
@message("Nobody lets in untrusted content.")
forbid (principal is Gateway::Approver, action == Gateway::Action::"approve_call", resource)
when { context.labels.A };
"""


@asynccontextmanager
async def judge(house: House) -> AsyncIterator[tuple[Answers, Question]]:
    """The judge of a house where alice is enrolled, and a question about what came back to a live session."""
    (house.folder / "own.cedar").write_text(NOBODY_LETS_IN)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway:
        await gateway.call("rec__read_private")
        with opened_answers(load_config(house.config), house.config, house.state) as answers:
            question = a_release(session=house.session(), upstream="rec", name="read_untrusted")
            yield answers, fresh(question)


def by(key: ApproverKey, question: Question, choice: Choice, **changes: Any) -> Any:
    return an_answer(question, choice, **changes).signed(key)


async def test_letting_something_in_is_decided_by_policy_with_the_labels_of_what_came_back(house: House) -> None:
    house.settings["policies"] = ["default", "./own.cedar"]
    async with judge(house) as (answers, question):
        for choice in (Choice.YES, Choice.DROP):
            assert answers.refuses(question, by(ALICE, question, choice)) is Refusal.NOT_ENTITLED
        some = by(ALICE, question, Choice.YES, items=("i1",))
        assert answers.refuses(question, some) is Refusal.NOT_ENTITLED
        for choice in (Choice.WITHOUT, Choice.NO, Choice.FREEZE):
            assert answers.refuses(question, by(ALICE, question, choice)) is None
        private = fresh(a_release(an_arrival(an_item(1, labels=frozenset("B"))), session=question.session))
        assert answers.refuses(private, by(ALICE, private, Choice.YES)) is None


async def test_the_rest_needs_somebody_enrolled_all_the_same(house: House) -> None:
    async with judge(house) as (answers, question):
        assert answers.refuses(question, an_answer(question, Choice.WITHOUT)) is Refusal.UNSIGNED
        assert answers.refuses(question, by(MALLORY, question, Choice.WITHOUT)) is Refusal.BAD_SIGNATURE
        other = fresh(a_release(session=question.session, tenant="elsewhere"))
        assert answers.refuses(other, by(ALICE, other, Choice.WITHOUT)) is Refusal.NOT_ENTITLED
        gone = fresh(a_release(session="s-nobody"))
        assert answers.refuses(gone, by(ALICE, gone, Choice.WITHOUT)) is Refusal.UNKNOWN_SESSION


async def test_the_rest_is_no_refusal_and_does_nothing_to_the_session(house: House) -> None:
    async with judge(house) as (answers, question):
        for _ in range(10):
            await answers.record(question, by(ALICE, question, Choice.WITHOUT))
        assert answers.quiet_for(question.session) is None
        assert answers.refuses(question, by(ALICE, question, Choice.YES)) is None, "it is not frozen"
        for _ in range(3):
            await answers.record(question, by(ALICE, question, Choice.NO))
        assert answers.quiet_for(question.session) is not None
    assert [entry["answer"] for entry in house.journal("answer")] == [*["without"] * 10, *["no"] * 3]


async def test_what_was_let_in_can_be_verified_from_the_journal(house: House) -> None:
    async with judge(house) as (answers, question):
        await answers.record(question, by(ALICE, question, Choice.YES, items=("i2",)))
    (entry,) = house.journal("answer")
    assert entry["receipt"]["items"] == ["i2"]
    said = KeyWitness([Enrolled(Approver("alice", "alice", "local"), ALICE.public)]).answer(entry["receipt"])
    assert said is not None
    assert said.standing is Standing.SIGNED
    assert question.arrival is not None
    kept = {"session": question.session, **shown_of(question, ()), "arrival": question.arrival.bound}
    assert KeyWitness(()).digest(kept) == question.digest
    other = {**kept, "arrival": {**question.arrival.bound, "digest": "c" * 64}}
    assert KeyWitness(()).digest(other) != question.digest
    assert KeyWitness(()).digest({**kept, "arrival": {"items": 1}}) is None
