"""A standing yes is what its giver signed and may give, whatever the row in the state says.

The attacker runs as the gateway's own user, and writes into its database; or is an approver who may not give one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rule_of_two.approvals.answer import Answer, GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.receipts import receipt_text
from tests.harness import House, outcome
from tests.people import SEND, cautious, enrol, granted, human, send

ALICE, BOB, MALLORY = ApproverKey.generate(), ApproverKey.generate(), ApproverKey.generate()


async def test_a_row_cannot_make_a_standing_yes_outlast_a_label(house: House) -> None:
    """Which labels the session may hold stood in the row alone, and nobody had signed it."""
    cautious(house)
    enrol(house, ("alice", ALICE), ("bob", BOB))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await granted(gateway, person, 9)
        await gateway.call("rec__read_untrusted")
        house.sql("UPDATE grants SET covers = 'ABC'")
        assert not await send(gateway, person, 1)
    assert house.sent().count("send") == 1


def _row(question: Question, key: ApproverKey, name: str) -> tuple[Any, ...]:
    terms = GrantTerms.of(question, uses=100, minutes=480)
    now = datetime.now(UTC)
    answer = Answer.to(question, Choice.GRANT, approver=name, now=now, grant=terms).signed(key)
    ends = "2999-01-01T00:00:00+00:00"
    return question.id, question.session, receipt_text(answer), "ABC", 100, ends, now.isoformat()


@pytest.mark.parametrize(("key", "runs"), [(ALICE, True), (MALLORY, False)], ids=["alice", "somebody else"])
async def test_a_standing_yes_in_a_row_counts_only_if_its_giver_signed_it(
    house: House, key: ApproverKey, runs: bool
) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE), ("bob", BOB))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        person.give(question, Choice.NO)
        await waiting
        house.sql("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)", *_row(question, key, "alice"))
        assert await send(gateway, person, 1) is runs
    assert house.sent().count("send") == runs


async def test_an_approver_of_another_tenant_grants_nothing_by_a_row(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE), ("bob", BOB, {"tenant": "other"}))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        person.give(question, Choice.NO)
        await waiting
        house.sql("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)", *_row(question, BOB, "bob"))
        assert not await send(gateway, person, 1)
    assert "send" not in house.sent()


async def test_nobody_grants_by_a_row_what_policy_lets_nobody_grant(house: House) -> None:
    """A session that has seen untrusted content gets no standing yes, also not by an approver's own hand."""
    cautious(house)
    enrol(house, ("alice", ALICE), ("bob", BOB))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await gateway.call("rec__read_untrusted")
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        assert Choice.GRANT not in question.offers
        person.give(question, Choice.NO)
        await waiting
        house.sql("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)", *_row(question, ALICE, "alice"))
        assert not await send(gateway, person, 1)
    assert "send" not in house.sent()


async def test_rows_that_nobody_can_read_grant_nothing_and_end_nothing(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE), ("bob", BOB))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await granted(gateway, person, 9)
        house.sql("UPDATE grants SET uses_left = 'many', covers = x'00', expires_at = 'never'")
        assert not await send(gateway, person, 1)
        assert outcome(await gateway.call("rec__neutral")) == ("allow", None)
    assert house.sent().count("send") == 1
