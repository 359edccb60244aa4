"""The tools of real servers have actions, whose arguments policies can read; and the proof covers such policies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.model import Action, Facts, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.proof.verification import verify
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.typed.actions import problems_of
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.policy.typed.schema import typed_schema
from tests.servers import real_server, running

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
BASE = (shipped_policies() / "rule-of-two.cedarschema").read_text()
READS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "git": (
        "git_log",
        'context.input.repo_path == "/srv/secret" || (context.input has max_count && context.input.max_count > 100)',
        {"repo_path": "/srv/open", "max_count": 10},
        {"repo_path": "/srv/open", "max_count": 101},
    ),
    "fetch": (
        "fetch",
        "context.input has raw && context.input.raw",
        {"url": "https://example.org/", "raw": False},
        {"url": "https://example.org/", "raw": True},
    ),
    "time": (
        "get_current_time",
        '!["Europe/Berlin", "Etc/UTC"].contains(context.input.timezone)',
        {"timezone": "Etc/UTC"},
        {"timezone": "Asia/Tokyo"},
    ),
}


def tools_of(server: str) -> list[ToolDefinition]:
    with running([*real_server(server)]) as one:
        listed = one.list_all("tools/list", "tools")
    return [ToolDefinition(server, tool["name"], "sha", tool["inputSchema"]) for tool in listed]


@pytest.mark.parametrize("server", READS)
def test_policies_read_the_arguments_of_a_real_servers_tools(server: str, tmp_path: Path) -> None:
    tools = tools_of(server)
    schema = typed_schema(BASE, tools)
    assert schema.tools.keys() == {tool.id for tool in tools}
    assert schema.problems == {}
    name, condition, fine, denied = READS[server]
    (tmp_path / "own.cedar").write_text(
        f'@id("own.a") @message("m")\nforbid (principal, action == Gateway::Action::"{server}__{name}", resource)\n'
        f"when {{ {condition} }};\n"
    )
    policies = load_policies(["default", "own.cedar"], relative_to=tmp_path, tools=tools)
    assert problems_of(policies.typed.values()) == []

    def outcome(arguments: dict[str, Any]) -> Outcome:
        facts = Facts(Action.CALL_TOOL, server, name, labels_in("A"), arguments=arguments)
        return Authorizer(policies, Principal(), "generic").decide(facts, SessionView("s"), now=NOW).outcome

    assert (outcome(fine), outcome(denied)) == (Outcome.ALLOW, Outcome.DENY)


def test_the_proof_covers_a_tools_own_action(tmp_path: Path) -> None:
    tool = ToolDefinition("git", "log", "x", {"type": "object", "properties": {"n": {"type": "integer"}}})
    text = (
        '@id("own.a") permit (principal, action == Gateway::Action::"git__log", resource) when { context.input has n };'
    )
    (tmp_path / "own.cedar").write_text(text)
    policies = load_policies(["default", "own.cedar"], relative_to=tmp_path, tools=[tool])
    assert 'action "git__log" in ["call_tool"]' in policies.schema_text
    assert verify(policies, ()).good
