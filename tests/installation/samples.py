"""Clients' files as people have them."""

from __future__ import annotations

from typing import Final

TOKEN: Final = "ghp_0123456789abcdefghij"  # noqa: S105  # it opens nothing

CLAUDE_DESKTOP: Final = """\
{
\t"globalShortcut": "Alt+Space",
\t"mcpServers": {
\t\t"filesystem": {
\t\t\t"command": "npx",
\t\t\t"args": ["-y", "@modelcontextprotocol/server-filesystem", "/srv/docs"]
\t\t},
\t\t"GitHub ✨": {
\t\t\t"command": "docker",
\t\t\t"args": ["run", "-i", "--rm", "-e", "GITHUB_PERSONAL_ACCESS_TOKEN", "ghcr.io/github/github-mcp-server"],
\t\t\t"env": { "GITHUB_PERSONAL_ACCESS_TOKEN": "ghp_0123456789abcdefghij" }
\t\t}
\t},
\t"preferences": {"ünï": "漢"}
}
"""

CLAUDE_CODE: Final = """\
{
  "numStartups": 7,
  "mcpServers": {
    "web": {"type": "stdio", "command": "uvx", "args": ["mcp-server-fetch"], "env": {}},
    "remote": {"type": "http", "url": "https://mcp.example/mcp",
      "headers": {"Authorization": "Bearer ${REMOTE_TOKEN:-none}"}}
  },
  "projects": {
    "/home/alice/shop": {
      "allowedTools": [],
      "mcpServers": {
        "git": {"type": "stdio", "command": "uvx", "args": ["mcp-server-git"], "env": {}}
      },
      "disabledMcpServers": []
    },
    "/home/alice/empty": { "mcpServers": {}, "history": [{"display": "a \\"mcpServers\\": { b"}] }
  },
  "oauthAccount": {"emailAddress": "alice@example.org"}
}
"""

CURSOR: Final = """\
{
  // shared with the team
  "mcpServers": {
    "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "${workspaceFolder}"],},
    /* the tracker */
    "tracker": {"url": "https://tracker.example/mcp?api_key=abcdef123456", "headers": {"X-Api-Key": "abcdef123456"}},
  },
}
"""

VSCODE: Final = """\
\ufeff{
    // asked once, kept by the editor
    "inputs": [
        {"type": "promptString", "id": "token", "description": "Token", "password": true}, // secret
    ],
    "servers": {
        "time": {"type": "stdio", "command": "uvx", "args": ["mcp-server-time"]},
        "api": {"type": "http", "url": "https://api.example/mcp",
            "headers": {"Authorization": "Bearer ${input:token}"}},
        "boxed": {"type": "stdio", "command": "x", "sandboxEnabled": true}
    },
}
"""

CODEX: Final = """\
model = "gpt-5"   # for now
approval_policy = "on-request"

# the documents
[mcp_servers.files]
command = "npx"
args = ["-y", "@modelcontextprotocol/server-filesystem", '/srv/docs']
startup_timeout_sec = 20

[mcp_servers.files.env]
API_KEY = "abcdef123456"

[projects."/home/alice/shop"]
trust_level = "trusted"

[mcp_servers."old one"]
command = "uvx"
args = ["mcp-server-time"]
enabled = false

[mcp_servers.docs]
url = "https://docs.example/mcp"
bearer_token_env_var = "DOCS_TOKEN"
"""

GEMINI: Final = """\
{
  "theme": "Default",
  "mcp": {"excluded": ["noisy"]},
  "mcpServers": {
    "quiet": {"command": "uvx", "args": ["mcp-server-time"], "env": {"KEY": "$MY_KEY"}, "trust": true, "timeout": 5000},
    "noisy": {"httpUrl": "https://noisy.example/mcp"},
    "few": {"command": "x", "includeTools": ["a"]}
  }
}
"""

USERS: Final = {
    "claude-desktop": (".config/Claude/claude_desktop_config.json", CLAUDE_DESKTOP),
    "claude-code": (".claude.json", CLAUDE_CODE),
    "cursor": (".cursor/mcp.json", CURSOR),
    "vscode": (".config/Code/User/mcp.json", VSCODE),
    "codex": (".codex/config.toml", CODEX),
    "gemini-cli": (".gemini/settings.json", GEMINI),
}
"""Where a user of Linux has them."""
