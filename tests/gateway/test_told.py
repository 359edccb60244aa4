"""`why` and `audit tail` tell what people said, with which assurance, and what a call rests on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Ended
from tests.harness import DECISION, House, outcome
from tests.people import SEND, asked, cautious, enrol, granted, human, tainted

ALICE = ApproverKey.generate()
SIGNED = f"(signed with {ALICE.public.fingerprint}, T1)"


async def _lines(house: House, *arguments: str) -> list[str]:
    return (await asyncio.to_thread(house.run, *arguments)).splitlines()


def _id(result: dict[str, Any]) -> str:
    number: str = result["_meta"][DECISION]["id"]
    return number


async def test_a_yes_is_told_from_both_ends(house: House) -> None:
    async with asked(house, ALICE) as (_, person, question, waiting):
        person.give(question)
        ran = _id((await waiting)["result"])
    at = f"d{question.decision}"
    told = await _lines(house, "why", at)
    assert any(line.startswith("  Then a person was shown exactly this call") for line in told)
    assert any(line.startswith(f"  Then alice answered yes {SIGNED}, ") for line in told)
    told = await _lines(house, "why", ran)
    assert any(line.startswith(f"  It rests on this: alice answered yes {SIGNED}, asked at {at}, ") for line in told)
    tail = await _lines(house, "audit", "tail")
    assert any(line.endswith(f"{at} alice answered yes {SIGNED}") for line in tail)
    assert any(line.endswith(f"after the answer to {at}") for line in tail)


async def test_an_unsigned_yes_is_told_as_advisory(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question())
        ran = _id((await waiting)["result"])
    told = await _lines(house, "why", ran)
    assert any("alice answered yes (unsigned, advisory)" in line for line in told)


async def test_a_grant_is_told_with_its_terms_also_where_it_was_used(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        question = await granted(gateway, person, 2)
        used = _id(await gateway.call("rec__send", {"to": "bob@example.org"}))
    terms = f"alice granted 2 calls of rec__send to bob@example.org within 5 minutes {SIGNED}"
    told = await _lines(house, "why", used)
    assert any(line.startswith(f"  It rests on this: {terms}, asked at d{question.decision}, ") for line in told)
    tail = await _lines(house, "audit", "tail")
    assert any(line.endswith(f"on the grant {question.id}") for line in tail)


@pytest.mark.parametrize(
    ("choice", "answered"),
    [
        (Choice.DROP, "alice gave up [C] for the rest of the session"),
        (Choice.FREEZE, "alice answered no and froze the session"),
        (Choice.NEW, "alice started a new session, so that the call of the old one was refused"),
        (Choice.NO, "alice answered no"),
    ],
)
async def test_every_other_answer_is_told(house: House, choice: Choice, answered: str) -> None:
    async with asked(house, ALICE) as (gateway, person, question, waiting):
        person.give(question, choice)
        await waiting
        later = await gateway.call("rec__send", {"to": "carol@example.org"}) if choice != Choice.NO else None
    told = await _lines(house, "why", f"d{question.decision}")
    assert any(line.startswith(f"  Then {answered} {SIGNED}, ") for line in told)
    if choice in {Choice.DROP, Choice.FREEZE}:
        assert later is not None
        told = await _lines(house, "why", _id(later))
        assert any(line.startswith(f"  It rests on this: {answered} {SIGNED}, asked at ") for line in told)


async def test_a_command_is_told_where_it_stops_a_call(house: House) -> None:
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        session = (await gateway.call("rec__neutral"))["_meta"][DECISION]["session"]
        await person.command(session, Choice.FREEZE)
        stopped = await gateway.call("rec__neutral")
    assert outcome(stopped) == ("deny", "session_frozen")
    word = f"alice froze the session (signed with {ALICE.public.fingerprint})"
    told = await _lines(house, "why", _id(stopped))
    assert any(line.startswith(f"  It rests on this: {word}, ") for line in told)
    tail = await _lines(house, "audit", "tail")
    assert any(line.endswith(f"{session}: {word}") for line in tail)


async def test_a_call_that_came_back_is_told_and_so_is_the_question_that_it_joined(house: House) -> None:
    enrol(house, ("alice", ALICE), wait="200ms", pending="60s")
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        first = await gateway.call("rec__send", SEND["arguments"])
        assert outcome(first) == ("ask", "approval_pending")
        question = await person.question()
        again = await gateway.call("rec__send", SEND["arguments"])
        assert outcome(again) == ("ask", "approval_pending")
        person.give(question)
        await person.until(Ended)
        ran = await gateway.call("rec__send", SEND["arguments"])
        assert outcome(ran) == ("allow", None)
    told = await _lines(house, "why", _id(first))
    assert any(line.startswith("  Then the client could wait no longer: it was told to come back") for line in told)
    assert any(line.startswith("  Then the agent came back and the call ran on that answer: ") for line in told)
    told = await _lines(house, "why", _id(again))
    joined = f"  Then a person was asked about this very call already (d{question.decision}), "
    assert any(line.startswith(joined) for line in told)
