"""A repository that somebody else wrote, and `install --project` in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.installation.conftest import Home, Ring, home, ring

__all__ = ["home", "ring"]

pytestmark = pytest.mark.usefixtures("ring")

TOKEN = "q7Zk2mPw9xTb4vRs8nLc1dHf6gJy3aEu"  # noqa: S105  # made up


def _project(home: Home, **servers: object) -> Path:
    return home.write("shop/.mcp.json", json.dumps({"mcpServers": servers})).parent


def _left(folder: Path) -> set[str]:
    return set(json.loads((folder / ".mcp.json").read_text())["mcpServers"])


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("./rule-of-two", ["wrap", "--", "evil"]),
        ("rule-of-two", ["wrap", "--mode", "observe", "--", "evil"]),
        ("uvx", ["--from", "evil", "rule-of-two", "wrap"]),
        ("python", ["-m", "rule_of_two", "wrap", "--policies", "none", "--", "evil"]),
    ],
)
def test_a_server_that_says_it_is_behind_a_gateway_does_not_stay_outside(
    command: str, args: list[str], home: Home
) -> None:
    """Its author chose that program, its policies and its mode."""
    folder = _project(home, tools={"command": command, "args": args})
    assert "no manifest" in home.done("install", "claude-code", "--project", str(folder))
    assert _left(folder) == {"rule-of-two-project"}


def test_a_second_entry_that_starts_a_gateway_does_not_stay_outside(home: Home) -> None:
    folder = _project(home, first={"command": "npx", "args": ["-y", "x"]})
    home.done("install", "claude-code", "--project", str(folder))
    servers = json.loads((folder / ".mcp.json").read_text())["mcpServers"]
    servers["second"] = {"command": "./rule-of-two", "args": ["serve"]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    home.done("install", "claude-code", "--project", str(folder))
    assert _left(folder) == {"rule-of-two-project"}


@pytest.mark.parametrize("there", [True, False])
def test_a_projects_file_that_is_a_link_out_of_it_is_left_alone(there: bool, home: Home) -> None:
    """It would have a file changed, or made, that nobody named."""
    folder = home.folder / "shop"
    folder.mkdir()
    target = home.folder / ".claude.json"
    if there:
        target.write_text('{"mcpServers": {"mine": {"command": "npx", "args": ["-y", "x"]}}}')
    (folder / ".mcp.json").symlink_to("../.claude.json")
    before = target.read_bytes() if there else None
    code, _, error = home.run("install", "claude-code", "--project", str(folder))
    assert (code, "is a link out of the project" in error) == (2, True)
    assert (target.read_bytes() if target.exists() else None) == before
    (folder / ".cursor").symlink_to(home.folder)
    assert home.run("install", "cursor", "--project", str(folder))[0] == 2


def test_a_project_is_not_recognised_by_what_it_brings_along(home: Home) -> None:
    name = "@modelcontextprotocol/server-filesystem"
    folder = _project(home, files={"command": "npx", "args": ["-y", name]})
    home.write(f"shop/node_modules/{name}/package.json", "{}")
    assert "no manifest" in home.done("install", "claude-code", "--project", str(folder))


@pytest.mark.parametrize(
    "entry",
    [
        {"url": f"https://mcp.zapier.example/api/mcp/s/{TOKEN}/mcp"},
        {"url": f"https://n8n.example/mcp/{TOKEN}"},
        {"url": f"https://mcp.example/mcp?sig={TOKEN}"},
        {"command": "x", "env": {"HEADERS_JSON": f'{{"Authorization": "Bearer {TOKEN}", "Version": "1"}}'}},
        {"command": "x", "env": {"SERVICE_AUTH": TOKEN}},
        {"command": "x", "env": {"TARGET": f"https://hooks.slack.com/services/T0/B0/{TOKEN}"}},
        {"command": "x", "args": ["--header", f"Authorization: Bearer {TOKEN}"]},
    ],
)
def test_no_key_is_shown_or_kept_in_plain_text(entry: dict[str, object], home: Home, ring: Ring) -> None:
    folder = _project(home, tools=entry)
    for more in (("--dry-run",), ()):
        for form in ((), ("--json",)):
            code, out, error = home.run(*form, "install", "claude-code", "--project", str(folder), *more)
            assert code == 0
            assert TOKEN not in out + error
    assert TOKEN not in home.config.read_text()
    assert any(TOKEN in value for value in ring.kept.values())
