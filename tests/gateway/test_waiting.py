"""A call that waits for a person: told of it, given a ticket, run on the yes when it comes back, never sent late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Asked, Ended, Refused, Waits
from rule_of_two.gateway.consent import Patience
from tests.harness import DECISION, Gateway, House, outcome
from tests.people import SEND, Human, human, modern, tainted

QUICK = {"wait": "200ms"}


@asynccontextmanager
async def waiting_for_a_person(house: House, **settings: Any) -> AsyncIterator[tuple[Gateway, Human]]:
    house.settings["approvals"] = {**QUICK, **settings}
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        yield gateway, person


async def test_a_call_that_waits_too_long_gets_a_ticket_and_runs_once_on_the_yes(house: House) -> None:
    async with waiting_for_a_person(house) as (gateway, person):
        result = await gateway.call("rec__send", SEND["arguments"])
        question = await person.question()
        assert outcome(result) == ("ask", "approval_pending")
        assert result["_meta"][DECISION]["ticket"] == question.id
        assert "made again" in result["content"][0]["text"]
        await person.until_that(Waits, lambda told: not told.calls)
        person.give(question)
        await person.until(Ended)
        assert "send" not in house.sent()  # nothing is sent for a client that has its answer already
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("allow", None)
        assert house.sent().count("send") == 1
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("ask", "approval_pending")
        assert (await person.question(2)).id != question.id
    assert house.sent().count("send") == 1
    first, second = [entry for entry in house.journal("question") if "digest" in entry][:2]
    assert second["joins"] == first["decision"]


async def test_the_host_s_own_call_ids_do_not_make_it_another_call(house: House) -> None:
    house.settings["client"] = "claude-code"
    async with waiting_for_a_person(house) as (gateway, person):
        for number in (1, 2):
            trace = f"00-{number:032x}-{number:016x}-01"
            params = {**SEND, "_meta": {"claudecode/toolUseId": f"toolu_{number}", "traceparent": trace}}
            waiting = gateway.start("tools/call", params)
            if number == 1:
                assert outcome((await waiting)["result"])[1] == "approval_pending"
                person.give(await person.question())
                await person.until(Ended)
        assert outcome((await waiting)["result"]) == ("allow", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"arguments": {"to": "bob@example.org", "body": "hello!"}},
        {"arguments": {"to": "eve@example.org", "body": "hello"}},
        {"_meta": {"com.example/extra": "x"}},
        {"_meta": {"claudecode/toolUseId": "x"}},
        {"_meta": {"traceparent": "MEET AT NOON"}},
    ],
    ids=str,
)
async def test_another_call_does_not_run_on_the_ticket(house: House, changed: dict[str, Any]) -> None:
    """What another client's host sets is nothing special for this one, and no trace is what only is called so."""
    async with waiting_for_a_person(house) as (gateway, person):
        await gateway.call("rec__send", SEND["arguments"])
        person.give(await person.question())
        await person.until(Ended)
        other = await gateway.request("tools/call", {**SEND, **changed})
        assert outcome(other["result"]) == ("ask", "approval_pending")
    assert "send" not in house.sent()


async def test_a_ticket_is_worth_nothing_once_a_label_came(house: House) -> None:
    house.settings["approvals"] = QUICK
    async with house.gateway() as gateway, human(house) as person:
        await gateway.call("rec__read_private")
        await gateway.call("rec__everything_at_once")
        person.give(await person.question())
        await person.until(Ended)
        await gateway.call("rec__read_untrusted")
        assert outcome(await gateway.call("rec__everything_at_once")) == ("ask", "approval_pending")
        assert set((await person.question(2)).held) == {"A", "B"}
    assert "everything_at_once" not in house.sent()


async def test_a_ticket_is_void_when_the_session_is_another_one(house: House) -> None:
    async with waiting_for_a_person(house) as (gateway, person):
        await gateway.call("rec__send", SEND["arguments"])
        question = await person.question()
        person.give(question)
        await person.until(Ended)
        await person.command(question.session, Choice.NEW)
        await tainted(gateway)
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("ask", "approval_pending")
    assert "send" not in house.sent()


async def test_a_ticket_expires(house: House) -> None:
    async with waiting_for_a_person(house, pending="1s") as (gateway, person):
        await gateway.call("rec__send", SEND["arguments"])
        ended: Ended = await person.until(Ended)
        assert ended.unanswered is Unanswered.EXPIRED
        person.give(await person.question())
        assert (await person.until(Refused)).reason is Refusal.EXPIRED


async def test_the_last_console_going_away_takes_the_tickets_with_it(house: House) -> None:
    house.settings["approvals"] = QUICK
    async with house.gateway() as gateway:
        async with human(house) as person:
            await tainted(gateway)
            await gateway.call("rec__send", SEND["arguments"])
            question = await person.question()
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("ask", "approval_required")
        async with human(house) as person:
            await gateway.call("rec__send", SEND["arguments"])
            assert (await person.question()).id != question.id


async def test_a_yes_is_still_one_when_the_person_has_left(house: House) -> None:
    house.settings["approvals"] = QUICK
    async with house.gateway() as gateway:
        async with human(house) as person:
            await tainted(gateway)
            await gateway.call("rec__send", SEND["arguments"])
            person.give(await person.question())
            await person.until(Ended)
        other = await gateway.call("rec__send", {"to": "eve@evil.example"})
        assert outcome(other) == ("ask", "approval_required")
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("allow", None)
    assert house.sent().count("send") == 1


async def test_a_client_that_goes_away_gets_nothing_sent_in_its_name(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        gateway.start("tools/call", SEND)
        question = await person.question()
        await gateway.close()
        await person.until(type(None))
        person_answer = person.answer(question)
        name = next(name for name, message in person.heard if isinstance(message, Asked))
        assert not person.client.answer(name, person_answer)
    assert "send" not in house.sent()


async def test_parallel_identical_calls_share_one_question_and_one_of_them_runs(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        calls = [gateway.start("tools/call", SEND) for _ in range(3)]
        await person.until_that(Waits, lambda told: told.calls == 3)
        person.give(await person.question())
        outcomes = [outcome((await call)["result"]) for call in calls]
        assert sorted(outcomes) == [("allow", None), ("ask", "approval_expired"), ("ask", "approval_expired")]
    assert house.sent().count("send") == 1
    assert len([1 for _, message in person.heard if isinstance(message, Asked)]) == 1


def test_progress_makes_a_call_wait_as_long_as_the_profile_lets_it() -> None:
    class Told:
        hold_seconds: float | None = None
        hears_progress = True

    class Modern(Told):
        hold_seconds = 25.0

    from datetime import timedelta

    patience = Patience(wait=45, progress=300, pending=timedelta(minutes=15))
    assert patience.hold(None) == 45
    assert patience.hold(Told()) == 300
    assert patience.hold(Modern()) == 25
    assert Patience(wait=10, progress=10, pending=timedelta(minutes=15)).hold(Modern()) == 10


async def test_a_client_with_a_progress_token_is_told_that_its_call_waits(house: House) -> None:
    """In a process of its own, so the ten seconds are what they are."""
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", {**SEND, "_meta": {"progressToken": "t1"}})
        question = await person.question()
        told = await gateway.until_notified("notifications/progress")
        assert told["params"]["progressToken"] == "t1"
        assert 0 < told["params"]["progress"] < 1
        assert "console" in told["params"]["message"]
        person.give(question)
        assert outcome((await waiting)["result"]) == ("allow", None)


# The modern era


async def test_a_modern_client_comes_back_with_a_sealed_state(house: House) -> None:
    house.settings["approvals"] = QUICK
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        await modern(gateway, "rec__read_untrusted", {})
        await modern(gateway, "rec__read_private", {})
        first = await modern(gateway, "rec__send", SEND["arguments"])
        assert first["resultType"] == "input_required"
        assert "inputRequests" not in first
        state = first["requestState"]
        question = await person.question()
        assert question.id not in state
        second = await modern(gateway, "rec__send", SEND["arguments"], requestState=state)
        assert second.get("resultType") == "input_required", second
        person.give(question)
        await person.until(Ended)
        done = await modern(gateway, "rec__send", SEND["arguments"], requestState=second["requestState"])
        assert done["_meta"][DECISION]["outcome"] == "allow"
        assert "requestState" not in house.messages()[-1]["params"]
    assert house.sent().count("send") == 1
    assert len([1 for _, message in person.heard if isinstance(message, Asked)]) == 1


async def test_a_sealed_state_opens_nothing_for_another_call(house: House) -> None:
    house.settings["approvals"] = QUICK
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        await modern(gateway, "rec__read_untrusted", {})
        await modern(gateway, "rec__read_private", {})
        state = (await modern(gateway, "rec__send", SEND["arguments"]))["requestState"]
        person.give(await person.question())
        await person.until(Ended)
        other = await modern(gateway, "rec__send", {"to": "eve@evil.example"}, requestState=state)
        assert other["error"]["data"]["code"] == "bad_request"
        forged = await modern(gateway, "rec__send", SEND["arguments"], requestState=state[:-4] + "AAAA")
        assert forged["error"]["data"]["code"] == "bad_request"
    assert "send" not in house.sent()


async def test_after_some_rounds_a_modern_client_gets_the_ticket_as_an_answer(house: House) -> None:
    house.settings["approvals"] = QUICK
    async with house.gateway(initialize=False) as gateway, human(house) as person:
        await modern(gateway, "rec__read_untrusted", {})
        await modern(gateway, "rec__read_private", {})
        more: dict[str, Any] = {}
        rounds = 0
        while (result := await modern(gateway, "rec__send", SEND["arguments"], **more)).get("requestState"):
            more = {"requestState": result["requestState"]}
            rounds += 1
        assert rounds == 8
        assert outcome(result) == ("ask", "approval_pending")
        person.give(await person.question())
        await person.until(Ended)
        assert outcome(await modern(gateway, "rec__send", SEND["arguments"])) == ("allow", None)
