"""What is said of policies is certain: leaving out what decides nothing changes no decision of the engine's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cedarpy
import orjson
import pytest

from rule_of_two.policy.findings.semantic import semantic_findings
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.proof.solver import Solver
from tests.policy.conftest import LoadText
from tests.policy.proof.test_relations import ATOMS, SCOPE, requests

PERMIT = '@id("own.permit") permit (principal, action, resource);'


def rule(name: str, when: str, effect: str = "forbid", scope: str = "principal, action, resource") -> str:
    return f'@id("own.{name}") @message("m") {effect} ({scope}) when {{ {when} }};'


A = rule("a", "context.labels.A")
UNASKED = rule("a", "context.labels.A && !context.approved")
AB = rule("b", "context.labels.A && context.labels.B")


def said(policies: Policies) -> dict[str, str]:
    return {one.policy or "": one.kind for one in semantic_findings(policies)}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([PERMIT, rule("a", "context.labels.A && !context.labels.A")], {"own.a": "never-matches"}),
        ([rule("a", "context.approvals > 3 && !context.approved", "permit")], {"own.a": "never-matches"}),
        ([rule("a", 'principal.client == "a" && principal.client == "b"', "permit")], {"own.a": "never-matches"}),
        (
            [rule("a", "context.labels.C"), rule("b", "context.labels.C && context.labels.A", "permit")],
            {"own.b": "contradicts"},
        ),
        (
            [rule("a", "context.labels.C"), rule("c", "!context.labels.C"), PERMIT],
            {"own.permit": "never-fires"},
        ),
        ([rule("a", "context.frozen", "permit", SCOPE)], {"own.a": "contradicts"}),  # the invariant's own forbid
        ([PERMIT, rule("a", "context.labels.C", "permit")], {"own.a": "redundant"}),
        ([rule("a", "context.labels.C", "permit"), PERMIT], {"own.a": "redundant"}),
        ([PERMIT, A, rule("b", "context.labels.A && context.labels.B")], {"own.b": "shadowed"}),
        ([PERMIT, A, rule("b", "!!context.labels.A")], {"own.b": "shadowed"}),
        # the same request, but the second one only asks: the first is stronger
        ([PERMIT, A, rule("b", "context.labels.A && !context.approved")], {"own.b": "shadowed"}),
        # and the other way round nothing is hidden
        ([PERMIT, UNASKED, rule("b", "context.labels.A")], {"own.a": "shadowed"}),
        ([PERMIT, UNASKED, AB], {}),
        (
            [
                PERMIT,
                rule("a", "context.labels.A", scope='principal, action in Gateway::Action::"use", resource'),
                rule("b", "context.labels.A", scope='principal, action == Gateway::Action::"call_tool", resource'),
            ],
            {"own.b": "shadowed"},
        ),
        (
            [
                PERMIT,
                rule("a", '["a", "b"].contains(principal.client)'),
                rule("b", 'principal.client == "a" && context.labels.A'),
            ],
            {"own.b": "shadowed"},
        ),
        (
            [
                PERMIT,
                rule("a", "true", scope='principal, action, resource in Gateway::Server::"web"'),
                rule("b", 'resource.server == Gateway::Server::"web"', scope="principal, action in"
                     ' Gateway::Action::"use", resource'),
            ],
            {"own.b": "shadowed"},
        ),
        ([PERMIT, rule("a", "context.labels.A"), rule("b", "context.labels.B")], {}),
    ],
)  # fmt: skip
def test_each_kind_of_finding(load_text: LoadText, texts: list[str], expected: dict[str, str]) -> None:
    assert said(load_text("\n".join(texts))) == expected


def test_shipped_policies_are_not_the_operators_to_change(load_text: LoadText) -> None:
    assert said(load_policies(["default", "four-eyes", "sampling"], relative_to=Path())) == {}
    stop = rule("stop", "true", scope='principal, action == Gateway::Action::"sample", resource')
    assert said(load_text(stop, "default", "sampling")) == {}
    assert said(load_text(rule("a", "context.labels.C", "permit"), "default")) == {}


def test_a_finding_says_where_and_what_to_do(load_text: LoadText, tmp_path: Path) -> None:
    policies = load_text(f"{PERMIT}\n\n{rule('a', 'context.labels.A')}\n{rule('b', 'context.labels.A')}")
    (one,) = semantic_findings(policies)
    assert one.text().replace(f"{tmp_path}/", "") == (
        "warning: own.cedar:4: @id 'own.b': everything that it forbids is forbidden by 'own.a' (own.cedar:3) already, "
        "with the same or a stronger outcome; remove it, or narrow the other one"
    )


def test_an_attribute_that_nobody_supplies(load_text: LoadText) -> None:
    needs = rule("needs", "context has device && context.device.managed", "permit")
    reads = rule("reads", "!(context has device && context.device.managed) && context.labels.C")
    policies = load_text(f"{needs}\n{reads}")
    nobody = {one.policy: (one.kind, one.error) for one in semantic_findings(policies, supplied=frozenset())}
    assert nobody == {"own.needs": ("needs-provider", True), "own.reads": ("no-provider", False)}
    assert said(policies) == {}
    assert semantic_findings(policies, supplied=frozenset(("device",))) == []


def sets(count: int) -> Iterator[str]:
    """Sets of policies over the same atoms, in which much is hidden by something."""
    chance = random.Random(11)  # noqa: S311  # the same every time
    usable = [atom for atom in ATOMS if "context.now" not in atom]
    for _ in range(count):
        few = chance.sample(usable, 6)
        policies = []
        for number in range(14):
            parts = [f"{chance.choice(['', '!'])}({atom})" for atom in chance.sample(few, chance.choice([1, 1, 2, 3]))]
            effect = chance.choice(["permit", "forbid", "forbid"])
            condition = chance.choice([" && ", " || "]).join(parts)
            policies.append(rule(f"n{number}", condition, effect, SCOPE))
        yield "\n".join(policies)


def test_without_what_decides_nothing_the_engine_decides_the_same(load_text: LoadText) -> None:
    asked = requests(120)
    found_kinds = set()
    for text in sets(12):
        policies = load_text(text)
        findings = semantic_findings(policies)
        found_kinds |= {one.kind for one in findings}
        idle = {one.policy for one in findings}
        texts = {name: policy.text for name, policy in policies.by_id.items()}
        whole = cedarpy.PolicySet.from_str("\n".join(texts.values()))
        fewer = [
            cedarpy.PolicySet.from_str("\n".join(text for name, text in texts.items() if name != left_out))
            for left_out in idle
        ]
        for request, entities in asked:
            store = cedarpy.Entities.from_json_str(orjson.dumps(entities).decode(), policies.schema)
            decided = cedarpy.is_authorized(request, whole, store, policies.schema).allowed
            for one in fewer:
                assert cedarpy.is_authorized(request, one, store, policies.schema).allowed is decided
    assert found_kinds == {"never-matches", "never-fires", "contradicts", "redundant", "shadowed"}


def test_of_a_thousand_policies_few_pairs_are_worth_a_question(
    load_text: LoadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for name in ("possible", "excluded"):
        ask = getattr(Solver, name)

        def counted(*terms: Any, ask: Any = ask) -> Any:
            asked.append(ask)
            return ask(*terms)

        monkeypatch.setattr(Solver, name, counted)
    text = "\n".join(
        rule(
            f"n{n}",
            f'context.target.hosts.contains("h{n % 90}") && context.approvals < {n % 7}',
            "permit" if n % 4 == 0 else "forbid",
            f'{SCOPE} in Gateway::Server::"s{n % 30}"',
        )
        for n in range(1000)
    )
    policies = load_text(text)
    assert semantic_findings(policies)
    assert len(asked) < 5 * len(policies.by_id)
