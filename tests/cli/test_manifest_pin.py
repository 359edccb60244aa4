"""`rule-of-two manifest pin`: a person signs at the command line, for single definitions too."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from rule_of_two.approvals.keys import ApproverKey
from tests.cli.prompts import prompts
from tests.harness import House
from tests.people import enrol

PASSPHRASE = "correct horse battery"  # noqa: S105  # of a key that is made here


@pytest.mark.terminal
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
async def test_one_definition_is_accepted_with_a_key_and_another_refused(tmp_path: Path, quick_keys: None) -> None:
    house, key = House(tmp_path), ApproverKey.generate()
    key.save(tmp_path / "approver.key", PASSPHRASE, approver="alice")
    enrol(house, ("alice", key))
    source = (Path(__file__).parent.parent / "upstreams" / "recorder.py").read_text()
    script = tmp_path / "recorder.py"
    house.servers = {"rec": {**house.recorder("rec"), "args": [str(script), str(tmp_path / "sent.jsonl")]}}
    script.write_text(source)
    async with house.gateway() as gateway:
        await gateway.request("tools/list")
    script.write_text(source.replace('"Send a message."', '"Send it."').replace('"Advice."', '"Good advice."'))
    for name, option, word in (("send", "--accept", "accepted 1 of 1"), ("advise", "--refuse", "refused 1 of 1")):
        own = ["--config", str(house.config), "--state", str(house.state)]
        command = [*own, "manifest", "pin", "rec", name, option, "--key", str(tmp_path / "approver.key")]
        with prompts(command, os.environ) as person:
            person.answer("1 definition as shown (0 marks)?", "y")
            person.answer("Passphrase of the key of 'alice'", PASSPHRASE)
            person.until(f"{word} definition (signed)")
            person.end()
    told = json.loads(house.run("--json", "manifest", "pin", "rec", code=1))
    assert [(one["kind"], one["name"], one["status"], one["refused_by"]) for one in told] == [
        ("prompt", "advise", "changed", "alice")
    ]
    assert house.sql("SELECT accepted_by FROM pins WHERE name = 'send'") == [("alice",)]
    assert "1 signed" in house.run("audit", "verify")


def test_what_another_servers_client_hands_it_is_not_needed(tmp_path: Path) -> None:
    house = House(tmp_path)
    handed = {"command": "x", "args": ["${env:RULE_OF_TWO_GIVEN_NOT_HERE}"]}
    house.servers = {"rec": house.recorder("rec"), "handed": handed, "off": {"command": "x", "disabled": True}}
    assert "no server 'off'; it has rec, handed" in house.run("manifest", "pin", "off", code=2)
    assert "RULE_OF_TWO_GIVEN_NOT_HERE" not in house.run("--json", "manifest", "pin", "rec", code=1)


def test_names_that_do_not_wait_and_contradictions_are_said(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert "either --accept or --refuse" in house.run("manifest", "pin", "rec", "--accept", "--refuse", code=2)
    assert 'nothing called "nobody" waits' in house.run("manifest", "pin", "rec", "nobody", code=1)


async def test_a_word_at_the_command_line_leaves_the_others_of_a_server_that_nobody_knew_as_they_were(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.settings["pins"] = {"first_use": "ask"}
    assert "accepted 1 of 1" in house.run("manifest", "pin", "rec", "send", "--accept", "--unsigned", "--yes")
    house.run("manifest", "pin", "rec", "hang", "--refuse", "--unsigned", "--yes", code=1)
    told = {
        one["name"]: (one["status"], one["refused_by"])
        for one in json.loads(house.run("--json", "manifest", "pin", "rec", code=1))
        if one["kind"] == "tool"
    }
    assert "send" not in told
    assert told["neutral"] == ("unaccepted", None)
    assert told["hang"][0] == "new"
    assert told["hang"][1] is not None
    assert "1 definition changed since they were accepted" in house.run("--json", "doctor"), "what was refused"
    async with house.gateway() as gateway:
        names = [one["name"] for one in (await gateway.request("tools/list"))["result"]["tools"]]
        assert {"rec__send", "rec__neutral"} <= set(names)
        assert "rec__hang" not in names
