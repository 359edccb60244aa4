"""What policy held back can be looked at, and a person can vouch for one item of it: exactly these words, by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rule_of_two.approvals.endorsement import Endorsement, ItemSubject, endorsement_text
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Endorsed, Withheld
from tests.gateway.test_release import ANN, EVE, MIXED, acted_on_private, office, structured
from tests.harness import House
from tests.people import Human, enrol, human

__all__ = ["office"]

LETTERS = structured(ANN, EVE, MIXED)


@pytest.fixture
def key(quick_keys: None) -> ApproverKey:
    return ApproverKey.generate()


async def withheld(person: Human, name: str) -> Any:
    """The withheld item of that name, as a console has it."""
    message = await person.until_that(Withheld, lambda one: any(item.item.name == name for item in one.items))
    return next(item for item in message.items if item.item.name == name)


async def test_an_item_that_somebody_vouched_for_comes_in_alone_and_brings_nothing_untrusted(
    office: House, key: ApproverKey
) -> None:
    enrol(office, ("alice", key), unattended="deny")
    async with office.gateway() as gateway, human(office, key=key) as person:
        await acted_on_private(gateway)
        result = await gateway.call("echo__letters", {"reply": LETTERS})
        assert result["structuredContent"]["items"] == [ANN]
        held = await withheld(person, "m2")
        assert EVE["text"] in held.item.text
        endorsement = Endorsement.to(held.subject, approver="alice", now=datetime.now(UTC)).signed(key)
        (gateway_id, _) = person.heard[0]
        assert person.client.endorse(gateway_id, held.item.id, endorsement)
        await person.until(Endorsed)
        result = await gateway.call("echo__letters", {"reply": LETTERS})
        assert result["structuredContent"]["items"] == [ANN, EVE]
        assert office.held() == {"B", "C"}
        released = [one for one in office.journal("decision") if one.get("releases")][-1]
        assert any("alice vouched" in line for line in released["lowered_by"])
        changed = {**EVE, "text": EVE["text"] + "!"}
        result = await gateway.call("echo__letters", {"reply": structured(ANN, changed)})
        assert result["structuredContent"]["items"] == [ANN]
        (entry,) = office.journal("endorsement")
        assert entry["by"] == "alice"


async def test_a_row_that_nobody_signed_vouches_for_nothing(office: House, key: ApproverKey) -> None:
    enrol(office, ("alice", key), unattended="deny")
    async with office.gateway() as gateway, human(office, key=key) as person:
        await acted_on_private(gateway)
        await gateway.call("echo__letters", {"reply": LETTERS})
        held = await withheld(person, "m2")
        forged = [
            Endorsement.to(held.subject, approver="alice", now=datetime.now(UTC)),
            Endorsement.to(held.subject, approver="alice", now=datetime.now(UTC)).signed(ApproverKey.generate()),
            Endorsement.to(
                ItemSubject(upstream="echo", name="letters", id="m2", digest="0" * 64),
                approver="alice",
                now=datetime.now(UTC),
            ).signed(key),
        ]
        for one in forged:
            office.sql(
                "INSERT INTO endorsements (id, kind, subject, endorsement, given_at) VALUES (?, 'item', 'echo', ?, '')",
                one.id,
                endorsement_text(one),
            )
        result = await gateway.call("echo__letters", {"reply": LETTERS})
        assert result["structuredContent"]["items"] == [ANN]
        assert EVE["text"] not in json.dumps(result)
