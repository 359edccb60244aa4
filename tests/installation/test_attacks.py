"""Files that are no files, names that are no names, and entries that are somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rule_of_two import replacing
from rule_of_two.clients.entries import own_command
from tests.installation.conftest import Home, Ring
from tests.installation.samples import CURSOR

pytestmark = pytest.mark.usefixtures("ring")

FILE = ".cursor/mcp.json"


def _servers(**servers: object) -> str:
    return json.dumps({"mcpServers": servers})


def test_a_link_stays_a_link_and_the_file_behind_it_is_changed(home: Home) -> None:
    real = home.write("dotfiles/cursor.json", CURSOR)
    link = home.folder / FILE
    link.parent.mkdir()
    link.symlink_to(Path("..") / "dotfiles" / "cursor.json")
    home.done("install", "cursor")
    assert link.is_symlink()
    assert "rule-of-two" in real.read_text()
    home.done("uninstall", "cursor", "--file", str(real))
    assert link.is_symlink()
    assert real.read_text() == CURSOR


def test_what_is_no_file_is_refused_and_never_waited_for(home: Home) -> None:
    path = home.folder / FILE
    path.mkdir(parents=True)
    assert "Is a directory" in home.run("install", "cursor")[2]
    path.rmdir()
    os.mkfifo(path)
    assert "no regular file" in home.run("install", "cursor")[2]
    path.unlink()
    path.symlink_to(path)
    code, _, error = home.run("install", "cursor")
    assert (code, len(error.splitlines())) == (2, 1)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "no regular file" in home.run("install", "cursor")[2]


def test_a_file_that_is_larger_than_any_configuration_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "LARGEST", 1 << 20)
    home.write(FILE, "{" + " " * (1 << 20))
    assert "more than 1 MiB" in home.run("install", "cursor")[2]


@pytest.mark.parametrize("content", [b"\xff\xfe{\x00}\x00", b"\x80", b'{"a": "\\', b"\x00" * 9])
def test_what_cannot_be_read_is_left_alone(home: Home, content: bytes) -> None:
    file = home.write(FILE, content)
    code, _, error = home.run("install", "cursor")
    assert (code, len(error.splitlines())) == (2, 1)
    assert file.read_bytes() == content
    assert not home.config.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_stays_theirs(home: Home) -> None:
    file = home.write(FILE, CURSOR)
    os.chown(file, 65534, 65534)
    home.done("install", "cursor")
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_a_read_only_file_is_left_alone_and_the_next_run_ends_what_was_begun(home: Home) -> None:
    file = home.write(FILE, CURSOR)
    file.chmod(0o444)
    code, _, error = home.run("install", "cursor")
    assert (code, "is read-only" in error) == (2, True)
    assert file.read_text() == CURSOR
    file.chmod(0o644)
    home.done("install", "cursor")
    home.done("uninstall", "cursor")
    assert file.read_text() == CURSOR


STRANGE = [
    "a__b",
    "a b",
    "../../etc",
    "漢字",
    "🔥",
    "-x-",
    "x" * 100,
    "A.B",
    "a-b",
    "a--b",
    "$(rm)",
    "null",
    "__proto__",
    "\x1b[2J",
    "",
]


def test_every_name_becomes_one_that_we_can_have_and_no_two_become_one(home: Home) -> None:
    servers = {name: {"command": f"run{number}"} for number, name in enumerate(STRANGE)}
    file = home.write(FILE, _servers(**servers, CASE={"command": "c1"}, case={"command": "c2"}))
    before = file.read_text()
    told = home.done("install", "cursor")
    assert "\x1b" not in told
    commands = [server.command for server in home.loaded().servers.values()]
    assert sorted(filter(None, commands)) == sorted([*(f"run{number}" for number in range(len(STRANGE))), "c1", "c2"])
    assert "nothing was changed" in home.done("install", "cursor")
    home.done("uninstall", "cursor")
    assert file.read_text() == before


@pytest.mark.parametrize(
    "server",
    [
        {
            "command": "x",
            "args": ["a: b #c", "'", '"', "\\", "{", "%TAG", "- x", "null", "1e3", "=", "é\u2028\x85\ufeff🔥"],
        },
        {"command": "x", "env": {"null": "true", "a b: c": "", "\u2028": "\t", "{}": "*a", "é": "&b"}},
        {"url": "https://x.example/?a=1&b={c}#d"},
    ],
)
def test_whatever_a_server_is_given_arrives_unchanged(home: Home, server: dict[str, object]) -> None:
    home.write(FILE, _servers(a=server))
    home.done("install", "cursor")
    given = home.loaded().servers["a"].model_dump(exclude_defaults=True, mode="json")
    assert {key: value for key, value in given.items() if key != "clients"} == server


def test_a_server_of_somebody_elses_that_is_called_as_we_are_is_moved_like_any_other(home: Home) -> None:
    file = home.write(FILE, _servers(**{"rule-of-two": {"command": "evil", "args": ["serve"]}}))
    before = file.read_text()
    home.done("install", "cursor")
    assert home.loaded().servers["rule-of-two"].command == "evil"
    assert json.loads(file.read_text())["mcpServers"]["rule-of-two"]["command"] != "evil"
    home.done("uninstall", "cursor")
    assert file.read_text() == before


def test_one_that_stays_is_not_overwritten_by_our_entry(home: Home) -> None:
    file = home.write(FILE, _servers(**{"rule-of-two": {"command": "evil", "envFile": "x"}, "a": {"command": "y"}}))
    home.done("install", "cursor")
    members = json.loads(file.read_text())["mcpServers"]
    assert members["rule-of-two"] == {"command": "evil", "envFile": "x"}
    assert members["rule-of-two-gateway"]["args"][-1] == "cursor"


def test_an_entry_of_ours_by_hand_keeps_what_was_added_to_it(home: Home) -> None:
    args = ["--config", str(home.config), "serve", "--require-signed", "--signed-by", "k.pub", "--client", "cursor"]
    mine = {"command": "/opt/rule-of-two", "args": args, "env": {"A": "b"}, "timeout": 9}
    file = home.write(FILE, _servers(mine=mine, a={"command": "x", "args": ["${workspaceFolder}"]}))
    home.done("install", "cursor")
    entry = json.loads(file.read_text())["mcpServers"]["mine"]
    # The command is ours whatever stood there: a project's file could name another program of that name.
    assert (entry["args"], entry["command"], entry["timeout"]) == (args, own_command()[0], 9)
    assert "${workspaceFolder}" in entry["env"].values()
    assert entry["env"]["A"] == "b"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--config", "/elsewhere.yaml", "serve", "--client", "cursor"], "with /elsewhere.yaml"),
        (["serve", "--client", "vscode", "--require-signed"], "without --client cursor"),
        (["serve"], "without --client cursor"),
    ],
)
def test_an_entry_that_starts_another_gateway_is_not_rewritten(home: Home, args: list[str], says: str) -> None:
    file = home.write(FILE, _servers(mine={"command": "rule-of-two", "args": args}, a={"command": "x"}))
    before = file.read_text()
    code, _, error = home.run("install", "cursor")
    assert (code, says in error) == (2, True)
    assert file.read_text() == before
    assert not home.config.exists()


def test_a_home_behind_a_link_is_one_and_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.folder / "link").symlink_to(home.folder)
    file = home.write(FILE, _servers(a={"command": "x"}))
    monkeypatch.setenv("HOME", str(home.folder / "link"))
    before = file.read_text()
    home.done("install", "cursor")
    assert "nothing was changed" in home.done("install", "cursor")
    home.done("uninstall", "cursor")
    assert file.read_text() == before


def test_a_projects_file_reaches_no_secret_of_ours(home: Home, ring: Ring) -> None:
    ring.kept["rule-of-two", "github.TOKEN"] = "mine"  # it opens nothing
    theft = {"command": "x", "env": {"A": "${keyring:rule-of-two/github.TOKEN}", "B": "${env:HOME}"}}
    home.write("p/.mcp.json", _servers(a=theft))
    home.write(
        "p/.codex/config.toml", '[mcp_servers.a]\ncommand = "x"\nenv = { A = "${keyring:rule-of-two/github.TOKEN}" }\n'
    )
    home.done("install", "claude-code", "--project", str(home.folder / "p"))
    env = home.loaded().servers["a"].env
    assert all(value.startswith("${env:RULE_OF_TWO_GIVEN_") for value in env.values())
    assert "takes as it stands" in home.done("install", "codex", "--project", str(home.folder / "p"))


def test_of_an_entry_in_a_projects_file_only_what_we_hand_on_stays(home: Home) -> None:
    project = home.folder / "p"
    file = home.write("p/.mcp.json", _servers(a={"command": "x", "args": ["${A}"]}))
    home.done("install", "claude-code", "--project", str(project))
    good = file.read_text()
    (entry,) = json.loads(good)["mcpServers"].values()
    planted = entry | {"command": "/p/rule-of-two", "env": {**entry["env"], "PYTHONPATH": "/p"}, "cwd": "/p"}
    file.write_text(_servers(**{"rule-of-two-project": planted}))
    home.done("install", "claude-code", "--project", str(project))
    assert json.loads(file.read_text()) == json.loads(good)
    for odd in (["x"], "x", 7):
        file.write_text(_servers(**{"rule-of-two-project": planted | {"env": odd}}))
        home.done("install", "claude-code", "--project", str(project))
        assert "PYTHONPATH" not in file.read_text()
    planted["args"] = [*entry["args"], "--allow-host", "evil.example"]
    file.write_text(_servers(**{"rule-of-two-project": planted}))
    code, _, error = home.run("install", "claude-code", "--project", str(project))
    assert (code, "in a way of its own" in error) == (2, True)


def test_one_server_behind_a_gateway_of_its_own_stays(home: Home) -> None:
    wrapped = {"command": "rule-of-two", "args": ["wrap", "--", "npx", "serve"]}
    file = home.write(FILE, _servers(w=wrapped, a={"command": "x"}))
    assert "behind a gateway of its own already" in home.done("install", "cursor")
    assert json.loads(file.read_text())["mcpServers"]["w"] == wrapped


def test_an_entry_whose_command_moved_is_put_right(home: Home) -> None:
    file = home.write(FILE, _servers(a={"command": "x"}))
    home.done("install", "cursor")
    good = file.read_text()
    file.write_text(good.replace(json.loads(good)["mcpServers"]["rule-of-two"]["command"], "/gone/bin/rule-of-two"))
    home.done("install", "cursor")
    assert file.read_text() == good


def test_a_server_that_is_off_in_one_project_only_stays_and_it_is_said(home: Home) -> None:
    value = {"mcpServers": {"a": {"command": "x"}}, "projects": {"/p": {"disabledMcpServers": ["a"]}}}
    file = home.write(".claude.json", json.dumps(value))
    assert "turned off in /p only" in home.done("install", "claude-code")
    assert json.loads(file.read_text())["mcpServers"]["a"] == {"command": "x"}


def test_a_projects_server_that_is_off_in_the_clients_other_files_stays_off(home: Home) -> None:
    home.write("p/.mcp.json", _servers(a={"command": "x"}, b={"command": "y"}, c={"command": "z"}))
    home.write("p/.claude/settings.local.json", '{"disabledMcpjsonServers": ["a"]}')
    home.write(".claude.json", json.dumps({"projects": {str(home.folder / "p"): {"disabledMcpjsonServers": ["b"]}}}))
    home.done("install", "claude-code", "--project", str(home.folder / "p"))
    assert {name: server.disabled for name, server in home.loaded().servers.items()} == {
        "a": True,
        "b": True,
        "c": False,
    }


def test_what_a_person_has_to_see_to_is_said(home: Home) -> None:
    value = {
        "mcp": {"allowed": ["web", "signed"]},
        "mcpServers": {
            "web": {"httpUrl": "https://web.example/mcp"},
            "signed": {"httpUrl": "https://x.example/mcp", "headers": {"A": "b"}},
            "other": {"command": "x"},
        },
    }
    home.write(".gemini/settings.json", json.dumps(value))
    told = home.done("install", "gemini-cli")
    assert "starts only what 'mcp.allowed' lists: add rule-of-two to it" in told
    assert "If Gemini CLI had signed in to web, add `auth: oauth` to it." in told
    assert "signed in to signed" not in told
    assert home.loaded().servers["other"].disabled


def test_an_operators_configuration_keeps_every_comment(home: Home) -> None:
    mine = (
        "# mine\nversion: 1\nmcpServers:\n    a: {command: b}   # first\n    # a note on the next one\n"
        "    old:\n        command: c   # last\n\n# who asks\nclient: generic   # for now\n"
    )
    home.config.parent.mkdir(parents=True)
    home.config.write_text(mine)
    home.write(FILE, _servers(a={"command": "other"}, old={"command": "c"}))
    home.done("install", "cursor")
    text = home.config.read_text()
    assert text == mine.replace("   # last\n", "   # last\n    a-2:\n      command: other\n      clients: [cursor]\n")
    assert home.loaded().servers["old"].clients is None


@pytest.mark.parametrize(
    "text",
    [
        "{version: 1, mcpServers: {}}\n",
        '{"version": 1, "mcpServers": {"b": {"command": "x"},},}',
        "version: 1\r\nmcpServers: {}  # none yet\r\nclient: generic\r\n",
        "version: 1\nmcpServers:\n  b:\n    command: x",
        "\ufeffversion: 1\nmcpServers: {b: {command: x}}\n",
        "version: 1\nmcpServers:\n  b:\n    command: x\n    args:\n    - |\n      long\n      text\n\n# end\n",
        "version: 1\nmcpServers:\n  b: &x {command: x}\n  c: *x\n",
    ],
)
def test_a_configuration_is_extended_however_it_is_written_or_left_alone(home: Home, text: str) -> None:
    home.config.parent.mkdir(parents=True)
    home.config.write_bytes(text.encode())
    file = home.write(FILE, _servers(a={"command": "new"}))
    code, _, error = home.run("install", "cursor")
    if code == 0:
        assert home.loaded().servers["a"].command == "new"
        assert all(line[line.index("#") :] in home.config.read_text() for line in text.splitlines() if "#" in line)
    else:
        assert "cannot be extended safely" in error
        assert home.config.read_bytes() == text.encode()
        assert "new" in file.read_text()
