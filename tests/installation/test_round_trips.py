"""`install` and `uninstall` on files as people have them: nothing is lost, and what was is again."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.clients.entries import own_command
from rule_of_two.clients.hosts import HOSTS
from rule_of_two.clients.jsonc import JsonTables
from tests.installation.conftest import Home, Ring
from tests.installation.samples import CLAUDE_CODE, CURSOR, TOKEN, USERS

pytestmark = pytest.mark.usefixtures("ring")


def said(path: Path) -> dict[str, Any]:
    """What a client's file says."""
    text = path.read_bytes().decode()
    return tomllib.loads(text) if path.suffix == ".toml" else JsonTables(text, path).value


VARIANTS = {
    "as it is": lambda text: text,
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "no last line end": lambda text: text.rstrip("\n"),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("client", HOSTS)
def test_a_file_is_what_it_was_byte_for_byte_after_uninstall(home: Home, client: str, variant: str) -> None:
    name, text = USERS[client]
    file = home.write(name, VARIANTS[variant](text))
    file.chmod(0o640)
    before = file.read_bytes()
    home.done("install", client)
    after = said(file)
    assert file.read_bytes() != before
    assert after.keys() == JsonTables(text, file).value.keys() if file.suffix == ".json" else True
    entry = after[HOSTS[client].tables[0][0]]["rule-of-two"]
    assert entry["command"] == own_command()[0]
    assert entry["args"][-6:] == ["--config", str(home.config), "serve", "--client", client][-6:]
    assert home.loaded().servers
    assert file.stat().st_mode & 0o777 == 0o640
    settled = home.everything()
    assert "nothing was changed" in home.done("install", client)
    assert home.everything() == settled
    home.done("uninstall", client)
    assert file.read_bytes() == before
    assert file.stat().st_mode & 0o777 == 0o640
    assert all(client not in (server.clients or ()) for server in home.loaded().servers.values())
    assert home.run("uninstall", client)[0] == 1
    home.done("install", client)
    assert said(file) == after


def test_servers_are_read_as_each_client_means_them(home: Home, ring: Ring) -> None:
    for client, (name, text) in USERS.items():
        home.write(name, text)
        home.done("install", client)
    servers = home.loaded().served_to("codex", None).servers
    assert {name for name, server in servers.items() if not server.disabled} == {"files-2", "docs"}
    all_servers = home.loaded().servers
    assert ring.kept["rule-of-two", "GitHub.GITHUB_PERSONAL_ACCESS_TOKEN"] == TOKEN
    assert all_servers["GitHub"].env == {
        "GITHUB_PERSONAL_ACCESS_TOKEN": "${keyring:rule-of-two/GitHub.GITHUB_PERSONAL_ACCESS_TOKEN}"
    }
    assert all_servers["web"].clients == ("claude-code",)
    assert (all_servers["git"].project, all_servers["git"].clients) == ("/home/alice/shop", ("claude-code",))
    assert all_servers["docs"].headers == {"Authorization": "Bearer ${env:DOCS_TOKEN}"}
    assert all_servers["old-one"].disabled
    assert (all_servers["noisy"].disabled, all_servers["noisy"].url) == (True, "https://noisy.example/mcp")
    assert "boxed" not in all_servers
    assert "few" not in all_servers
    # What two clients start in the same way is one server: what one of them writes, the other one reads.
    assert all_servers["time"].clients == ("vscode",)
    assert (all_servers["files"].clients, all_servers["files-2"].clients) == (("cursor",), ("codex",))


def test_each_project_of_claude_code_has_its_own_servers_behind_an_entry_of_its_own(home: Home) -> None:
    file = home.write(".claude.json", CLAUDE_CODE)
    home.done("install", "claude-code")
    value = said(file)
    shop = value["projects"]["/home/alice/shop"]["mcpServers"]["rule-of-two-project"]
    assert shop["args"][-2:] == ["--project", "/home/alice/shop"]
    assert "--project" not in value["mcpServers"]["rule-of-two"]["args"]
    assert value["projects"]["/home/alice/empty"]["mcpServers"] == {}
    config = home.loaded()
    given = {
        name
        for name, one in config.served_to("claude-code", Path("/home/alice/shop")).servers.items()
        if not one.disabled
    }
    assert given == {"git"}
    assert {n for n, one in config.served_to("claude-code", None).servers.items() if not one.disabled} == {
        "web",
        "remote",
    }
    assert all(one.disabled for one in config.served_to("cursor", None).servers.values())


def test_what_only_the_client_knows_is_handed_on_by_its_entry(home: Home) -> None:
    file = home.write(*USERS["vscode"])
    home.done("install", "vscode")
    env = said(file)["servers"]["rule-of-two"]["env"]
    assert list(env.values()) == ["${input:token}"]
    (name,) = env
    assert home.loaded().servers["api"].headers == {"Authorization": f"Bearer ${{env:{name}}}"}
    assert said(file)["inputs"]
    assert set(said(file)["servers"]) == {"rule-of-two", "boxed"}


@pytest.mark.parametrize(
    ("client", "name"),
    [("claude-code", ".mcp.json"), ("vscode", ".vscode/mcp.json"), ("cursor", ".cursor/mcp.json"),
     ("codex", ".codex/config.toml"), ("gemini-cli", ".gemini/settings.json")],
)  # fmt: skip
def test_a_projects_own_file_is_taken_over_and_given_back(home: Home, client: str, name: str) -> None:
    text = {"claude-code": CURSOR, "cursor": CURSOR}.get(client, USERS[client][1])
    file = home.write(f"shop/{name}", text)
    project = str(home.folder / "shop")
    told = home.done("install", client, "--project", project)
    assert "this machine's paths" in told
    entry = said(file)[HOSTS[client].tables[0][0]]["rule-of-two-project"]
    assert entry["args"][-2:] == ["--project", project]
    assert {server.project for server in home.loaded().servers.values()} == {project}
    assert home.run("uninstall", client)[0] == 1
    home.done("uninstall", client, "--project", project)
    assert file.read_bytes() == text.encode()


@pytest.mark.parametrize("text", [None, "", " \n", "\ufeff", "{}", '{\n  "other": [1]\n}\n', "// nothing\n"])
def test_a_client_without_servers_gets_the_entry_and_loses_it_again(home: Home, text: str | None) -> None:
    file = home.folder / ".cursor" / "mcp.json"
    if text is not None:
        home.write(".cursor/mcp.json", text)
    home.done("install", "cursor")
    assert set(said(file)["mcpServers"]) == {"rule-of-two"}
    home.done("uninstall", "cursor")
    assert (file.read_bytes().decode() if file.exists() else None) == text


def test_what_was_added_and_changed_since_is_kept(home: Home) -> None:
    file = home.write(".cursor/mcp.json", CURSOR)
    home.done("install", "cursor")
    value = said(file)
    value["mcpServers"]["new"] = {"command": "n"}
    value["theme"] = "dark"
    file.write_text(json.dumps(value, indent=4))  # as a client does that writes the whole file anew
    told = home.done("uninstall", "cursor")
    before = JsonTables(CURSOR, file).value
    assert said(file) == {"theme": "dark", "mcpServers": {**before["mcpServers"], "new": {"command": "n"}}}
    assert "/* the tracker */" in file.read_text()
    (kept,) = [Path(word.rstrip(";")) for word in told.split() if "/installations/" in word]
    assert (kept / "1.before").read_text() == CURSOR


def test_an_edit_elsewhere_leaves_every_byte_of_the_table_as_it_was(home: Home) -> None:
    file = home.write(".cursor/mcp.json", CURSOR)
    home.done("install", "cursor")
    file.write_text(file.read_text().replace("// shared with the team", "// shared with nobody"))
    home.done("uninstall", "cursor")
    assert file.read_text() == CURSOR.replace("// shared with the team", "// shared with nobody")


def test_servers_that_were_added_since_are_moved_by_a_second_install_and_all_come_back(home: Home) -> None:
    file = home.write(".cursor/mcp.json", CURSOR)
    home.done("install", "cursor")
    once = file.read_text()
    file.write_text(once.replace('"mcpServers": {', '"mcpServers": {\n    "late": {"command": "l"}, // late'))
    late = file.read_text()
    home.done("install", "cursor")
    assert set(said(file)["mcpServers"]) == {"rule-of-two"}
    assert "late" in home.loaded().servers
    home.done("uninstall", "cursor")
    value = JsonTables(CURSOR, file).value
    assert said(file)["mcpServers"] == {**value["mcpServers"], "late": {"command": "l"}}
    assert "// late" in file.read_text()
    assert late != once


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda text: text.replace('"rule-of-two":', '"mine":'), "does not start the gateway any more"),
        (lambda text: text.replace("serve", "session"), "does not start the gateway any more"),
        (
            lambda text: text.replace('"mcpServers": {', '"mcpServers": {"files": {"command": "other"},'),
            "'files' again",
        ),
        (lambda text: text.replace("}", ""), "is not valid JSON"),
    ],
)
def test_what_cannot_be_merged_with_certainty_is_left_and_the_backup_named(home: Home, edit: Any, says: str) -> None:
    file = home.write(".cursor/mcp.json", CURSOR)
    home.done("install", "cursor")
    file.write_text(edit(file.read_text()))
    before = home.everything()
    code, _, error = home.run("uninstall", "cursor")
    assert code == 2
    assert says in error
    assert len(error.strip().splitlines()) == 1
    assert home.everything() == before
    assert Path(error.rsplit(" ", 1)[1].strip()).read_text() == CURSOR


def test_a_file_that_was_removed_since_is_said(home: Home) -> None:
    home.write(".cursor/mcp.json", CURSOR).unlink()
    file = home.write(".cursor/mcp.json", CURSOR)
    home.done("install", "cursor")
    file.unlink()
    code, _, error = home.run("uninstall", "cursor")
    assert (code, "is not there any more" in error) == (2, True)


def test_an_edited_backup_is_not_put_back(home: Home) -> None:
    file = home.write(".cursor/mcp.json", CURSOR)
    home.done("install", "cursor")
    (backup,) = home.state.rglob("1.before")
    assert backup.stat().st_mode & 0o777 == 0o600
    backup.write_text("{}")
    after = file.read_bytes()
    code, _, error = home.run("uninstall", "cursor")
    assert (code, "is not the backup that was made" in error) == (2, True)
    assert file.read_bytes() == after


def test_the_last_client_of_a_shared_server_takes_only_itself_away(home: Home) -> None:
    for client in ("cursor", "claude-desktop"):
        home.write(USERS[client][0], '{"mcpServers": {"clock": {"command": "uvx", "args": ["mcp-server-time"]}}}')
        home.done("install", client)
    assert home.loaded().servers["clock"].clients == ("cursor", "claude-desktop")
    home.done("uninstall", "cursor")
    assert home.loaded().servers["clock"].clients == ("claude-desktop",)


def test_a_server_that_two_files_of_one_client_give_stays_until_both_are_gone(home: Home) -> None:
    text = '{"mcpServers": {"clock": {"command": "uvx", "args": ["mcp-server-time"]}}}'
    home.write(".cursor/mcp.json", text)
    other = home.write("elsewhere.json", text)
    home.done("install", "cursor")
    home.done("install", "cursor", "--file", str(other))
    home.done("uninstall", "cursor")
    assert home.loaded().servers["clock"].clients == ("cursor",)
    home.done("uninstall", "cursor", "--file", str(other))
    assert home.loaded().servers["clock"].clients == ()
