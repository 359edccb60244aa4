"""Two gateways of one session, each with policies of its own: what the session has seen is shared, no yes is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Ended, Refused
from rule_of_two.approvals.question import Question
from rule_of_two.records import replace
from tests.harness import DECISION, Gateway, House, outcome
from tests.people import ASK_BEFORE_EVERY_ACT, SEND, Human, enrol, granted, human, send, tainted
from tests.policies import BLOCK_NOTHING, BLOCK_READS, events

ALICE = ApproverKey.generate()
BY_MANAGED = """
@id("own.by-managed")
@message("Sessions are managed from managed devices.")
forbid (principal is Gateway::Approver, action == Gateway::Action::"manage_session", resource)
unless { context has device && context.device.managed };
"""
TO_BOB = """
@id("own.to-bob")
@message("Only Bob is written to.")
forbid (principal, action == Gateway::Action::"rec__send", resource)
unless { context.input has to && context.input.to == "bob@example.org" };
"""


def beside(house: House, policies: str, **settings: Any) -> House:
    """Another configuration of the same client on the same state, which has these policies besides."""
    (house.folder / "beside.cedar").write_text(policies)
    own = {**house.settings, "policies": ["default", "./beside.cedar"], **settings}
    return replace(house, file="beside.yaml", settings=own)


def decided(result: dict[str, Any]) -> list[str]:
    """The policies that decided."""
    return list(result["_meta"][DECISION]["policies"])


async def test_labels_are_shared_and_each_decides_by_its_own_policies(house: House) -> None:
    strict = beside(house, ASK_BEFORE_EVERY_ACT + BLOCK_READS)
    async with house.gateway() as one, strict.gateway() as two:
        assert outcome(await one.call("rec__read_untrusted")) == ("allow", None)
        assert outcome(await two.call("rec__read_untrusted")) == ("allow", None)
        assert outcome(await one.call("rec__send")) == ("allow", None)
        asks = await two.call("rec__send")
        blocked = await two.call("rec__read_private")
        completing = await one.call("rec__read_private")
    assert (outcome(asks), decided(asks)) == (("ask", "approval_required"), ["own.ask-before-every-act"])
    assert (outcome(blocked), decided(blocked)) == (("deny", "denied_by_policy"), ["own.no-private"])
    assert (outcome(completing), decided(completing)) == (("ask", "approval_required"), ["r2.ask-third-label"])
    assert (house.held(), house.sent()) == ({"A", "C"}, ["read_untrusted", "read_untrusted", "send"])


async def test_each_journals_the_version_of_its_own(house: House) -> None:
    strict = beside(house, BLOCK_READS)
    async with house.gateway() as one, strict.gateway() as two:
        for gateway in (one, two, one):
            await gateway.call("rec__read_private")
    default, other = (event["version"] for event in events(house, "in_force"))
    assert default != other
    decisions = house.journal("decision")
    assert {entry["session"] for entry in decisions} == {decisions[0]["session"]}
    assert [(entry["policy_version"], entry["outcome"]) for entry in decisions] == [
        (default, "allow"),
        (other, "deny"),
        (default, "allow"),
    ]


@pytest.mark.parametrize("swapped", [False, True])
async def test_a_yes_to_a_call_that_got_a_ticket_counts_at_its_own_gateway(house: House, swapped: bool) -> None:
    house.settings["approvals"] = {"wait": "200ms"}
    strict = beside(house, ASK_BEFORE_EVERY_ACT)
    async with house.gateway() as one, strict.gateway() as two, human(house, 2) as person:
        here, there = (two, one) if swapped else (one, two)
        await tainted(here)
        assert outcome(await here.call(**SEND)) == ("ask", "approval_pending")
        question = await person.question()
        person.give(question)
        await person.until_that(Ended, lambda ended: ended.question_id == question.id)
        assert outcome(await there.call(**SEND)) == ("ask", "approval_pending")
        another = await person.question(2)
        assert another.policy_version != question.policy_version
        assert "send" not in house.sent()
        assert outcome(await here.call(**SEND)) == ("allow", None)
        assert outcome(await here.call(**SEND)) == ("ask", "approval_pending")
    assert house.sent().count("send") == 1


async def test_an_answer_to_one_gateways_question_is_none_at_the_other(house: House) -> None:
    """The same call waits at both: whatever of a signed yes is carried over from one to the other, it is refused."""
    enrol(house, ("alice", ALICE))
    strict = beside(house, ASK_BEFORE_EVERY_ACT)
    async with house.gateway() as one, strict.gateway() as two, human(house, 2, key=ALICE) as person:
        await tainted(one)
        at_one, first = await _asked(one, person)
        at_two, second = await _asked(two, person, 2)
        assert (first.session, first.fingerprint) == (second.session, second.fingerprint)
        assert first.policy_version != second.policy_version
        yes = person.answer(first)
        person.say(second, yes)
        assert (await person.until(Refused)).reason is Refusal.UNKNOWN_QUESTION
        person.say(second, replace(yes, question_id=second.id))
        assert (await person.until(Refused, 2)).reason is Refusal.DIGEST_MISMATCH
        person.say(second, replace(yes, question_id=second.id, digest=second.digest, shown=second.shown))
        assert (await person.until(Refused, 3)).reason is Refusal.BAD_SIGNATURE
        person.say(first, yes)
        assert outcome((await at_one)["result"]) == ("allow", None)
        assert not at_two.done()
        person.give(second, Choice.NO)
        assert outcome((await at_two)["result"]) == ("deny", "approval_denied")
    assert house.sent().count("send") == 1


async def _asked(gateway: Gateway, person: Human, count: int = 1) -> tuple[asyncio.Future[Any], Question]:
    waiting = gateway.start("tools/call", SEND)
    return waiting, await person.question(count)


@pytest.mark.parametrize("swapped", [False, True])
async def test_a_grant_of_one_is_none_at_the_other(house: House, swapped: bool) -> None:
    enrol(house, ("alice", ALICE))
    (house.folder / "own.cedar").write_text(ASK_BEFORE_EVERY_ACT)
    house.settings["policies"] = ["default", "./own.cedar"]
    strict = beside(house, ASK_BEFORE_EVERY_ACT + BLOCK_NOTHING)
    async with house.gateway() as one, strict.gateway() as two, human(house, 2, key=ALICE) as person:
        here, there = (two, one) if swapped else (one, two)
        await granted(here, person, uses=3)
        assert not await send(there, person, 1)
        assert await send(here, person, 2)
        assert not await send(there, person, 2)
        assert await send(here, person, 3)
        assert not await send(here, person, 3)


TYPED: dict[str, Any] = {
    "typed_arguments": True,
    "providers": {"device": {"id": "laptop-7", "managed": True}, "risk": {}, "time": {}},
}


async def test_c_dropped_at_the_command_line_is_dropped_in_both(house: House) -> None:
    """Where policies read arguments, which takes a running server to be typed, and providers are configured."""
    typed = beside(house, TO_BOB, **TYPED)
    async with house.gateway() as one, typed.gateway() as two, human(house, 2) as person:
        assert decided(await two.call("rec__send", {"to": "eve@evil.example"})) == ["own.to-bob"]
        await tainted(two)
        at_one, first = await _asked(one, person)
        at_two, second = await _asked(two, person, 2)
        await asyncio.to_thread(typed.run, "session", "drop", house.session())
        for gateway in (one, two):
            assert outcome(await gateway.call(**SEND)) == ("deny", "dropped_capability")
        assert outcome(await one.call("rec__read_private")) == ("allow", None)
        for question in (first, second):
            person.give(question)
        for waiting in (at_one, at_two):
            assert outcome((await waiting)["result"]) == ("deny", "dropped_capability")
    assert "send" not in house.sent()


async def test_policy_keeps_the_command_line_from_what_it_lets_a_console_do(house: House) -> None:
    """Commands ask no provider, so a policy that wants what one supplies says no to them, and to nothing else."""
    typed = beside(house, BY_MANAGED + TO_BOB, **TYPED)
    async with typed.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        said = await asyncio.to_thread(typed.run, "session", "drop", house.session(), code=1)
        assert Refusal.NOT_ENTITLED.sentence in said
        assert outcome(await _answered(gateway, person)) == ("allow", None)
        assert not isinstance(await person.command(house.session(), Choice.DROP), Refused)
        assert outcome(await gateway.call(**SEND)) == ("deny", "dropped_capability")


async def _answered(gateway: Gateway, person: Human) -> dict[str, Any]:
    waiting, question = await _asked(gateway, person)
    person.give(question)
    result: dict[str, Any] = (await waiting)["result"]
    return result
