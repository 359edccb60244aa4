"""What each client's host does that matters to sessions and waiting (PROTOCOL "Clients").

A client is what the operator's configuration says, never what ``clientInfo`` claims.

A conversation's key splits sessions only where forks and sub-agents are documented to keep it: they carry the context
of the conversation that they come from, so a key of their own would wash it. No host documents that (November 2026):

- VS Code names the chat in each tool call (``mcpServer.ts``, ``_meta["vscode.conversationId"]``, out of the chat
  session's resource). A sub-agent is given its parent's (``runSubagentTool.ts``), which no document promises; a fork is
  a new chat session with the old one's history (``/fork`` and the fork button: microsoft/vscode 309024, 334613).
- Codex names the thread (``mcp_tool_call.rs``, ``_meta.threadId``: openai/codex 18093). A fork is a new thread, and a
  sub-agent runs in a thread of its own, whose id differs from its parent's (openai/codex 21329).
- Claude Code names the session in the environment of the servers that it starts (``CLAUDE_CODE_SESSION_ID``,
  code.claude.com/docs/en/env-vars). Sub-agents use the servers of their parent, but ``--fork-session`` is documented to
  make a new id, and before version 2.1.163 a resumed session could have another one (anthropics/claude-code 65497).

So each of them is one session under ``human``, unless an operator who knows better vouches for it
(``sessions: {boundary: conversation, forks_keep_key: true}``).
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct


class Profile(Struct, frozen=True):
    """One client. ``wait`` is how long, in seconds, a call may be held before the client gives up on it, and
    ``patience`` how long when it is sent progress meanwhile."""

    name: str
    boundary: Literal["connection", "conversation", "human"]
    wait: float
    patience: float
    workspace_variable: str | None = None
    """The environment variable in which the host names the workspace at spawn; else the working directory."""
    call_keys: frozenset[str] = frozenset()
    """What of a request's ``_meta`` the host sets anew with each call."""
    elicitation: bool = False
    """Whether its users can be asked in the client itself."""
    conversation_pointer: str | None = None
    """Where in a request's ``_meta`` the host names the conversation, as JSON Pointer."""
    conversation_variable: str | None = None
    """The environment variable in which the host names the conversation at spawn."""
    forks_keep_key: bool = False
    """Whether the host documents that forks and sub-agents have the key of the conversation that they come from."""


_PROFILES: Final = (
    Profile("generic", "connection", 45, 300, elicitation=True),
    Profile("claude-desktop", "human", 180, 180),
    Profile(
        "claude-code",
        "human",
        240,
        1500,
        workspace_variable="CLAUDE_PROJECT_DIR",
        conversation_variable="CLAUDE_CODE_SESSION_ID",
        call_keys=frozenset(("claudecode/toolUseId",)),
        elicitation=True,
    ),
    Profile("cursor", "human", 240, 240, elicitation=True),
    Profile(
        "vscode",
        "human",
        45,
        300,
        conversation_pointer="/vscode.conversationId",
        call_keys=frozenset(("vscode.requestId",)),
        elicitation=True,
    ),
    Profile("codex", "human", 45, 300, conversation_pointer="/threadId", elicitation=True),
    Profile("gemini-cli", "human", 240, 240),  # it waits ten minutes unless `timeout` says less
)

PROFILES: Final = {profile.name: profile for profile in _PROFILES}
