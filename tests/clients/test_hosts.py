"""Where clients keep their servers, on each platform; the platform is told, not asked."""

from __future__ import annotations

import re

import pytest

from rule_of_two.clients.hosts import HOSTS, user_file, variables
from rule_of_two.clients.profiles import PROFILES

MAC, WINDOWS, LINUX = "/Users/alice", "C:\\Users\\alice", "/home/alice"


@pytest.mark.parametrize(
    ("client", "mac", "windows", "linux"),
    [
        (
            "claude-desktop",
            "/Users/alice/Library/Application Support/Claude/claude_desktop_config.json",
            "C:\\Users\\alice\\AppData\\Roaming\\Claude\\claude_desktop_config.json",
            "/home/alice/.config/Claude/claude_desktop_config.json",
        ),
        ("claude-code", "/Users/alice/.claude.json", "C:\\Users\\alice\\.claude.json", "/home/alice/.claude.json"),
        (
            "cursor",
            "/Users/alice/.cursor/mcp.json",
            "C:\\Users\\alice\\.cursor\\mcp.json",
            "/home/alice/.cursor/mcp.json",
        ),
        (
            "vscode",
            "/Users/alice/Library/Application Support/Code/User/mcp.json",
            "C:\\Users\\alice\\AppData\\Roaming\\Code\\User\\mcp.json",
            "/home/alice/.config/Code/User/mcp.json",
        ),
        (
            "codex",
            "/Users/alice/.codex/config.toml",
            "C:\\Users\\alice\\.codex\\config.toml",
            "/home/alice/.codex/config.toml",
        ),
        (
            "gemini-cli",
            "/Users/alice/.gemini/settings.json",
            "C:\\Users\\alice\\.gemini\\settings.json",
            "/home/alice/.gemini/settings.json",
        ),
    ],
)
def test_every_client_has_its_file_on_every_platform(client: str, mac: str, windows: str, linux: str) -> None:
    host = HOSTS[client]
    assert str(user_file(host, "darwin", {}, MAC)) == mac
    assert str(user_file(host, "win32", {}, WINDOWS)) == windows
    assert str(user_file(host, "linux", {}, LINUX)) == linux
    assert user_file(host, "freebsd14", {}, LINUX) == user_file(host, "linux", {}, LINUX)


@pytest.mark.parametrize(
    ("client", "platform", "variable", "value", "file"),
    [
        ("claude-desktop", "win32", "APPDATA", "D:\\R", "D:\\R\\Claude\\claude_desktop_config.json"),
        ("claude-desktop", "linux", "XDG_CONFIG_HOME", "/x", "/x/Claude/claude_desktop_config.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "/x", "/x/Code/User/mcp.json"),
        ("claude-code", "darwin", "CLAUDE_CONFIG_DIR", "/c", "/c/.claude.json"),
        ("codex", "win32", "CODEX_HOME", "D:\\C", "D:\\C\\config.toml"),
    ],
)
def test_a_variable_moves_it(client: str, platform: str, variable: str, value: str, file: str) -> None:
    assert str(user_file(HOSTS[client], platform, {variable: value}, MAC)) == file


def test_every_profile_but_the_generic_one_can_be_installed_and_says_where_its_facts_come_from() -> None:
    assert HOSTS.keys() == PROFILES.keys() - {"generic"}
    assert all(re.fullmatch(r"https://\S+", host.documentation) for host in HOSTS.values())
    assert all("*" not in host.tables[0] for host in HOSTS.values())


def test_what_a_client_replaces_is_found_in_values() -> None:
    assert variables(HOSTS["vscode"], "${workspaceFolder}/a/${input:x}/${workspaceFolder}") == [
        "${workspaceFolder}",
        "${input:x}",
    ]
    assert variables(HOSTS["gemini-cli"], "$KEY and ${OTHER}") == ["$KEY", "${OTHER}"]
    assert variables(HOSTS["claude-desktop"], "${KEY}") == []
