"""Where clients keep their MCP servers, and how they write them: a row each, from their documentation (November 2026).

A row says: the file by platform, the format, under which keys the tables of servers stand (``*``: a project's folder),
where a project has a file of its own, what an entry needs besides command, args and env, which names differ from ours,
which keys only tell the client how to treat a server, and what the client itself resolves in values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Final, Literal

from msgspec import Struct, field

Platform = Literal["darwin", "win32", "linux"]

_DOLLAR_BRACES: Final = r"\$\{[^}]*\}"
_ROAMING: Final = "{APPDATA}"
_LIBRARY: Final = "{HOME}/Library/Application Support"
_XDG: Final = "{XDG_CONFIG_HOME}"


class Host(Struct, frozen=True):
    """One client. Its name is the one of its profile (:mod:`rule_of_two.clients.profiles`)."""

    name: str
    title: str
    documentation: str
    places: Mapping[Platform, str]
    """The user's file; ``{HOME}``, ``{APPDATA}`` and ``{XDG_CONFIG_HOME}`` are filled in."""
    tables: tuple[tuple[str, ...], ...] = (("mcpServers",),)
    """The first one is made where there is none."""
    format: Literal["json", "toml"] = "json"
    moved_by: tuple[str, str] | None = None
    """The variable that names another folder, and the file's name in it."""
    project: str | None = None
    """The file of a project, in its folder."""
    project_table: tuple[str, ...] | None = None
    """Where in it; else the first of ``tables``."""
    entry: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """Their key: ours."""
    ignored: frozenset[str] = frozenset()
    """How the client treats a server; that is lost behind the gateway, and changes nothing of what it can do."""
    variables: str | None = None
    """What the client replaces in values, as a regular expression."""
    forwards: str | None = None
    """The key under which an entry names the variables that its process inherits."""
    off: tuple[tuple[str, ...], ...] = ()
    """Lists in the user's file of servers that are turned off (``*``: the project)."""
    only: tuple[str, ...] | None = None
    """A list of the only servers that are turned on, if it is there."""
    project_off: tuple[tuple[str, str], ...] = ()
    """Files of a project, and the key in them of a list of servers of the project's file that are turned off."""


_EVERYWHERE: Final = frozenset(("description", "timeout", "icon", "alwaysAllow", "autoApprove", "trust"))

_HOSTS: Final = (
    # modelcontextprotocol.io/docs/develop/connect-local-servers; Linux: where Electron keeps it, undocumented.
    Host(
        name="claude-desktop",
        title="Claude Desktop",
        documentation="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
        places={
            "darwin": f"{_LIBRARY}/Claude/claude_desktop_config.json",
            "win32": f"{_ROAMING}/Claude/claude_desktop_config.json",
            "linux": f"{_XDG}/Claude/claude_desktop_config.json",
        },
    ),
    # code.claude.com/docs/en/mcp: "MCP installation scopes", "Environment variable expansion"; …/en/settings.
    Host(
        name="claude-code",
        title="Claude Code",
        documentation="https://code.claude.com/docs/en/mcp",
        places=dict.fromkeys(("darwin", "win32", "linux"), "{HOME}/.claude.json"),
        tables=(("mcpServers",), ("projects", "*", "mcpServers")),
        moved_by=("CLAUDE_CONFIG_DIR", ".claude.json"),
        project=".mcp.json",
        entry={"type": "stdio"},
        variables=_DOLLAR_BRACES,
        off=(("projects", "*", "disabledMcpServers"), ("projects", "*", "disabledMcpjsonServers")),
        project_off=(
            (".claude/settings.json", "disabledMcpjsonServers"),
            (".claude/settings.local.json", "disabledMcpjsonServers"),
        ),
    ),
    # cursor.com/docs/mcp: "Configuration locations", "Config interpolation".
    Host(
        name="cursor",
        title="Cursor",
        documentation="https://cursor.com/docs/mcp",
        places=dict.fromkeys(("darwin", "win32", "linux"), "{HOME}/.cursor/mcp.json"),
        project=".cursor/mcp.json",
        variables=_DOLLAR_BRACES,
    ),
    # code.visualstudio.com/docs/agents/reference/mcp-configuration; the folder: …/docs/configure/settings.
    Host(
        name="vscode",
        title="VS Code",
        documentation="https://code.visualstudio.com/docs/agents/reference/mcp-configuration",
        places={
            "darwin": f"{_LIBRARY}/Code/User/mcp.json",
            "win32": f"{_ROAMING}/Code/User/mcp.json",
            "linux": f"{_XDG}/Code/User/mcp.json",
        },
        tables=(("servers",),),
        project=".vscode/mcp.json",
        entry={"type": "stdio"},
        ignored=frozenset(("dev", "gallery", "version")),
        variables=_DOLLAR_BRACES,
    ),
    # developers.openai.com/codex/mcp and /codex/config-reference: "mcp_servers.<id>.…".
    Host(
        name="codex",
        title="Codex",
        documentation="https://developers.openai.com/codex/mcp",
        places=dict.fromkeys(("darwin", "win32", "linux"), "{HOME}/.codex/config.toml"),
        tables=(("mcp_servers",),),
        format="toml",
        moved_by=("CODEX_HOME", "config.toml"),
        project=".codex/config.toml",
        names={"http_headers": "headers"},
        ignored=frozenset(("startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec", "required")),
        forwards="env_vars",
    ),
    # geminicli.com/docs/tools/mcp-server: "Configure the MCP server in settings.json"; `url` is SSE, `httpUrl` is not.
    Host(
        name="gemini-cli",
        title="Gemini CLI",
        documentation="https://geminicli.com/docs/tools/mcp-server",
        places=dict.fromkeys(("darwin", "win32", "linux"), "{HOME}/.gemini/settings.json"),
        project=".gemini/settings.json",
        names={"httpUrl": "url"},
        variables=rf"{_DOLLAR_BRACES}|\$\w+",
        off=(("mcp", "excluded"),),
        only=("mcp", "allowed"),
    ),
)

HOSTS: Final = {host.name: host for host in _HOSTS}


def ignored(host: Host) -> frozenset[str]:
    """The keys of an entry that say nothing of what a server is or can do."""
    return host.ignored | _EVERYWHERE


def user_file(host: Host, platform: str, environment: Mapping[str, str], home: str) -> PurePath:
    """The client's file of the user whose ``home`` it is, on a platform (``sys.platform``) with an environment."""
    known: Platform = "darwin" if platform == "darwin" else "win32" if platform == "win32" else "linux"
    flavour = PureWindowsPath if known == "win32" else PurePosixPath
    if host.moved_by is not None and (moved := environment.get(host.moved_by[0])):
        return flavour(moved, host.moved_by[1])
    own = {
        "HOME": home,
        "APPDATA": environment.get("APPDATA") or str(PureWindowsPath(home, "AppData", "Roaming")),
        "XDG_CONFIG_HOME": environment.get("XDG_CONFIG_HOME") or str(PurePosixPath(home, ".config")),
    }
    return flavour(host.places[known].format_map(own))


def variables(host: Host, text: str) -> list[str]:
    """What the client itself would replace in a value, each once."""
    return [] if host.variables is None else list(dict.fromkeys(re.findall(host.variables, text)))
