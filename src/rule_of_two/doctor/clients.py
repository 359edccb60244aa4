"""What an agent can do beside the gateway, by its client: tools that are not seen, and a file that it can edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rule_of_two.doctor.brief import Owned
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.gateway.config import Config


@dataclass(frozen=True, slots=True)
class Beside:
    """``tools`` are what the client's host gives the agent itself; ``files`` where the gateway may be registered,
    relative to the home folder of the agent's user."""

    tools: str
    files: tuple[str, ...] = ()


BESIDE: Final[Mapping[str, Beside]] = {
    "generic": Beside("whatever tools its host has"),
    "claude-desktop": Beside(
        "web search, and extensions",
        (
            ".config/Claude/claude_desktop_config.json",
            "Library/Application Support/Claude/claude_desktop_config.json",
        ),
    ),
    "claude-code": Beside("a shell, files and a web fetch", (".claude.json",)),
    "cursor": Beside("a shell, files and web search", (".cursor/mcp.json",)),
    "vscode": Beside(
        "a terminal, files and a web fetch",
        (".config/Code/User/mcp.json", "Library/Application Support/Code/User/mcp.json"),
    ),
    "codex": Beside("a shell and files", (".codex/config.toml",)),
}
"""Of every profile (:mod:`rule_of_two.clients.profiles`)."""


def elicitation(config: Config, *, taken: bool) -> Finding:
    """Whether the client, where a hook can answer, is asked for approvals, and the judge would take its word."""
    attempt = "answer an elicitation"
    if "elicitation" not in config.approvals.channels:
        evidence = "approvals are not asked through the client"
    elif not taken:
        evidence = "policy lets nobody approve through the client"
    else:
        return Finding(
            attempt=attempt,
            area=Area.APPROVE,
            result=Result.SUCCEEDED,
            evidence="a yes that comes through the client counts, and a hook of the client can give it",
            close="take elicitation out of approvals.channels",
        )
    return Finding(attempt=attempt, area=Area.APPROVE, result=Result.FAILED, evidence=evidence)


def own_tools(config: Config) -> Finding:
    """The host's own tools: what they bring and send is unseen, and only what the operator says of it counts."""
    attempt = "use tools of the client's own"
    tools = BESIDE[config.client].tools
    if config.sessions.ambient:
        labels = "".join(f"[{label}]" for label in config.sessions.ambient)
        evidence = f"{config.client} gives the agent {tools}; sessions begin with {labels} for it"
        return Finding(attempt=attempt, area=Area.GAP, result=Result.FAILED, evidence=evidence)
    return Finding(
        attempt=attempt,
        area=Area.GAP,
        result=Result.SUCCEEDED,
        evidence=f"{config.client} gives the agent {tools}, which the gateway does not see",
        close="turn them off, or say what they bring: sessions: {ambient: [A]}",
    )


def registration(config: Config, home: Path) -> Owned | None:
    """Where the gateway is registered, if one of the known files is there."""
    found = tuple(str(home / name) for name in BESIDE[config.client].files if _is_file(home / name))
    if not found:
        return None
    return Owned(
        what="the gateway's registration in the client",
        paths=found,
        close="expect it: an agent that takes the gateway away has none of its servers, if only the gateway's user can "
        "start them",
        area=Area.GAP,
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
