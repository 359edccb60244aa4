"""Where secrets go, and where they are never seen."""

from __future__ import annotations

import json
from pathlib import Path

import keyring
import pytest
from keyring.backends import fail, null

from rule_of_two.gateway.references import expand
from tests.installation.conftest import Home, Ring
from tests.installation.samples import TOKEN

FILE = ".cursor/mcp.json"
SECOND = 'pa"ss\\word 1 ü'
TEXT = json.dumps(
    {
        "mcpServers": {
            "one": {"command": "x", "args": ["--token", TOKEN], "env": {"TOKEN": TOKEN, "PASSWORD": SECOND}},
            "two": {"command": "y", "env": {"TOKEN": TOKEN, "ANY": f"before {TOKEN} after"}},
        }
    },
    indent=2,
)


@pytest.fixture
def no_keyring() -> object:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]  # of a library without types
    yield None
    keyring.set_keyring(before)


def test_secrets_go_to_the_keyring_and_are_found_there_by_what_the_configuration_says(home: Home, ring: Ring) -> None:
    file = home.write(FILE, TEXT)
    told = home.done("install", "cursor")
    assert home.config.stat().st_mode & 0o777 == 0o600
    for text in (home.config.read_text(), file.read_text(), told):
        assert TOKEN not in text
        assert SECOND not in text
    servers = home.loaded().servers
    found = expand(servers["one"].env, where="one", file=None)
    assert {key: one.text for key, one in found.items()} == {"TOKEN": TOKEN, "PASSWORD": SECOND}
    assert servers["one"].args == ("--token", servers["one"].env["TOKEN"])
    assert servers["two"].env["ANY"] == f"before {servers['two'].env['TOKEN']} after"
    assert set(ring.kept.values()) == {TOKEN, SECOND}
    shown = home.done("uninstall", "cursor", "--dry-run")
    assert file.read_text() != TEXT
    assert TOKEN not in shown
    assert "before •••" in shown
    home.done("uninstall", "cursor")
    assert file.read_text() == TEXT


def test_another_secret_under_the_same_name_replaces_none(home: Home, ring: Ring) -> None:
    home.write(FILE, TEXT)
    home.done("install", "cursor")
    home.done("uninstall", "cursor")
    before = dict(ring.kept)
    home.write(FILE, TEXT.replace(TOKEN, "ghp_another0123456789abc"))
    home.done("install", "cursor")
    assert before.items() <= ring.kept.items()
    assert "ghp_another0123456789abc" in ring.kept.values()


@pytest.mark.usefixtures("no_keyring")
def test_without_a_keyring_nothing_is_done_until_it_is_said_where_secrets_go(home: Home) -> None:
    file = home.write(FILE, TEXT)
    code, said, error = home.run("install", "cursor")
    assert code == 2
    assert "--secrets env" in error
    assert "one: PASSWORD" in error
    assert TOKEN not in said + error
    assert file.read_text() == TEXT
    assert not home.config.exists()
    told = home.done("install", "cursor", "--dry-run")
    assert "choose with --secrets" in told


@pytest.mark.usefixtures("no_keyring")
def test_secrets_that_come_from_variables_are_named_and_stay_in_the_backup(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(FILE, TEXT)
    facts = json.loads(home.done("--json", "install", "cursor", "--secrets", "env"))
    assert facts["variables_to_set"] == [
        "RULE_OF_TWO_SECRET_ONE_TOKEN",
        "RULE_OF_TWO_SECRET_ONE_PASSWORD",
        "RULE_OF_TWO_SECRET_TWO_TOKEN",
    ]
    assert TOKEN not in home.config.read_text()
    assert TOKEN in Path(facts["backup"]).read_text()
    assert Path(facts["backup"]).stat().st_mode & 0o777 == 0o600
    assert Path(facts["backup"]).parent.stat().st_mode & 0o777 == 0o700
    for name in facts["variables_to_set"]:
        monkeypatch.setenv(name, f"value of {name}")
    env = expand(home.loaded().servers["one"].env, where="one", file=None)
    assert env["TOKEN"].text == "value of RULE_OF_TWO_SECRET_ONE_TOKEN"


@pytest.mark.usefixtures("no_keyring")
def test_secrets_are_kept_in_a_configuration_only_if_nobody_else_can_read_it(home: Home) -> None:
    home.config.parent.mkdir(parents=True)
    home.config.write_text("version: 1\nmcpServers: {}\n")
    home.config.chmod(0o644)
    file = home.write(FILE, TEXT)
    code, _, error = home.run("install", "cursor", "--secrets", "keep")
    assert (code, "chmod 600" in error) == (2, True)
    assert file.read_text() == TEXT
    home.config.chmod(0o600)
    told = home.done("--json", "install", "cursor", "--secrets", "keep")
    assert TOKEN not in told
    assert home.loaded().servers["one"].env == {"TOKEN": TOKEN, "PASSWORD": SECOND}


@pytest.mark.usefixtures("no_keyring")
def test_only_secrets_of_servers_that_move_are_asked_for_and_each_by_one_name(home: Home) -> None:
    servers = {
        "a": {"command": "x", "args": ["--token", "first-secret", "--token", "second-secret"]},
        "A": {"command": "y", "env": {"TOKEN": "third-secret"}},
        "stays": {"url": "ws://x.example", "headers": {"Authorization": "Bearer fourth-secret"}},
    }
    home.write(FILE, json.dumps({"mcpServers": servers}))
    facts = json.loads(home.done("--json", "install", "cursor", "--secrets", "env"))
    assert facts["variables_to_set"] == [
        "RULE_OF_TWO_SECRET_A_TOKEN",
        "RULE_OF_TWO_SECRET_A_TOKEN_2",
        "RULE_OF_TWO_SECRET_A_2_TOKEN",
    ]
    assert [one["name"] for one in facts["left"]] == ["stays"]
    text = home.config.read_text()
    assert [name for name in facts["variables_to_set"] if f"${{env:{name}}}" not in text] == []


class Forgetful(null.Keyring):
    """Takes everything and keeps nothing, as one that is there and is not ``null`` can."""

    __module__ = "tests.forgetful"


@pytest.mark.parametrize("backend", [null.Keyring, Forgetful])
def test_a_keyring_that_keeps_nothing_loses_nothing(home: Home, backend: type[null.Keyring]) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(backend())
    try:
        file = home.write(FILE, TEXT)
        code, _, error = home.run("install", "cursor")
    finally:
        keyring.set_keyring(before)
    assert code == 2
    assert "keyring" in error
    assert (file.read_text(), home.config.exists()) == (TEXT, False)


@pytest.mark.usefixtures("ring")
def test_a_dry_run_shows_both_files_without_secrets_and_writes_nothing(home: Home) -> None:
    comment = f'// "old": {{"command": "x", "args": ["{TOKEN}"]}}\n'
    home.write(
        FILE,
        comment + TEXT.replace("\n  }", ',\n    "left": {"command": "z", "env": {"PASSWD": "leftover"}, "q": 1}\n  }'),
    )
    before = home.everything()
    told = home.done("install", "cursor", "--dry-run")
    facts = home.done("--json", "install", "cursor", "--dry-run")
    assert home.everything() == before
    assert not home.state.exists()
    for text in (told, facts):
        assert TOKEN not in text
        assert SECOND not in text
        assert json.dumps(SECOND)[1:-1] not in text
        assert "leftover" not in text
    assert "stands elsewhere" in told
    assert f"--- {home.folder / FILE}" in told
    assert f"+++ {home.config}" in told
    assert '+    "rule-of-two": {' in told
    assert json.loads(facts)["left"] == [{"name": "left", "why": "'q' is not known here", "project": None}]
