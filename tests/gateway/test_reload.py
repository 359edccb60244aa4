"""Policies that change under a running gateway: what is in order is in force from then on, and what is not never is."""

from __future__ import annotations

import json

from rule_of_two.approvals.answer import Unanswered
from rule_of_two.approvals.messages import Ended
from tests.harness import House, outcome
from tests.people import SEND, human, tainted
from tests.policies import BLOCK_NOTHING, BLOCK_READS, events, own, until

BLOCKED = """
@id("own.blocked")
@message("Somebody blocked it.")
forbid (principal, action in Gateway::Action::"use", resource is Gateway::Tool)
when { resource has blocked && resource.blocked };
"""


async def test_changed_policies_are_in_force_without_a_restart_and_the_journal_says_which(house: House) -> None:
    file = own(house)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private")) == ("allow", None)
        file.write_text(BLOCK_READS)
        told = await until(house, "in_force", 2)
        assert outcome(await gateway.call("rec__read_private")) == ("deny", "denied_by_policy")
    first, second = events(house, "in_force")
    assert (told["instead_of"], told["sets"]) == (first["version"], ["default", "./own"])
    assert [one["policy_version"] for one in house.journal("decision")] == [first["version"], second["version"]]
    assert {key for key in ("schema", "policies", "entities", "manifests") if first[key] != second[key]} == {"policies"}
    assert f"new policies are in force: version {second['version'][:12]}" in gateway.stderr


async def test_a_change_of_layout_alone_changes_nothing(house: House) -> None:
    file = own(house)
    async with house.gateway() as gateway:
        file.write_text(f"// A comment.\n{BLOCK_NOTHING}")
        (house.folder / "own" / "more.cedar").write_text(BLOCK_READS)
        await until(house, "in_force", 2)
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    assert len(events(house, "in_force")) == 2


async def test_wrong_policies_keep_the_last_good_ones_and_are_said_once(house: House) -> None:
    file = own(house, BLOCK_READS)
    async with house.gateway() as gateway:
        file.write_text("forbid (principal, action, resource) when { context.nonsense };")
        told = await until(house, "refused")
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
        file.write_text(BLOCK_READS)
        while "in order again" not in gateway.stderr:
            await gateway.request("ping")
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    assert f"{file}:1" in told["error"]
    assert (len(events(house, "in_force")), len(events(house, "refused"))) == (1, 1)
    assert gateway.stderr.count("cannot be used, so version") == 1


async def test_policies_that_are_gone_keep_the_last_good_ones(house: House) -> None:
    file = own(house, BLOCK_READS)
    async with house.gateway() as gateway:
        file.unlink()
        assert "holds no policies" in (await until(house, "refused"))["error"]
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"


async def test_entities_are_reloaded_too(house: House) -> None:
    own(house, BLOCKED)
    entities = house.folder / "entities.json"
    entities.write_text("[]")
    house.settings["entities"] = ["./entities.json"]
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("rec__read_private"))[0] == "allow"
        uid = {"type": "Gateway::Tool", "id": "rec__read_private"}
        entities.write_text(json.dumps([{"uid": uid, "attrs": {"blocked": True}, "parents": []}]))
        told = await until(house, "in_force", 2)
        assert outcome(await gateway.call("rec__read_private"))[0] == "deny"
    assert told["files"] == ["./entities.json"]


async def test_a_question_that_waits_ends_with_the_policies_that_asked_it_and_is_said(house: House) -> None:
    file = own(house)
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        question = await person.question()
        file.write_text(BLOCK_READS)
        ended = await person.until_that(Ended, lambda ended: ended.question_id == question.id)
        assert ended.unanswered is Unanswered.POLICIES_CHANGED
        refused = (await waiting)["result"]
        assert outcome(refused) == ("ask", "approval_expired")
        assert "the operator's policies changed while a person was asked" in refused["content"][0]["text"]
        again = gateway.start("tools/call", SEND)
        second = await person.question(2)
        assert second.policy_version != question.policy_version
        person.give(second)
        assert outcome((await again)["result"]) == ("allow", None)
    assert house.sent().count("send") == 1
    assert "policies_changed" in [one.get("reason") for one in house.journal("answer")]


async def test_the_manifests_and_their_parameters_are_part_of_the_version(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__read_private")
    house.servers = {"rec": house.recorder("sent"), "more": house.recorder("more")}
    async with house.gateway() as gateway:
        await gateway.call("rec__read_private")
    first, second = events(house, "in_force")
    assert {key for key in ("schema", "policies", "entities", "manifests") if first[key] != second[key]} == {
        "manifests"
    }
    assert first["version"] != second["version"]
