"""A yes, and what was read of an upstream, hold for the moment of sending: an upstream cannot choose that moment."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from rule_of_two.approvals.question import Question
from tests.attacks.evil import LIST, NEXT_LINE, evil, methods
from tests.attacks.puppets import mark
from tests.harness import House, outcome
from tests.people import SEND, human


async def test_a_yes_to_the_third_question_counts_or_leaves_nothing_reserved(house: House) -> None:
    """h05: the session gained a label twice while a person read; their third yes was lost, its reservation was not."""
    async with house.gateway() as gateway, human(house) as person:
        waiting = gateway.start("tools/call", {"name": "rec__everything_at_once", "arguments": {}})
        first = await person.question(1)
        await gateway.call("rec__read_untrusted")
        person.give(first)
        second = await person.question(2)
        await gateway.call("rec__read_private")
        person.give(second)
        person.give(await person.question(3))
        result = (await waiting)["result"]
        assert house.sql("SELECT number, labels FROM reservations") == []
        assert (outcome(result)[0] == "allow") == ("everything_at_once" in house.sent())


def _frozen(house: House, question: Question) -> bool:
    """What freezing the session writes."""
    mark(house, "frozen")
    return True


def _expired(house: House, question: Question) -> bool:
    return datetime.now(UTC) > question.expires_at


@pytest.mark.parametrize("stale", [_frozen, _expired])
async def test_an_approval_is_checked_at_the_moment_of_sending(
    house: House, stale: Callable[[House, Question], bool]
) -> None:
    """h06: a slow answer to tools/list held an approved call back until the approval was long out of date."""
    gate = 'while self.more and not (JOURNAL.parent / "gate").exists(): await asyncio.sleep(0.01)'
    house.settings["approvals"] = {"wait": "2s", "pending": "2s"}
    house.servers = {"rec": evil(house, (LIST, gate + NEXT_LINE + LIST))}
    async with house.gateway() as gateway, human(house) as person:
        await gateway.call("rec__read_untrusted")
        await gateway.call("rec__read_private")
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        await gateway.call("rec__add_tool")
        person.give(question)
        while not house.journal("answer"):
            await gateway.request("ping")
        while not stale(house, question):
            await gateway.request("ping")
        (house.folder / "gate").touch()
        assert outcome((await waiting)["result"])[0] != "allow"
    assert "send" not in house.sent("rec")


async def test_a_definition_whose_change_was_announced_is_not_called_unread(house: House) -> None:
    """h14: an upstream says that its tools have changed and never answers what they are now."""
    silent = 'if self.send_description != "Send a message.": return'
    house.servers = {"rec": evil(house, (LIST, silent + NEXT_LINE + LIST))}
    impatient = (
        "from rule_of_two.cli.main import main; from rule_of_two.gateway import life, mount; "
        "assert life.LIST_SECONDS + mount.STALE_SECONDS > 1; "
        "life.LIST_SECONDS = 0.3; mount.STALE_SECONDS = 0.5; main()"
    )
    command = [sys.executable, "-c", impatient, *house.command("serve")[3:]]
    async with house.gateway(command=command) as gateway:
        await gateway.call("rec__change_send")
        while methods(house).count("tools/list") < 2:
            await gateway.request("ping")
        for _ in range(2):
            assert outcome(await gateway.call("rec__send"))[0] == "deny"
    assert house.sent("rec") == ["change_send"]
