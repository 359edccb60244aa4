"""What else a case can say: documents, the environment, described entities, effects and the agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rule_of_two.policy.cases.run import Result, Runner
from rule_of_two.policy.cases.suite import suite_at

from ..conftest import GENEROUS

OWN = """
@id("own.unmanaged") @message("Only from a managed device.")
forbid (principal, action == Gateway::Action::"call_tool", resource == Gateway::Tool::"a__managed")
unless { context has device && context.device.managed };
@id("own.risky") @message("Too risky.")
forbid (principal, action, resource) when { context has risk && context.risk > 50 };
@id("own.blocked") @message("Blocked.")
forbid (principal, action in Gateway::Action::"use", resource)
when { resource.server has blocked && resource.server.blocked };
@id("own.irreversible") @message("It cannot be taken back.")
forbid (principal, action in Gateway::Action::"use", resource)
when { context.effects.irreversible } unless { context.approved };
@id("own.two") @message("Not meant for it.")
forbid (principal is Gateway::Session, action in Gateway::Action::"use", resource)
when { context.labels.C && !principal.configuration.C };
@id("own.agent") @message("Not this agent.")
forbid (principal is Gateway::Session, action in Gateway::Action::"use", resource)
when { principal.agent == Gateway::Agent::"bad" };
@id("own.secret") @message("Above the clearance.")
forbid (principal is Gateway::Session, action == Gateway::Action::"return_document", resource)
unless {
  resource has confidentiality && principal.user has clearance && principal.user.clearance >= resource.confidentiality
};
@id("own.made-up") @message("Made up.")
forbid (principal, action in Gateway::Action::"use", resource)
unless { context.target.given };
@id("own.host") @message("Not there.")
forbid (principal, action in Gateway::Action::"use", resource)
when { context.target.hosts.contains("a.example:8443") };
@id("own.expired") @message("Expired.")
forbid (principal, action == Gateway::Action::"return_document", resource)
when { resource has expires && resource.expires <= context.now };
"""
ENTITIES = [
    {"uid": {"type": "Gateway::Server", "id": "bad"}, "attrs": {"blocked": True}, "parents": []},
    {"uid": {"type": "Gateway::User", "id": "ann"}, "attrs": {"clearance": 2}, "parents": []},
]


def run(folder: Path, *cases: str, head: str = "principal: {user: ann}\n") -> list[Result]:
    (folder / "own.cedar").write_text(GENEROUS + OWN)
    (folder / "who.json").write_text(json.dumps(ENTITIES))
    text = f"version: 1\npolicies: [./own.cedar]\nentities: who.json\n{head}cases:\n"
    (folder / "cases.yaml").write_text(text + "".join(f"  - {{name: x, {case}}}\n" for case in cases))
    suite = suite_at("cases.yaml", relative_to=folder)
    return list(Runner(suite.policies).run(suite.cases.cases))


@pytest.mark.parametrize(
    "case",
    [
        "call: {tool: a__managed}, expect: deny, by: [own.unmanaged]",
        "call: {tool: a__managed}, environment: {device: {id: d, managed: true}}, expect: allow",
        "call: {tool: a__x}, environment: {risk: 51}, expect: deny, by: [own.risky]",
        "call: {tool: a__x}, environment: {local: {hour: 3, weekday: 7}, network: {zone: vpn}}, expect: allow",
        "call: {tool: bad__x}, expect: deny, by: [own.blocked]",
        "call: {server: bad, action: complete}, expect: deny, by: [own.blocked]",
        "call: {tool: a__x, labels: [C]}, expect: ask, by: [own.irreversible]",
        "call: {tool: a__x, labels: [C], irreversible: false}, expect: allow",
        "call: {tool: a__x, labels: [C]}, principal: {configuration: [A, B]}, expect: deny, by: [own.two]",
        "call: {tool: a__x}, principal: {agent: bad}, expect: deny, by: [own.agent]",
        "call: {tool: a__x, targets: {urls: ['https://a.example/x']}}, expect: deny, by: [own.made-up]",
        "call: {tool: a__x, targets: {urls: ['https://a.example/x'], given: true}}, expect: allow",
        "call: {tool: a__x, targets: {urls: ['https://a.example:8443/x'], given: true}}, expect: deny, by: [own.host]",
        "document: {server: mail, confidentiality: 2}, expect: allow",
        "document: {server: mail, confidentiality: 3}, expect: deny, by: [own.secret]",
        "document: {server: m, confidentiality: 1, expires: 2025-01-01T00:00:00Z}, expect: deny, by: [own.expired]",
        "document: {server: m, confidentiality: 1, labels: [A], authors: [eve], owner: ann}, expect: allow",
        "document: {server: m, confidentiality: 1, tenant: t, role: r, purposes: [p]}, expect: allow",
        "document: {server: m, confidentiality: 1, created: 2025-01-01T00:00:00Z}, expect: allow",
    ],
)
def test_each_comes_as_the_policies_say(tmp_path: Path, case: str) -> None:
    (result,) = run(tmp_path, case)
    assert result.passed, result


def test_what_a_case_knows_of_the_environment_is_laid_over_the_files(tmp_path: Path) -> None:
    head = "environment: {device: {id: d, managed: true}, risk: 99}\n"
    results = run(
        tmp_path,
        "call: {tool: a__managed}, expect: deny, by: [own.risky]",
        "call: {tool: a__managed}, environment: {risk: 1}, expect: allow",
        "call: {tool: a__managed}, environment: {risk: null}, expect: allow",
        "call: {tool: a__managed}, environment: {risk: null, device: null}, expect: deny",
        head=head,
    )
    assert [one.problems for one in results] == [()] * 4


def test_a_set_by_which_c_counts_only_where_it_communicates_lowers_it_in_cases_too(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text("version: 1\nc: communication\n")
    inside, outside = run(
        tmp_path,
        "call: {tool: a__x, labels: [A, B, C], communicates: false, irreversible: false}, expect: allow",
        "call: {tool: a__x, labels: [A, B, C], irreversible: false}, expect: ask, by: [r2.ask-third-label]",
    )
    assert inside.passed
    assert outside.passed


def test_a_document_that_the_schema_refuses_is_a_denial(tmp_path: Path) -> None:
    case = "document: {server: m, confidentiality: 99999999999999999999}, expect: deny, code: policy_error"
    (result,) = run(tmp_path, case)
    assert result.passed
