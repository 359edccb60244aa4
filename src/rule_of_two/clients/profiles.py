"""What each client's host does that matters to sessions and waiting (PROTOCOL "Clients").

A client is what the operator's configuration says, never what ``clientInfo`` claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Profile:
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


_PROFILES: Final = (
    Profile("generic", "connection", 45, 300, elicitation=True),
    Profile("claude-desktop", "human", 180, 180),
    # Its processes outlive conversations, and the keys that tell conversations apart are not read yet: until they are,
    # only a human says where a conversation ends.
    Profile(
        "claude-code", "human", 240, 1500, "CLAUDE_PROJECT_DIR", frozenset(("claudecode/toolUseId",)), elicitation=True
    ),
    Profile("cursor", "human", 240, 240, elicitation=True),
    Profile("vscode", "human", 45, 300, call_keys=frozenset(("vscode.requestId",)), elicitation=True),
    Profile("codex", "human", 45, 300, elicitation=True),
)

PROFILES: Final = {profile.name: profile for profile in _PROFILES}
