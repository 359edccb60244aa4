"""What context providers know reaches every decision and its entry in the journal."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.harness import House, outcome
from tests.people import SEND, human, tainted
from tests.policies import events, installed, own, until

MANAGED = """
@id("own.managed-devices")
@message("Only managed devices read private data.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__read_private")
unless { context has device && context.device.managed };
"""
LOW_RISK = """
@id("own.low-risk")
@message("The session did too many odd things.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__read_private")
unless { context has risk && context.risk < 20 };
"""
CLEARED = """
@id("own.cleared")
@message("Only who is cleared reads private data.")
forbid (principal, action in Gateway::Action::"use", resource == Gateway::Tool::"rec__read_private")
unless { principal.user has clearance && principal.user.clearance > 2 };
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = installed(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))))


async def test_what_the_operator_declares_is_known_to_policies_and_journalled(house: House) -> None:
    own(house, MANAGED)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    house.settings["providers"] = {
        "time": {"zone": "Asia/Kathmandu"},
        "device": {"id": "laptop-7", "managed": True},
        "network": {"zone": "vpn"},
    }
    before = datetime.now(UTC)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
    bare, known = house.journal("decision")
    assert "environment" not in bare
    local = known["environment"].pop("local")
    zone = ZoneInfo("Asia/Kathmandu")
    times = [at.astimezone(zone) for at in (before, datetime.now(UTC))]
    assert local in [{"hour": at.hour, "weekday": at.isoweekday()} for at in times]
    assert known["environment"] == {"device": {"id": "laptop-7", "managed": True}, "network": {"zone": "vpn"}}


async def test_a_session_that_did_odd_things_is_risky_also_after_a_restart(house: House) -> None:
    own(house, LOW_RISK)
    house.settings |= {"providers": {"risk": {}}, "sessions": {"boundary": "human"}}
    async with house.gateway() as gateway, human(house) as person:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
        await gateway.call("rec__read_untrusted")
        waiting = gateway.start("tools/call", SEND)
        from rule_of_two.approvals.choice import Choice

        person.give(await person.question(), Choice.NO)
        await waiting
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    assert [one["environment"]["risk"] for one in house.journal("decision")] == [0, 0, 0, 20, 30]


@pytest.mark.usefixtures("acme")
async def test_a_provider_of_somebody_elses_is_asked_before_the_first_decision(house: House, tmp_path: Path) -> None:
    own(house, MANAGED)
    answer = tmp_path / "answer.json"
    answer.write_text('{"id": "laptop-7", "managed": true}')
    block = {"use": "acme-by-file", "every": "1s", "settings": {"file": str(answer)}}
    house.settings["providers"] = {"device": block}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
        answer.write_text('{"id": "laptop-7", "managed": false}')
        while outcome(await gateway.call("rec__read_private"))[0] == "allow":
            await gateway.request("ping")


@pytest.mark.usefixtures("acme")
async def test_a_provider_that_fails_leaves_its_attribute_absent_once_its_last_answer_is_too_old(
    house: House, tmp_path: Path
) -> None:
    own(house, MANAGED)
    answer = tmp_path / "answer.json"
    answer.write_text('{"id": "laptop-7", "managed": true}')
    block = {"use": "acme-by-file", "every": "1s", "keep": "2s", "settings": {"file": str(answer)}}
    house.settings["providers"] = {"device": block}
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
        answer.unlink()
        assert "FileNotFoundError" in (await until(house, "failed", kind="provider"))["error"]
        await until(house, "expired", kind="provider")
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        answer.write_text('{"id": "laptop-7", "managed": true}')
        await until(house, "answers_again", kind="provider")
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
    assert len(events(house, "failed", "provider")) == 1
    assert gateway.stderr.count("has no answer") == 1


@pytest.mark.usefixtures("acme")
async def test_a_directory_supplies_entities_and_questions_outlive_what_it_says(house: House, tmp_path: Path) -> None:
    own(house, CLEARED)
    answer = tmp_path / "answer.json"

    def say(clearance: int) -> None:
        uid = {"type": "Gateway::User", "id": "local"}
        new = answer.with_suffix(".new")
        new.write_text(json.dumps([{"uid": uid, "attrs": {"clearance": clearance}, "parents": []}]))
        new.replace(answer)

    say(3)
    block = {"use": "acme-by-file", "every": "1s", "settings": {"file": str(answer)}}
    house.settings["providers"] = {"directory": block}
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        say(1)
        first, second = await until(house, "described", kind="provider"), await until(house, "described", 2, "provider")
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        person.give(question)
        assert outcome((await waiting)["result"]) == ("allow", None)
    assert (second["entities"], second["sha256"] == first["sha256"]) == (1, False)
    assert len({one["policy_version"] for one in house.journal("decision")}) == 1
