"""Approvals when things break: a state that is gone, rows that are garbage, one answer that comes back twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.messages import Asked, Refused
from rule_of_two.gateway.elicited import Elicited
from tests.approvals.samples import Lenient, a_question
from tests.gateway.test_elicited import FORM, ON, YES, by_form
from tests.harness import DECISION, House, outcome
from tests.people import SEND, human, modern, tainted


async def test_a_state_that_is_gone_refuses_people_and_ends_nothing(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (house.state / name).unlink()
        refused = await person.command(question.session, Choice.FREEZE)
        assert isinstance(refused, Refused)
        assert refused.reason is Refusal.NOT_RECORDED
        person.give(question)
        assert (await person.until(Refused, 2)).reason is Refusal.NOT_RECORDED
        person.give(question, Choice.NO)
        assert outcome((await waiting)["result"])[0] == "deny"
        assert "result" in await gateway.request("ping")
    assert "send" not in house.sent()


@pytest.mark.parametrize("quiet_until", ["tomorrow", "2999-01-01T00:00:00", b"\x00", 7], ids=str)
async def test_a_back_off_that_cannot_be_read_asks_nothing_and_ends_nothing(house: House, quiet_until: Any) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        house.sql("UPDATE sessions SET quiet_until = ?", quiet_until)
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("deny", "store_error")
        neutral = await gateway.call("rec__neutral")
        assert outcome(neutral) == ("allow", None)
        await person.command(neutral["_meta"][DECISION]["session"], Choice.FREEZE)  # questions would have come before
        assert not [1 for _, message in person.heard if isinstance(message, Asked)]
    assert "send" not in house.sent()


async def test_one_answer_brought_back_twice_at_once_is_for_one_call_and_ends_nothing(house: House) -> None:
    house.settings["approvals"] = ON
    async with house.gateway(initialize=False) as gateway:
        await modern(gateway, "rec__read_untrusted", {})
        await modern(gateway, "rec__read_private", {})
        first = await by_form(gateway)
        key = next(iter(first["inputRequests"]))
        params = {
            **SEND,
            "_meta": dict(FORM),
            "inputResponses": {key: YES["result"]},
            "requestState": first["requestState"],
        }
        calls = [gateway.start("tools/call", params) for _ in range(20)]
        results = [(one.get("result") or one["error"]["data"]) for one in await asyncio.gather(*calls)]
        allowed = [one for one in results if one.get("_meta", {}).get(DECISION, {}).get("outcome") == "allow"]
        assert len(allowed) == 1
        assert "result" in await gateway.request("tools/list", {"_meta": dict(FORM)})
    assert house.sent().count("send") == 1


class CameBack:
    """A modern client that brought an answer back."""

    elicitation = comes_back = True
    elicited: tuple[str, Any] | None = None

    async def elicit(self, params: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(params)


async def test_one_answer_that_two_requests_found_is_taken_by_one() -> None:
    """Between finding its question and taking it a request journals, and that can wait for another process."""
    judge, question, client = Lenient(), a_question(), CameBack()
    channel = Elicited(judge, "the user", lambda: question.created_at)
    await channel.ask(question, {}, client, 0)
    client.elicited = (question.id, YES["result"])
    found = [channel.came_back(client, question.fingerprint) for _ in range(2)]
    assert found == [question, question]
    assert isinstance(await channel.take(question, client), Given)
    assert await channel.take(question, client) is Unanswered.USED
    assert len(judge.recorded) == 1


async def test_a_flood_of_questions_through_the_client_is_capped(house: House) -> None:
    house.settings["approvals"] = ON
    async with house.gateway(initialize=False) as gateway:
        await gateway.initialize(elicitation={})
        await tainted(gateway)
        calls = [
            gateway.start("tools/call", {**SEND, "arguments": {"to": f"number-{number}@example.org"}})
            for number in range(40)
        ]
        results = [one["result"] for one in await asyncio.gather(*calls)]
        assert len(gateway.asked) <= 5
        assert [outcome(one) for one in results].count(("deny", "limit_exceeded")) >= 35
    assert "send" not in house.sent()
