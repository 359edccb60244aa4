"""What an agent can do beside the gateway, by its client: tools that are not seen, and a file that it can edit."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rule_of_two.clients.hosts import HOSTS, user_file
from rule_of_two.doctor.brief import Owned
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.gateway.config import Config

BESIDE: Final[Mapping[str, str]] = {
    "generic": "whatever tools its host has",
    "claude-desktop": "web search, and extensions",
    "claude-code": "a shell, files and a web fetch",
    "cursor": "a shell, files and web search",
    "vscode": "a terminal, files and a web fetch",
    "codex": "a shell and files",
    "gemini-cli": "a shell, files, a web fetch and web search",
}
"""What the host of each profile (:mod:`rule_of_two.clients.profiles`) gives the agent itself."""


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
    tools = BESIDE[config.client]
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
    """Where the gateway is registered, if the file of the client's user is there."""
    host = HOSTS.get(config.client)
    file = None if host is None else Path(user_file(host, sys.platform, {}, str(home)))
    if file is None or not _is_file(file):
        return None
    return Owned(
        what="the gateway's registration in the client",
        paths=(str(file),),
        close="expect it: an agent that takes the gateway away has none of its servers, if only the gateway's user can "
        "start them",
        area=Area.GAP,
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
