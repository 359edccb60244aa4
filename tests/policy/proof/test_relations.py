"""What the solver excludes, no request does: atoms in every pair and many triples, held against the engine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import cedarpy
import orjson
import pytest

from rule_of_two.policy.load import load_policies
from rule_of_two.policy.proof.abstraction import Abstraction
from rule_of_two.policy.proof.claims import ANY
from rule_of_two.policy.proof.relations import matches
from rule_of_two.policy.proof.schema_text import read_schema
from rule_of_two.policy.proof.solver import Solver

# Guarded, so that none errs; each shares something with another one.
ATOMS = [
    "context.approved",
    "context.approvals >= 2",
    "context.approvals < 2",
    "context.approvals * 2 == 2",
    "context.approvals + 1 > 3",
    "context.labels.A == context.labels.B",
    "context.labels.A != true",
    "context.labels.A",
    "if context.labels.A then context.labels.B else context.labels.C",
    "{a: context.approved} == {a: true}",
    "[context.approved].contains(true)",
    "context.labels == {A: true, B: false, C: true}",
    "context.held has A",
    "context.held has A && context.held.A < 5",
    "context.held has A && context.held.A == 7",
    "context has risk",
    "context has risk && context.risk > 50",
    "context has risk && -context.risk < 0",
    "context has risk && context.risk - 1 >= 50",
    'context.target.hosts.contains("a.example")',
    'context.target.hosts.containsAll(["a.example", "b.example"])',
    'context.target.hosts.containsAny(["a.example", "b.example"])',
    '["a.example", "b.example"].containsAll(context.target.hosts)',
    '["c.example"].containsAny(context.target.hosts)',
    "context.target.hosts.isEmpty()",
    'context.target has amount && context.target.amount.lessThan(decimal("10.5"))',
    'context.target has amount && context.target.amount.greaterThanOrEqual(decimal("10.5"))',
    'context.target has amount && context.target.amount == decimal("10.5000")',
    'context.now < datetime("2026-01-01")',
    'context.now >= datetime("2026-01-01T00:00:00Z")',
    'context.now == datetime("2026-01-01T01:00:00+0100")',
    'context.now.toTime() < duration("1h30m")',
    'principal.client == "cursor"',
    '"cursor" == principal.client',
    'principal.client like "c*"',
    'principal.client like "*"',
    'principal.client like "*x*"',
    '["cursor", "codex"].contains(principal.client)',
    'principal.user == Gateway::User::"ann"',
    'principal.user in [Gateway::Role::"boss", Gateway::Role::"staff"]',
    'principal.user in Gateway::Role::"staff"',
    'principal in Gateway::Agent::"travel"',
    'principal.agent == Gateway::Agent::"travel"',
    'principal is Gateway::Session in Gateway::Agent::"travel"',
    'resource == Gateway::Tool::"web__fetch"',
    'resource in Gateway::Server::"web"',
    'resource.server == Gateway::Server::"web"',
    "resource is Gateway::Server",
    "resource.server == resource",
    "resource has blocked && resource.blocked",
    'action == Gateway::Action::"call_tool"',
    'action in Gateway::Action::"use"',
    'action in [Gateway::Action::"answer", Gateway::Action::"receive"]',
    "context has approved",
    "principal.interactive || !principal.interactive",
]  # fmt: skip
SCOPE = 'principal is Gateway::Session, action in Gateway::Action::"use", resource'


def requests(count: int) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Requests as the gateway makes them, with values that the atoms speak of."""
    chance = random.Random(5)  # noqa: S311  # the same every time
    return [request(chance) for _ in range(count)]


def uid(kind: str, name: str) -> dict[str, str]:
    return {"type": f"Gateway::{kind}", "id": name}


def request(chance: random.Random) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    def pick(values: Sequence[Any]) -> Any:
        return chance.choice(values)

    def some() -> bool:
        return chance.random() < 0.5

    approvals = pick([0, 0, 1, 1, 2, 3])
    hosts = pick([[], ["a.example"], ["b.example"], ["a.example", "b.example"], ["c.example"], ["a.example", "z"]])
    target: dict[str, Any] = {"hosts": hosts, "urls": [], "paths": [], "recipients": []}
    target |= {"domains": [], "accounts": [], "within": []}
    target |= {name: some() for name in ("complete", "known", "given", "others")}
    if some():
        target["amount"] = pick(["10.5", "10.4", "3.0", "99.9"])
    context: dict[str, Any] = {
        "approved": approvals > 0,
        "approvals": approvals,
        "held": {label: pick([1, 4, 7]) for label in "ABC" if some()},
        "labels": {label: some() for label in "ABC"},
        "dropped": some(),
        "frozen": some(),
        "effects": {"acts": some(), "communicates": some(), "irreversible": some()},
        "target": target,
        "now": pick(["2025-06-01T00:45:00Z", "2026-01-01T00:00:00Z", "2026-03-01T12:00:00Z"]),
    }
    if some():
        context["risk"] = pick([0, 50, 51, 100, -3])
    agent, server = uid("Agent", pick(["travel", "other"])), uid("Server", pick(["web", "mail"]))
    user = uid("User", pick(["ann", "bob"]))
    session: dict[str, Any] = {
        "uid": uid("Session", "s"),
        "parents": [agent],
        "attrs": {
            "user": {"__entity": user},
            "agent": {"__entity": agent},
            "tenant": {"__entity": uid("Tenant", "t")},
            "purpose": {"__entity": uid("Purpose", "p")},
            "configuration": {label: some() for label in "ABC"},
            "interactive": some(),
            "client": pick(["cursor", "codex", "x", "cx"]),
        },
    }
    action = pick(["call_tool", "answer", "receive"])
    belongs: dict[str, Any] = {"server": {"__entity": server}} | ({"blocked": some()} if some() else {})
    entities: list[dict[str, Any]] = [
        session,
        {"uid": agent, "attrs": {}, "parents": []},
        {"uid": user, "attrs": {}, "parents": [uid("Role", "staff")] if some() else []},
        {"uid": server, "attrs": belongs, "parents": []},
    ]
    resource = server
    if action == "call_tool":
        resource = uid("Tool", f"{server['id']}__{pick(['fetch', 'post'])}")
        entities.append({"uid": resource, "attrs": belongs, "parents": [server]})
    asked: dict[str, Any] = {"principal": session["uid"], "action": uid("Action", action), "resource": resource}
    return asked | {"context": orjson.dumps(context).decode()}, entities


@pytest.fixture(scope="module")
def truths() -> list[frozenset[int]]:
    """For each request the atoms that are true on the engine."""
    policies = load_policies(["default"], relative_to=Path())
    text = "\n".join(f'@id("{n}") permit ({SCOPE}) when {{ {atom} }};' for n, atom in enumerate(ATOMS))
    checked = cedarpy.validate_policies(text, policies.schema)
    assert checked.validation_passed, checked.errors
    handle = cedarpy.PolicySet.from_str(text)
    found = []
    for asked, entities in requests(500):
        store = cedarpy.Entities.from_json_str(orjson.dumps(entities).decode(), policies.schema)
        diagnostics = cedarpy.is_authorized(asked, handle, store, policies.schema).diagnostics
        assert not diagnostics.errors
        found.append(frozenset(int(name) for name in diagnostics.id_annotations_by_reason.values()))
    return found


def test_what_the_solver_excludes_no_request_does(truths: list[frozenset[int]]) -> None:
    policies = load_policies(["default"], relative_to=Path())
    view = read_schema(policies.schema_text, policies.schema)
    own = "\n".join(f'@id("a.n{n}") permit ({SCOPE}) when {{ {atom} }};' for n, atom in enumerate(ATOMS))
    abstraction = Abstraction(texts(own), view)
    solver = Solver()
    for fact in abstraction.facts():
        solver.add(fact)
    terms = [solver.term(one.matches, ANY) for one in abstraction.policies]
    scope = solver.term(abstraction.condition('action in Gateway::Action::"use"'), ANY)
    signs = [(solver.negated(term), term) for term in terms]
    excluded = 0
    chance = random.Random(7)  # noqa: S311  # the same every time
    numbers = range(len(ATOMS))
    tuples = [*combinations(numbers, 1), *combinations(numbers, 2)]
    tuples += [tuple(chance.sample(numbers, 3)) for _ in range(1500)]
    for chosen in tuples:
        for wanted in product((False, True), repeat=len(chosen)):
            if solver.possible(scope, *(signs[n][want] for n, want in zip(chosen, wanted, strict=True))) is False:
                excluded += 1
                found = [
                    one for one in truths if all((n in one) is want for n, want in zip(chosen, wanted, strict=True))
                ]
                assert not found, [(want, ATOMS[n]) for n, want in zip(chosen, wanted, strict=True)]
    assert excluded > 300  # the relations are worth something


def texts(own: str) -> list[Any]:
    from rule_of_two.policy.statements import split
    from rule_of_two.policy.syntax import Grammar

    policies = load_policies(["default"], relative_to=Path())
    grammar = Grammar(policies.schema_text)
    return [grammar.parse(statement) for statement in split(own, Path("own.cedar"))]


@pytest.mark.parametrize("text", ["", "a", "ab", "a*b", "aXbXc", "bc", "*", "aab"])
@pytest.mark.parametrize("pattern", ["", "*", "a*", "*b", "a*b", "*b*", "a*b*c", "a\\*b", "**", "*aab"])
def test_a_pattern_matches_as_on_the_engine(text: str, pattern: str) -> None:
    policy = f'permit (principal, action, resource) when {{ "{text}" like "{pattern}" }};'
    asked = {"principal": 'A::"a"', "action": 'A::"a"', "resource": 'A::"a"', "context": "{}"}
    (tree,) = orjson.loads(cedarpy.policies_to_json_str(policy))["staticPolicies"].values()
    parts = tree["conditions"][0]["body"]["like"]["pattern"]
    assert matches(text, parts) is cedarpy.is_authorized(asked, policy, []).allowed
