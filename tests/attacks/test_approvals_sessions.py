"""Only the word of somebody who may, given now, begins a clean session, for every gateway, live or next.

The attacker runs as the gateway's own user (its database, its socket, our own command line), or is an approver with few
rights.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Done, GatewayHello, Refused
from rule_of_two.approvals.receipts import receipt_text, signed_command_text
from rule_of_two.records import replace
from tests.harness import House, outcome
from tests.people import SEND, enrol, human, tainted

ALICE, BOB = ApproverKey.generate(), ApproverKey.generate()

NOT_BOB = """
@id("own.bob-only-answers") @message("Bob begins no sessions.")
forbid (principal == Gateway::Approver::"bob", action == Gateway::Action::"manage_session", resource);
"""


def guarded(house: House, **bob: Any) -> None:
    house.settings["client"] = "claude-desktop"  # its sessions last until a person starts a new one
    (house.folder / "own.cedar").write_text(NOT_BOB)
    house.settings["policies"] = ["default", "./own.cedar"]
    enrol(house, ("alice", ALICE), ("bob", BOB, bob), wait="200ms")


def moved(house: House, old: str, began_by: str | None) -> None:
    """What starting a new session writes."""
    house.sql(
        "INSERT INTO sessions (id, key, boundary, created_at, began_by) "
        "SELECT 's-clean', key, boundary, created_at, ? FROM sessions WHERE id = ?",
        began_by,
        old,
    )
    house.sql("UPDATE connections SET session = 's-clean' WHERE session = ?", old)
    house.sql("UPDATE sessions SET ended_at = created_at, ended_how = 'new' WHERE id = ?", old)


async def unsigned(house: House, session: str) -> None:
    """Our own command line with a configuration of the attacker's, which enrols nobody."""
    config = house.folder / "theirs.yaml"
    config.write_text("version: 1\nmcpServers: {}\n")
    command = house.command("session", "new", "--yes", "--unsigned", session)
    command[command.index("--config") + 1] = str(config)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await process.wait()


@pytest.mark.parametrize("bob", [{}, {"tenant": "other"}], ids=["few rights", "another tenant"])
async def test_an_approver_who_may_not_begin_sessions_begins_none_by_a_row(house: House, bob: dict[str, str]) -> None:
    """Their key is enrolled, so the signature is good; whether they may was asked only where they asked for it."""
    guarded(house, **bob)
    async with house.gateway() as gateway, human(house, key=BOB, name="bob") as person:
        await tainted(gateway)
        old = house.session()
        assert isinstance(await person.command(old, Choice.NEW), Refused)
        word = Command.to(old, Choice.NEW, approver="bob", now=datetime.now(UTC)).signed(BOB)
        moved(house, old, signed_command_text(word))
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("deny", "store_error")
    assert "send" not in house.sent()


async def test_an_answer_of_theirs_to_a_question_does_neither(house: House) -> None:
    guarded(house)
    async with house.gateway() as gateway, human(house, key=BOB, name="bob") as person:
        await tainted(gateway)
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("ask", "approval_pending")
        question = await person.question()
        person.give(question, Choice.NEW)
        assert (await person.until(Refused)).reason is Refusal.NOT_ENTITLED
        word = Answer.to(question, Choice.NEW, approver="bob", now=datetime.now(UTC)).signed(BOB)
        moved(house, question.session, receipt_text(word))
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("deny", "store_error")
    assert "send" not in house.sent()


async def _asked_in_the_next_gateway(house: House, gateways: int) -> None:
    async with house.gateway() as second, human(house, gateways, key=ALICE):
        assert outcome(await second.call("rec__send", SEND["arguments"])) == ("ask", "approval_pending")


@pytest.mark.parametrize("alive", [True, False], ids=["beside a live one", "after it ended"])
async def test_the_next_gateway_takes_over_no_clean_session_that_nobody_began(house: House, alive: bool) -> None:
    """The live gateway noticed and refused, but one that started afterwards joined the row as it found it."""
    guarded(house)
    async with house.gateway() as first:
        await tainted(first)
        old = house.session()
        if alive:
            moved(house, old, None)
            await _asked_in_the_next_gateway(house, 2)
    if not alive:
        moved(house, old, None)
        await _asked_in_the_next_gateway(house, 1)
    assert "send" not in house.sent()


async def test_the_command_line_with_another_configuration_begins_no_session_of_theirs(house: House) -> None:
    """Who enrols nobody in a configuration of their own is nobody's approver in a state whose gateways have some: the
    session goes on, and the gateway with it."""
    guarded(house)
    async with house.gateway() as gateway, human(house, key=ALICE):
        await tainted(gateway)
        old = house.session()
        await unsigned(house, old)
        assert house.session() == old
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("ask", "approval_pending")
    async with house.gateway() as gateway, human(house, key=ALICE):
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("ask", "approval_pending")
    assert "send" not in house.sent()


async def test_a_session_that_an_approver_began_is_clean_for_the_next_gateway_too(house: House) -> None:
    guarded(house)
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        done = await person.command(house.session(), Choice.NEW)
        assert isinstance(done, Done)
        assert isinstance(await person.command(done.session, Choice.NEW), Done)
    async with house.gateway() as gateway, human(house, key=ALICE):
        assert outcome(await gateway.call("rec__send", SEND["arguments"])) == ("allow", None)


async def test_a_session_that_ended_by_itself_does_not_count_against_a_later_one(house: House) -> None:
    """Where one connection is one conversation: between a session that alice ended and the one of now lies another."""
    guarded(house)
    house.settings["client"] = "generic"
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        assert isinstance(await person.command(house.session(), Choice.NEW), Done)
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
        async with house.gateway() as beside, human(house, 2, key=ALICE):
            assert outcome(await beside.call("rec__send", SEND["arguments"])) == ("allow", None)
    assert house.sent().count("send") == 1


async def test_a_command_that_was_held_back_begins_no_session_later(house: House) -> None:
    """A process between console and gateway kept a signed command for the moment when it would wash most."""
    guarded(house)
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        name = next(name for name, message in person.heard if isinstance(message, GatewayHello))
        command = Command.to(house.session(), Choice.NEW, approver="alice", now=datetime.now(UTC))
        old = replace(command, commanded_at=command.commanded_at - timedelta(minutes=6)).signed(ALICE)
        person.client.command(name, old)
        assert (await person.until(Refused)).reason is Refusal.CLOCK
        assert house.held() == {"A", "B"}


@pytest.mark.parametrize("choice", [Choice.FREEZE, Choice.DROP])
async def test_what_a_person_does_to_a_session_that_has_ended_is_not_said_to_be_done(
    house: House, choice: Choice
) -> None:
    """Another process started a new session, and the question of the old one stood on the console still. Freezing it
    froze nothing, and the person was not told."""
    guarded(house)
    async with house.gateway() as gateway, human(house, key=ALICE) as person:
        await tainted(gateway)
        await gateway.call("rec__send", SEND["arguments"])
        question = await person.question()
        word = Command.to(question.session, Choice.NEW, approver="alice", now=datetime.now(UTC)).signed(ALICE)
        moved(house, question.session, signed_command_text(word))
        person.give(question, choice)
        assert (await person.until(Refused)).reason is Refusal.UNKNOWN_SESSION
