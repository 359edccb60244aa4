"""`policy simulate` over what real gateways left behind, and the exit codes of a pipeline."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rule_of_two.approvals.choice import Choice
from tests.harness import UPSTREAMS, House
from tests.people import SEND, human, tainted

NO_SENDING = """
@id("own.no-sending") @message("Nothing is sent.")
forbid (principal is Gateway::Session, action, resource == Gateway::Tool::"rec__send");
"""
NO_READING = NO_SENDING.replace("rec__send", "rec__read_untrusted").replace("own.no-sending", "own.no-reading")
NO_C = '@id("own.no-c") @message("No.") forbid (principal, action, resource) when { context.labels.C };'
DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "simulate.md").read_text(encoding="utf-8")


def own(house: House, text: str, name: str = "own.cedar") -> str:
    (house.folder / name).write_text(text)
    return f"./{name}"


async def work(house: House) -> None:
    """Untrusted, private, and a message that nobody is there to confirm."""
    async with house.gateway() as gateway:
        await tainted(gateway)
        await gateway.call(SEND["name"], SEND["arguments"])


def simulated(house: House, *arguments: str) -> Any:
    return json.loads(house.run("--json", "policy", "simulate", *arguments))


def calls(found: Any) -> list[tuple[str, str, str]]:
    return [(one["call"], one["was"], one["would_be"]) for one in found["changes"]]


async def test_the_same_configuration_changes_nothing(house: House) -> None:
    await work(house)
    found = simulated(house, "--fail-on", "any")
    assert (found["calls"], found["looser"], found["stricter"], found["asked"], found["would_ask"]) == (3, 0, 0, 1, 1)
    assert {one["direction"] for one in found["attacks"]} == {None}


async def test_a_stricter_set_fails_only_where_it_is_told_to(house: House) -> None:
    await work(house)
    tried = ["--policies", "default", "--policies", own(house, NO_SENDING)]
    assert calls(simulated(house, *tried, "--fail-on", "looser")) == [("rec__send", "ask", "deny")]
    house.run("policy", "simulate", *tried, "--fail-on", "stricter", code=1)
    shown = house.run("policy", "simulate", *tried, "--fail-on", "any", code=1)
    assert "0 would be looser, 1 stricter." in shown
    assert "Questions: 1 then, 0 with these, 1.0 fewer a day." in shown
    line = next(line for line in shown.splitlines() if "rec__send" in line)
    assert re.fullmatch(
        r"  d\d+ rec__send \[C\] to bob@example.org: ask -> deny by own.no-sending: Nothing is sent.", line
    )


async def test_a_looser_set_fails_a_pipeline(house: House) -> None:
    house.settings["policies"] = ["default", own(house, NO_SENDING)]
    await work(house)
    found = house.run("policy", "simulate", "--policies", "default", "--fail-on", "looser", code=1)
    assert "rec__send [C] to bob@example.org: deny -> ask by r2.ask-third-label" in found
    assert simulated(house, "--policies", "default", "--fail-on", "stricter")["looser"] == 1
    assert simulated(house, "--fail-on", "looser")["looser"] == 0


async def test_a_looser_attack_fails_a_pipeline_without_any_call(house: House) -> None:
    house.settings["policies"] = ["default", own(house, NO_C)]
    house.state.mkdir()
    shown = house.run("policy", "simulate", "--attacks", "--policies", "default", "--fail-on", "looser", code=1)
    assert "(today: stopped) echoleak" in shown
    house.run("policy", "simulate", "--attacks", "--policies", "default", "--fail-on", "stricter")


async def test_what_providers_knew_then_is_known_again(house: House) -> None:
    """The set reads the device, the network and the time: a journal that has them is judged by them."""
    tried = ["--policies", "default", "--policies", "context"]
    house.settings["providers"] = {
        "time": {"zone": "Europe/Zurich"},
        "device": {"id": "laptop-7", "managed": True},
        "network": {"zone": "office"},
    }
    await work(house)
    found = simulated(house, *tried)
    assert (found["calls"], calls(found), found["uncertain"], found["environment_not_recorded"]) == (3, [], 0, 0)
    house.settings["providers"]["device"]["managed"] = False
    async with house.gateway() as gateway:
        await tainted(gateway)
    found = simulated(house, *tried)
    (change,) = found["changes"]
    assert (change["call"], change["would_be"], change["certain"]) == ("rec__read_private", "deny", True)
    assert change["by"] == ["context.deny-unmanaged-device"]
    assert (found["uncertain"], found["environment_not_recorded"]) == (0, 0)
    del house.settings["providers"]
    async with house.gateway() as gateway:
        await tainted(gateway)
    found = simulated(house, *tried)
    assert (found["calls"], found["uncertain"], found["environment_not_recorded"]) == (7, 2, 2)
    assert [(one["call"], one["doubts"]) for one in found["changes"]] == [
        ("rec__read_private", []),
        ("rec__read_private", ["environment"]),
    ]
    shown = house.run("policy", "simulate", *tried)
    assert "what is not counts as not known (marked with ~): 2 calls." in shown
    assert shown.count("  ~d") == 1


async def test_the_risk_of_then_is_that_of_the_replay(house: House) -> None:
    house.settings |= {"providers": {"risk": {}}, "policies": ["default", own(house, NO_SENDING)]}
    async with house.gateway() as gateway:
        for _ in range(8):
            await gateway.call(SEND["name"], SEND["arguments"])
        await gateway.call("rec__read_untrusted")
    assert [one["environment"]["risk"] for one in house.journal("decision")] == list(range(0, 90, 10))
    tried = ["--policies", "default", "--policies", "./own.cedar", "--policies", "risk"]
    found = simulated(house, *tried)
    assert calls(found) == [("rec__read_untrusted", "allow", "deny")]
    assert found["changes"][0]["by"] == ["risk.deny-high"]
    assert found["uncertain"] == 0


async def test_what_a_person_confirmed_runs_in_the_replay_too(house: House) -> None:
    async with house.gateway() as gateway, human(house) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        person.give(await person.question(), Choice.YES)
        await waiting
    found = simulated(house)
    assert (found["calls"], found["asked"], found["would_ask"], found["changes"]) == (3, 1, 1, [])
    tried = simulated(house, "--policies", "default", "--policies", own(house, NO_READING))
    assert calls(tried) == [("rec__read_untrusted", "allow", "deny"), ("rec__send", "ask", "allow")]


async def test_other_manifests_and_another_configuration(house: House) -> None:
    await work(house)
    manifest = YAML(typ="safe").load((UPSTREAMS / "recorder.yaml").read_text())
    manifest["tools"]["read_untrusted"]["labels"] = []
    tried = house.folder / "tried"
    tried.mkdir()
    (tried / "recorder.yaml").write_text(json.dumps(manifest))
    assert calls(simulated(house, "--manifests", str(tried))) == [("rec__send", "ask", "allow")]
    server = {**house.recorder("sent"), "manifest": "./tried/recorder.yaml"}
    other = {"version": 1, "mcpServers": {"rec": server}}
    (house.folder / "other.yaml").write_text(json.dumps(other))
    assert calls(simulated(house, "--config", "other.yaml")) == [("rec__send", "ask", "allow")]


async def test_a_folder_of_recordings_one_session_and_a_time(house: House) -> None:
    await work(house)
    await work(house)
    folder = house.folder / "recorded"
    folder.mkdir()
    (folder / "day.jsonl").write_text(house.run("--json", "audit", "tail", "-n", "1000"))
    tried = ["--policies", "default", "--policies", own(house, NO_SENDING)]
    whole = simulated(house, *tried, "--recorded", str(folder))
    assert calls(whole) == calls(simulated(house, *tried)) == [("rec__send", "ask", "deny")] * 2
    session = whole["changes"][1]["session"]
    assert len(calls(simulated(house, *tried, "--session", session))) == 1
    house.sql("DROP TRIGGER entries_no_update", database="journal")
    house.sql("UPDATE entries SET at = '2020-01-01T00:00:00.000000+00:00'", database="journal")
    assert simulated(house, *tried)["calls"] == 0
    assert simulated(house, *tried, "--session", session)["calls"] == 3
    house.run("policy", "simulate", "--session", "s-none", code=1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--recorded", "nowhere"], "cannot be read"),
        (["--recorded", "."], "holds no recording"),
        ([], "there is no journal yet"),
        (["--policies", "defualt"], "did you mean 'default'"),
        (["--config", "none.yaml"], "there is no such file"),
        (["--manifests", "nowhere"], "nowhere"),
        (["--fail-on", "worse"], "worse"),
    ],
)
def test_what_is_wrong_is_told_and_exit_2(house: House, arguments: list[str], told: str) -> None:
    assert told in house.run("policy", "simulate", *arguments, code=2)


async def test_every_command_of_the_document_runs(house: House) -> None:
    await work(house)
    for folder, text in (("policies", NO_SENDING), ("stricter", NO_READING)):
        (house.folder / folder).mkdir()
        own(house, text, f"{folder}/own.cedar")
    (case,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    (house.folder / "policies" / "cases.yaml").write_text(case)
    (house.folder / "new-manifests").mkdir()
    (house.folder / "new.yaml").write_text('{"version": 1, "mcpServers": {}}')
    commands = re.findall(r"^rule-of-two (policy [^#\n]*)", DOCUMENT, re.MULTILINE)
    assert len(commands) == 7
    for command in commands:
        code = 1 if "--require-coverage" in command else 0
        house.settings["policies"] = ["default"] if "--fail-on" in command else ["default", "./policies"]
        house.run(*command.split(), code=code)
