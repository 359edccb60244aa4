"""`session report` over what a real gateway left behind, in observe mode and in enforce mode."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.harness import House

MANIFEST = {
    "version": 1,
    "server": "notes",
    "parameters": {"trusted_folders": {"type": "folders", "default": []}},
    "tools": {
        "neutral": {"labels": [], "writes": "none"},
        "read_untrusted": {
            "labels": ["A", "B"],
            "targets": {"path": "/body"},
            "reads": {"path": "/body"},
            "rules": [{"when": {"path": {"inside": "${trusted_folders}"}}, "labels": ["B"]}],
        },
        "send": {"labels": ["C"], "targets": {"recipient": "/to"}, "writes": "none"},
    },
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, settings={"mode": "observe"})
    (tmp_path / "notes.yaml").write_text(json.dumps(MANIFEST))
    house.servers = {"rec": {**house.recorder("sent"), "manifest": "./notes.yaml"}}
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "mine" / "a.md").write_text("mine")
    return house


def _run_without_configuration(house: House, *arguments: str) -> str:
    command = house.command(*arguments)
    at = command.index("--config")
    environment = {**os.environ, "HOME": str(house.folder), "XDG_CONFIG_HOME": str(house.folder)}
    return subprocess.run(
        command[:at] + command[at + 2 :], capture_output=True, text=True, check=True, env=environment
    ).stdout


def _json(house: House, *arguments: str) -> Any:
    return json.loads(house.run("--json", "session", "report", *arguments))


async def _work(house: House, *, times: int = 2) -> str:
    """A note, and messages of which each completes the set. Returns the session."""
    async with house.gateway() as gateway:
        await gateway.call("rec__read_untrusted", {"body": str(house.folder / "mine" / "a.md")})
        for _ in range(times):
            sent = await gateway.call("rec__send", {"to": "ann@example.org"})
    session: str = sent["_meta"]["rule-of-two/decision"]["session"]
    return session


def _line(shown: str) -> str:
    """The first line of the configuration that a report proposes."""
    return next(line.strip()[2:] for line in shown.splitlines() if line.strip().startswith("- mcpServers"))


async def test_the_report_names_the_cause_and_the_line_that_makes_it_quieter(house: House) -> None:
    await _work(house)
    shown = house.run("session", "report")
    folder = house.folder / "mine"
    assert shown.startswith("1 session, 3 calls, ")
    assert "2 questions, and 0 denials by policy. Observe mode let 2 of them pass." in shown
    assert "1. 2 questions: rec__send [C] to ann@example.org (2) completed the set" in shown
    assert f"   [A] came from rec__read_untrusted to {folder / 'a.md'} (2)\n" in shown
    assert f"   [B] came from rec__read_untrusted to {folder / 'a.md'} (2)\n" in shown
    assert re.search(r"for example d\d+, d\d+ \(`rule-of-two why d\d+`\)", shown)
    assert _line(shown) == f'mcpServers: {{"rec": {{parameters: {{trusted_folders: ["{folder}"]}}}}}}'
    assert "only if you alone wrote, and will write, everything in it" in shown
    assert "with it, 2 of 2 questions would not have come" in shown


async def test_a_line_that_was_proposed_does_what_was_said(house: House) -> None:
    """The proof of the pudding: written into the configuration, the same work asks nothing."""
    await _work(house)
    block = YAML(typ="safe").load(_line(house.run("session", "report")))["mcpServers"]["rec"]
    house.servers["rec"] |= block
    session = await _work(house)
    assert house.run("session", "report", session).splitlines()[1].startswith("Nothing was asked")
    assert [entry["lowered_by"] for entry in house.journal("decision") if "lowered_by" in entry] == [
        ["notes: rule 1 of read_untrusted (path inside trusted_folders)"]
    ]


async def test_a_parameter_keeps_what_the_operator_wrote_already(house: House) -> None:
    house.servers["rec"]["parameters"] = {"trusted_folders": ["/srv/other"]}
    await _work(house)
    assert f'trusted_folders: ["/srv/other", "{house.folder / "mine"}"]' in house.run("session", "report")


async def test_json_has_the_same_for_scripts(house: House) -> None:
    session = await _work(house)
    facts = _json(house, session)
    counts = ("sessions", "calls", "asked", "denied", "let_pass", "confirmed", "left_out", "refused", "unreadable")
    assert [facts[name] for name in counts] == [1, 3, 2, 0, 2, 0, 0, 0, 0]
    assert set(facts) == {*counts, "since", "until", "ungrouped", "causes"}
    (cause,) = facts["causes"]
    target = {"value": str(house.folder / "mine" / "a.md"), "times": 2}
    assert cause["brought"] == [
        {"label": label, "call": "rec__read_untrusted", "targets": [target]} for label in ("A", "B")
    ]
    assert (cause["cause"], cause["call"], cause["labels"]) == ("third_label", "rec__send", ["C"])
    assert (cause["asked"], cause["denied"], len(cause["decisions"])) == (2, 0, 2)
    best = cause["quieter"][0]
    assert set(best) == {"kind", "server", "line", "only_if", "saved", "saved_in_all", "at_most", "more"}
    assert (best["kind"], best["server"], best["saved"], best["saved_in_all"]) == ("parameter", "rec", 2, 2)
    assert (best["at_most"], best["more"]) == (False, 0)


async def test_enforce_mode_can_be_reported_on_too(house: House) -> None:
    house.settings["mode"] = "enforce"
    await _work(house)
    shown = house.run("session", "report")
    assert "2 questions, and 0 denials by policy.\n" in shown
    assert "with it, 2 of 2 questions would not have come" in shown


async def test_when_nothing_was_asked_there_is_nothing_to_suggest(house: House) -> None:
    async with house.gateway() as gateway:
        await gateway.call("rec__neutral")
    shown = house.run("session", "report")
    assert shown.splitlines()[1] == "Nothing was asked, and policy denied nothing: there is nothing to make quieter."
    assert "Quieter" not in shown
    assert _json(house)["causes"] == []


async def test_a_server_without_a_manifest_is_the_first_thing_to_name(house: House) -> None:
    del house.servers["rec"]["manifest"]
    await _work(house)
    shown = house.run("session", "report")
    assert "3 questions: " not in shown  # the first call carries everything by itself
    assert "rec__read_untrusted [A][B][C] completed the set, which carries all that was missing by itself" in shown
    assert '- mcpServers: {"rec": {manifest: ./…yaml}}, a manifest of your own that says what each tool can do' in shown
    assert "with it, at most 2 of 2 questions would not have come" in shown


async def test_a_session_that_is_not_there_and_an_odd_duration(house: House) -> None:
    await _work(house)
    assert "no decision of a session s-none" in house.run("session", "report", "s-none", code=1)
    assert "no duration such as 7d" in house.run("session", "report", "--since", "7 weeks", code=2)
    assert house.run("session", "report", "--since", "1h").startswith("1 session")


async def test_what_is_older_than_asked_for_is_left_out(house: House) -> None:
    await _work(house)
    assert _json(house, "--since", "0m")["calls"] == 0


async def test_without_a_configuration_the_journal_is_enough(house: House) -> None:
    await _work(house)
    shown = _run_without_configuration(house, "session", "report")
    assert "2 questions: rec__send [C]" in shown
    assert "session new" not in shown  # there was no pause to count
