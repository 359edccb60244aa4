"""Consent that cannot be forged: with an approver enrolled, only what their key signed, for this very call, counts.

The attacker runs as the gateway's own user: they reach the socket, the database and the command line.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Refused, Waits
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.approvals.receipts import receipt_text
from rule_of_two.model import Label
from rule_of_two.records import replace
from tests.harness import House, outcome
from tests.people import SEND, Human, asked, enrol, human, tainted

ALICE, BOB, MALLORY = ApproverKey.generate(), ApproverKey.generate(), ApproverKey.generate()


async def refusal(person: Human, count: int = 1) -> Refusal:
    refused: Refused = await person.until(Refused, count)
    return refused.reason


async def test_a_signed_yes_lets_the_call_pass_and_is_kept(house: House) -> None:
    async with asked(house, ALICE) as (_, person, question, waiting):
        person.give(question)
        assert outcome((await waiting)["result"]) == ("allow", None)
    assert house.sent()[-1] == "send"
    (answer,) = house.journal("answer")
    assert (answer["answer"], answer["approver"], answer["tier"]) == ("yes", "alice", "T1")
    assert answer["receipt"]["signature"]
    assert house.sql("SELECT digest, approver FROM receipts") == [(question.digest, "alice")]


def _unsigned(person: Human, question: Question) -> Answer:
    return replace(person.answer(question), key=None, signature=None)


def _by_another_key(person: Human, question: Question) -> Answer:
    return Answer.to(question, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(MALLORY)


def _by_another_key_with_her_fingerprint(person: Human, question: Question) -> Answer:
    return replace(_by_another_key(person, question), key=ALICE.public.fingerprint)


def _in_another_name(person: Human, question: Question) -> Answer:
    return person.answer(question, approver="root")


def _a_no_turned_into_a_yes(person: Human, question: Question) -> Answer:
    return replace(person.answer(question, Choice.NO), verdict=Choice.YES)


def _as_if_through_the_client(person: Human, question: Question) -> Answer:
    return replace(_unsigned(person, question), channel="elicitation")


def _for_other_arguments(person: Human, question: Question) -> Answer:
    other = replace(question, arguments_json=question.arguments_json.replace("bob", "eve"))
    return person.answer(other)


def _for_another_session(person: Human, question: Question) -> Answer:
    return person.answer(replace(question, session="s-other"))


def _for_another_pin(person: Human, question: Question) -> Answer:
    return person.answer(replace(question, pin="0" * 64))


def _for_another_policy_version(person: Human, question: Question) -> Answer:
    return person.answer(replace(question, policy_version="0" * 64))


def _for_other_labels(person: Human, question: Question) -> Answer:
    held: dict[Label, Origin] = {**question.held, "A": replace(question.held["A"], call=1)}
    return person.answer(replace(question, held=held))


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (_unsigned, Refusal.UNSIGNED),
        (_by_another_key, Refusal.BAD_SIGNATURE),
        (_by_another_key_with_her_fingerprint, Refusal.BAD_SIGNATURE),
        (_in_another_name, Refusal.BAD_SIGNATURE),
        (_a_no_turned_into_a_yes, Refusal.BAD_SIGNATURE),
        (_as_if_through_the_client, Refusal.NOT_OFFERED),
        (_for_other_arguments, Refusal.DIGEST_MISMATCH),
        (_for_another_session, Refusal.DIGEST_MISMATCH),
        (_for_another_pin, Refusal.DIGEST_MISMATCH),
        (_for_another_policy_version, Refusal.DIGEST_MISMATCH),
        (_for_other_labels, Refusal.DIGEST_MISMATCH),
    ],
)
async def test_a_forged_answer_over_the_socket_approves_nothing(house: House, forged: Any, why: Refusal) -> None:
    async with asked(house, ALICE) as (_, person, question, waiting):
        person.say(question, forged(person, question))
        assert await refusal(person) is why
        assert not waiting.done()
        person.give(question, Choice.NO)
        assert outcome((await waiting)["result"]) == ("deny", "approval_denied")
    assert "send" not in house.sent()
    assert [entry["answer"] for entry in house.journal("answer")] == ["no"]


async def test_a_signed_answer_given_again_approves_nothing_also_after_a_restart(house: House) -> None:
    async with asked(house, ALICE) as (gateway, person, question, waiting):
        old = person.answer(question)
        person.say(question, old)
        await waiting
        again = gateway.start("tools/call", SEND)
        second = await person.question(2)
        person.say(second, old)
        assert await refusal(person) is Refusal.ALREADY_ENDED
        person.say(second, replace(old, question_id=second.id))
        assert await refusal(person, 2) is Refusal.DIGEST_MISMATCH
        assert not again.done()
    house.settings["client"] = "claude-desktop"  # keeps its session over the restart
    async with asked(house, ALICE) as (_, person, question, waiting):
        person.say(question, old)
        assert await refusal(person) is Refusal.UNKNOWN_QUESTION
        assert not waiting.done()
    assert house.sent().count("send") == 1


async def test_a_receipt_written_into_the_database_approves_nothing(house: House) -> None:
    """What a yes leaves behind, written by hand beforehand: the call waits on, and so does the same call made again.

    A standing yes that is written by hand: test_approvals_grants.py.
    """
    async with asked(house, ALICE) as (gateway, person, question, waiting):
        fake = Answer.to(question, Choice.YES, approver="alice", now=datetime.now(UTC)).signed(MALLORY)
        row = (question.digest, "alice", question.session, 1, receipt_text(fake), "2026")
        house.sql("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", *row)
        again = gateway.start("tools/call", SEND)
        await person.until_that(Waits, lambda told: told.calls == 2)
        assert not waiting.done()
        assert not again.done()
        person.give(question, Choice.NO)
        for call in (waiting, again):
            assert outcome((await call)["result"]) == ("deny", "approval_denied")
    assert "send" not in house.sent()


async def test_a_forged_receipt_row_in_the_way_of_the_true_one_fails_closed(house: House) -> None:
    async with asked(house, ALICE) as (_, person, question, waiting):
        row = (question.digest, "alice", question.session, 1, "{}", "2026")
        house.sql("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", *row)
        person.give(question)
        assert outcome((await waiting)["result"]) == ("deny", "store_error")
    assert "send" not in house.sent()


async def test_a_clean_session_that_no_approver_began_is_none(house: House) -> None:
    """A same-user attacker renews the session by hand: in SQL, and with the command line without a key."""
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE):
        await tainted(gateway)
        command = ("session", "new", "--yes", "--unsigned", house.session())
        assert "signed answers only" in await asyncio.to_thread(house.run, *command, code=1)
        house.sql(
            "INSERT INTO sessions (id, key, boundary, created_at) "
            "SELECT 's-clean', key, boundary, created_at FROM sessions"
        )
        house.sql("UPDATE connections SET session = 's-clean'")
        result = await gateway.call("rec__send", SEND["arguments"])
        assert outcome(result) == ("deny", "store_error")
    assert "send" not in house.sent()


async def test_a_clean_session_by_an_approvers_word_is_one(house: House) -> None:
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        session = house.session()
        done = await person.command(session, Choice.NEW)
        assert not isinstance(done, Refused)
        again = await person.command(done.session, Choice.NEW)
        assert not isinstance(again, Refused)
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("allow", None)
    assert house.journal("command")[0]["receipt"]["signature"]


async def test_a_command_by_another_key_does_nothing(house: House) -> None:
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=MALLORY) as person:
        await tainted(gateway)
        session = house.session()
        refused = await person.command(session, Choice.NEW)
        assert refused == Refused(question_id=refused.question_id, reason=Refusal.BAD_SIGNATURE)  # type: ignore[union-attr]
        assert house.held() == {"A", "B"}


async def test_two_people_where_policy_wants_two(house: House) -> None:
    house.settings["policies"] = ["default", "four-eyes"]
    enrol(house, ("alice", ALICE), ("bob", BOB))
    async with house.gateway() as gateway, human(house, key=ALICE) as alice, human(house, key=BOB, name="bob") as bob:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await alice.question()
        assert question.needs == 2
        alice.give(question)
        alice.give(question)
        assert await refusal(alice) is Refusal.ANSWERED_BEFORE
        alice.say(question, Answer.to(question, Choice.YES, approver="bob", now=datetime.now(UTC)).signed(ALICE))
        assert await refusal(alice, 2) is Refusal.BAD_SIGNATURE
        assert not waiting.done()
        bob.give(await bob.question())
        assert outcome((await waiting)["result"]) == ("allow", None)
    assert house.sql("SELECT approver FROM receipts ORDER BY approver") == [("alice",), ("bob",)]


async def test_a_person_of_another_tenant_approves_nothing(house: House) -> None:
    house.settings["principal"] = {"user": "carol", "tenant": "acme"}
    enrol(house, ("alice", ALICE, {"tenant": "other"}), ("bob", BOB))
    async with house.gateway() as gateway, human(house, key=ALICE) as alice, human(house, key=BOB, name="bob") as bob:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        for verdict in (Choice.YES, Choice.DROP, Choice.NO):
            alice.give(await alice.question(), verdict)
        assert await refusal(alice, 3) is Refusal.NOT_ENTITLED
        assert not waiting.done()
        bob.give(await bob.question())
        assert outcome((await waiting)["result"]) == ("allow", None)


async def test_no_tool_and_no_command_of_the_agents_can_approve(house: House) -> None:
    """What the model is told of a waiting call (its ticket, the decision's number) opens nothing."""
    async with asked(house, ALICE, wait="100ms") as (gateway, person, question, waiting):
        result = (await waiting)["result"]
        assert outcome(result) == ("ask", "approval_pending")
        ticket = result["_meta"]["rule-of-two/decision"]["ticket"]
        tools = (await gateway.request("tools/list"))["result"]["tools"]
        assert not [tool for tool in tools if "approv" in tool["name"] or "session" in tool["name"]]
        arguments = {**SEND["arguments"], "ticket": ticket, "approved": True}
        spoofed = gateway.start(
            "tools/call", {"name": "rec__send", "arguments": arguments, "_meta": {"ticket": ticket}}
        )
        assert (await person.question(2)).id != question.id
        assert outcome((await spoofed)["result"]) == ("ask", "approval_pending")
    assert "send" not in house.sent()
