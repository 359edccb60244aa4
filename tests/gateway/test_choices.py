"""More than yes and no: drop C, grant, freeze, new session; refusals in a row; a flood of questions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rule_of_two.approvals.answer import GrantTerms, Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Ended, Refused, Sessions
from rule_of_two.approvals.question import Question
from tests.harness import House, outcome
from tests.people import SEND, cautious, enrol, granted, human, send, tainted

ALICE = ApproverKey.generate()
READ = {"name": "rec__read_untrusted", "arguments": {}}


async def test_drop_lets_a_waiting_read_pass_and_later_reads_too_and_no_act_ever(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await gateway.call("rec__private_send", {"to": "bob@example.org"})
        waiting = gateway.start("tools/call", READ)
        person.give(await person.question(), Choice.DROP)
        assert outcome((await waiting)["result"]) == ("allow", None)
        assert outcome(await gateway.call("rec__read_private")) == ("allow", None)
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("deny", "dropped_capability")
        assert len([message for _, message in person.heard if isinstance(message, Ended)]) == 1
    assert "send" not in house.sent()
    assert house.journal("answer")[0]["answer"] == "drop"


async def test_drop_never_sends_the_acting_call_that_was_asked_about(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        other = gateway.start("tools/call", {**SEND, "arguments": {"to": "carol@example.org"}})
        first = await person.question()
        waiting = gateway.start("tools/call", SEND)
        await person.question(2)
        person.give(first, Choice.DROP)
        assert outcome((await other)["result"]) == ("deny", "dropped_capability")
        assert outcome((await waiting)["result"]) == ("ask", "approval_expired")
        await person.until_that(Ended, lambda ended: ended.unanswered is Unanswered.SESSION_CHANGED)
    assert "send" not in house.sent()


async def test_freeze_refuses_the_call_and_everything_after_it(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question(), Choice.FREEZE)
        assert outcome((await waiting)["result"]) == ("deny", "session_frozen")
        assert outcome(await gateway.call("rec__read_untrusted")) == ("deny", "session_frozen")
    assert house.sent() == ["read_untrusted", "read_private"]


async def test_a_new_session_refuses_the_waiting_call_and_begins_clean(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question(), Choice.NEW)
        assert outcome((await waiting)["result"]) == ("ask", "approval_expired")
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("allow", None)
        assert house.held() == {"C"}


@pytest.mark.parametrize("choice", [Choice.DROP, Choice.FREEZE, Choice.NEW])
async def test_the_same_at_the_console_without_a_question(house: House, choice: Choice) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        session = house.session()
        assert not isinstance(await person.command(session, choice), Refused)
        result = outcome(await gateway.call("rec__send", SEND["arguments"]))
        assert (
            result
            == {
                Choice.DROP: ("deny", "dropped_capability"),
                Choice.FREEZE: ("deny", "session_frozen"),
                Choice.NEW: ("allow", None),
            }[choice]
        )
    assert [entry["command"] for entry in house.journal("command")] == [choice]


@pytest.mark.parametrize(("command", "code"), [("drop", "dropped_capability"), ("freeze", "session_frozen")])
async def test_the_same_from_the_command_line(house: House, command: str, code: str) -> None:
    async with house.gateway() as gateway:
        await tainted(gateway)
        session = house.session()
        process = await asyncio.create_subprocess_exec(
            *house.command("session", command, session), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        assert session.encode() in said
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("deny", code)
        unknown = await asyncio.create_subprocess_exec(
            *house.command("session", command, "s-nobody"), stderr=asyncio.subprocess.PIPE
        )
        _, error = await unknown.communicate()
        assert unknown.returncode == 1
        assert b"no open session s-nobody" in error
    (entry,) = house.journal("command")
    assert (entry["command"], entry["assurance"]) == (command, "unsigned, advisory")


async def test_a_question_of_a_session_that_ended_meanwhile_cannot_be_used(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        await person.command(question.session, Choice.NEW)
        assert outcome((await waiting)["result"]) == ("ask", "approval_expired")
        person.give(question)
        refused = await person.until(Refused)
        assert refused.reason is Refusal.ALREADY_ENDED


# Grants

PERMIT_GRANTS = """
@id("own.permit-grants")
permit (principal is Gateway::Approver, action == Gateway::Action::"approve_call", resource)
when { context.choice == "grant" };
"""


def terms(question: Question, uses: int = 2, minutes: int = 5) -> GrantTerms:
    return GrantTerms.of(question, uses=uses, minutes=minutes)


async def test_a_grant_covers_its_tool_and_targets_and_count_and_nothing_else(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        question = await granted(gateway, person, 3)
        assert Choice.GRANT in question.offers
        assert not await send(gateway, person, 1, to="eve@evil.example")
        assert await send(gateway, person, 2)
        assert await send(gateway, person, 2)
        assert not await send(gateway, person, 2)
    assert house.sent().count("send") == 3
    grants = [entry["grant"] for entry in house.journal("decision") if "grant" in entry]
    assert grants == [question.id, question.id]


async def test_a_grant_lapses_when_the_session_gains_a_label(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await granted(gateway, person, 9)
        assert await send(gateway, person, 1)
        await gateway.call("rec__read_private")
        assert not await send(gateway, person, 1)


async def test_a_grant_ends_with_its_session(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        question = await granted(gateway, person, 9)
        await person.command(question.session, Choice.NEW)
        assert not await send(gateway, person, 1)


async def test_a_crash_leaves_no_grant(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await granted(gateway, person, 9)
        await gateway.kill()
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        assert not await send(gateway, person, 0)


async def test_two_gateways_of_a_session_share_a_grant_and_its_count(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as one, house.gateway() as two, human(house, 2, key=ALICE) as person:
        await granted(one, person, 2)
        assert await send(two, person, 1)
        assert not await send(one, person, 1)


async def test_no_grant_is_offered_once_the_session_has_seen_untrusted_content(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await gateway.call("rec__read_untrusted")
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        assert Choice.GRANT not in question.offers
        person.give(question, Choice.GRANT, grant=terms(question))
        assert (await person.until(Refused)).reason is Refusal.NOT_OFFERED
        person.give(question, Choice.NO)
        await waiting


async def test_policy_can_allow_grants_in_a_session_that_has_seen_untrusted_content(house: House) -> None:
    cautious(house, PERMIT_GRANTS)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        person.give(question, Choice.GRANT, grant=terms(question))
        assert outcome((await waiting)["result"]) == ("allow", None)
        assert await send(gateway, person, 1)
        assert not await send(gateway, person, 1)


async def test_without_a_key_there_are_no_grants(house: House) -> None:
    cautious(house)
    async with house.gateway() as gateway, human(house) as person:
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        assert Choice.GRANT not in question.offers
        person.give(question, Choice.NO)
        await waiting


async def test_a_grant_for_other_terms_than_the_call_is_refused(house: House) -> None:
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        wide: Any = {**{name: getattr(terms(question), name) for name in GrantTerms.__slots__}}
        wide["targets"] = (("recipient", "eve@evil.example"),)
        person.give(question, Choice.GRANT, grant=GrantTerms(**wide))
        assert (await person.until(Refused)).reason is Refusal.DIGEST_MISMATCH
        person.give(question, Choice.NO)
        await waiting


# Fatigue


async def test_three_refusals_in_a_row_silence_the_session_for_a_while(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        for count in range(1, 4):
            waiting = gateway.start("tools/call", {**SEND, "arguments": {"to": f"number-{count}@example.org"}})
            person.give(await person.question(count), Choice.NO)
            assert outcome((await waiting)["result"]) == ("deny", "approval_denied")
        result = await gateway.call("rec__send", SEND["arguments"])
        assert outcome(result) == ("deny", "approval_denied")
        assert "several times in a row" in result["content"][0]["text"]
        assert len([1 for entry in house.journal("question")]) == 3
        await person.until_that(Sessions, lambda told: told.sessions[0].turned_away == 1)
    assert house.journal("answer")[-1]["reason"] == "backed_off"


async def test_a_flood_of_questions_is_capped_and_reported(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        calls = [
            gateway.start("tools/call", {**SEND, "arguments": {"to": f"number-{number}@example.org"}})
            for number in range(60)
        ]
        for count, done in enumerate(asyncio.as_completed(calls, timeout=30), 1):
            await done
            if count == 55:  # which five are shown is the threads' affair
                break
        refused = [outcome(call.result()["result"]) for call in calls if call.done()]
        assert refused.count(("deny", "limit_exceeded")) == 55
        sessions: Sessions = await person.until_that(Sessions, lambda told: told.sessions[0].turned_away == 55)
        await person.question(5)
        await person.command(sessions.sessions[0].id, Choice.FREEZE)
        await asyncio.wait_for(asyncio.gather(*calls), 30)
    assert "send" not in house.sent()
