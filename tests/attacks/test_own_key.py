"""The approver's key, the configuration and its backup are out of reach of the agent's tools, by any name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness import Gateway, House, outcome
from tests.servers import real_server

DENIED = ("deny", "denied_by_policy")
READ, WRITE, MOVE = "files__read_text_file", "files__write_file", "files__move_file"


@pytest.fixture
async def gateway(house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway before the real filesystem server, which may reach everything that the gateway keeps for itself."""
    key = house.folder / "keys" / "approver.key"
    key.parent.mkdir()
    key.write_text("private")
    key.with_name("approver.key.pub").write_text("public")
    (house.folder / "mine.yaml").write_text(
        "version: 1\nserver: mine\nsource: its documentation\nmatch: {command: mine}\ntools: {go: {labels: [C]}}\n"
    )
    (house.folder / "link").symlink_to(key)
    (house.folder / "folder-link").symlink_to(key.parent)
    (house.folder / "plain.txt").write_text("plain")
    monkeypatch.setenv("RULE_OF_TWO_KEY", str(key))
    program, *arguments = real_server("filesystem")
    house.servers["files"] = {
        "command": program,
        "args": [*arguments, str(house.folder)],
        "manifest": "filesystem",
    }
    house.servers["mine"] = {**house.recorder("mine"), "manifest": "./mine.yaml"}
    async with house.gateway() as running:
        yield running


OURS = (
    "keys/approver.key", "keys/approver.key.pub", "keys/../keys/approver.key", "link", "folder-link/approver.key",
    "rule-of-two.yaml", "rule-of-two.yaml.bak", "mine.yaml",
)  # fmt: skip


@pytest.mark.real
async def test_reading_or_writing_what_the_gateway_rests_on_is_denied(gateway: Gateway, house: House) -> None:
    for name in OURS:
        path = str(house.folder / name)
        assert outcome(await gateway.call(READ, {"path": path})) == DENIED, name
        assert outcome(await gateway.call(WRITE, {"path": path, "content": "x"})) == DENIED, name
        assert outcome(await gateway.call(MOVE, {"source": path, "destination": f"{path}2"})) == DENIED, name
    assert (house.folder / "keys" / "approver.key").read_text() == "private"


@pytest.mark.real
async def test_moving_the_folder_of_the_key_is_denied_and_other_files_are_not(gateway: Gateway, house: House) -> None:
    keys = str(house.folder / "keys")
    assert outcome(await gateway.call(MOVE, {"source": keys, "destination": f"{keys}2"})) == DENIED
    plain: dict[str, Any] = await gateway.call(READ, {"path": str(house.folder / "plain.txt")})
    assert outcome(plain) == ("allow", None)


@pytest.mark.real
async def test_a_key_that_is_made_while_the_gateway_runs_is_out_of_reach_too(house: House) -> None:
    """The default place counts before there is a key in it."""
    home = house.folder / "home"
    key = home / ".config" / "rule-of-two" / "approver.key"
    program, *arguments = real_server("filesystem")
    house.servers["files"] = {"command": program, "args": [*arguments, str(house.folder)], "manifest": "filesystem"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(home))
        patched.delenv("XDG_CONFIG_HOME", raising=False)
        patched.delenv("RULE_OF_TWO_KEY", raising=False)
        async with house.gateway() as running:
            key.parent.mkdir(parents=True)
            key.write_text("private")
            assert outcome(await running.call(READ, {"path": str(key)})) == DENIED
