"""What each client's host does that matters to sessions and waiting (PROTOCOL "Clients").

A client is what the operator's configuration says, never what ``clientInfo`` claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Profile:
    """One client. ``wait`` is how long, in seconds, a call may be held before the client gives up on it."""

    name: str
    boundary: Literal["connection", "conversation", "human"]
    wait: float
    workspace_variable: str | None = None
    """The environment variable in which the host names the workspace at spawn; else the working directory."""


_PROFILES: Final = (
    Profile("generic", "connection", 45),
    Profile("claude-desktop", "human", 180),
    # Its processes outlive conversations, and the keys that tell conversations apart are not read yet: until they are,
    # only a human says where a conversation ends.
    Profile("claude-code", "human", 240, "CLAUDE_PROJECT_DIR"),
    Profile("cursor", "human", 240),
    Profile("vscode", "human", 45),
    Profile("codex", "human", 45),
)

PROFILES: Final = {profile.name: profile for profile in _PROFILES}
