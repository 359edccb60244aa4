"""Hostile policies: deep, wide, oddly named. What cannot be proved is said not to be; nothing crashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.policy.findings.check import check
from rule_of_two.policy.proof.properties import load_properties
from rule_of_two.policy.proof.verification import verify
from rule_of_two.policy.proof.verify import Prover
from rule_of_two.policy.statements import MAX_DEPTH, MAX_OPERATORS
from rule_of_two.policy.syntax import Policy
from tests.policy.conftest import LoadText

ALL = '@id("own.permit") permit (principal, action, resource);'


def forbid(condition: str) -> str:
    return f'@id("own.x") @message("m") forbid (principal, action, resource) when {{ {condition} }};'


@pytest.mark.parametrize(
    "condition",
    [
        " && ".join(["context.labels.A"] * (MAX_OPERATORS // 3)),
        " || ".join(["context.frozen"] * (MAX_OPERATORS // 3)),
        "!!!!context.frozen",
        f"context.approvals > {' + '.join(['1'] * (MAX_OPERATORS - 2))}",
        f"[{' && '.join(['context.frozen'] * (MAX_OPERATORS // 3))}].contains(true)",
        "(" * (MAX_DEPTH - 3) + "context.frozen" + ")" * (MAX_DEPTH - 3),
        f"{'if context.frozen then true else ' * 20}false",
        f"[{', '.join(f'{chr(34)}h{n}{chr(34)}' for n in range(3000))}].containsAny(context.target.hosts)",
        "context.approvals > 9223372036854775807 || context.approvals < -9223372036854775807",
        'context.now > datetime("9999-12-31T23:59:59Z") || context.now < datetime("0001-01-01")',
        'resource == Gateway::Tool::"a\\"::\\"b\\n\\u{202e}__c"',
        'principal.client like "*\\*\\"\\u{1F600}*"',
        'principal.client == "' + "x" * 100_000 + '"',
        "{a: context}.a.frozen",
        "context.approvals * context.approvals == 4",
    ],
)  # fmt: skip
def test_whatever_validates_is_verified_or_said_not_to_be(load_text: LoadText, tmp_path: Path, condition: str) -> None:
    policies = load_text(f"{ALL}\n{forbid(condition)}")
    (tmp_path / "properties.cedar").write_text(forbid(condition).replace("own.x", "my.x"), encoding="utf-8")
    properties: tuple[Policy, ...] = ()
    if "approvals" not in condition and "context}" not in condition:  # a property cannot read these
        properties = tuple(load_properties([tmp_path / "properties.cedar"], policies.schema_text))
    found = {one.claim.name: one.status for one in Prover(policies, properties).results()}
    assert found["third-label"] == "proved"
    assert found.get("my.x", "proved") in {"proved", "not proved"}
    assert check(["own.cedar"], relative_to=tmp_path).policies == 6


def test_hidden_characters_of_names_are_shown(load_text: LoadText, tmp_path: Path) -> None:
    file = tmp_path / "properties.cedar"
    file.write_text(
        '@id("my.p") @message("M\u202ee.") forbid (principal, action, resource == Gateway::Tool::"a\\u{202e}b");',
        "utf-8",
    )
    policies = load_text(ALL)
    told = "\n".join(verify(policies, load_properties([file], policies.schema_text)).lines())
    assert "refuted" in told
    assert "\u202e" not in told


@pytest.mark.parametrize(
    "scope",
    [
        'principal, action == Gateway::Action::"approve_call", resource',
        "principal is Gateway::Approver, action, resource",
    ],
)
def test_a_property_that_no_request_matches_is_not_called_proved(
    load_text: LoadText, tmp_path: Path, scope: str
) -> None:
    file = tmp_path / "properties.cedar"
    file.write_text(f'@id("my.p") @message("m") forbid ({scope});', encoding="utf-8")
    policies = load_text(ALL)
    (one,) = Prover(policies, load_properties([file], policies.schema_text)).results(only=["my.p"])
    assert (one.status, one.why) == (
        "not proved",
        "no request that reaches a server matches it, so it says nothing",
    )


def test_a_property_that_excludes_itself_is_not_called_proved(load_text: LoadText, tmp_path: Path) -> None:
    file = tmp_path / "properties.cedar"
    file.write_text(forbid("context.frozen && !context.frozen"), encoding="utf-8")
    policies = load_text(ALL)
    (one,) = Prover(policies, load_properties([file], policies.schema_text)).results(only=["own.x"])
    assert one.status == "not proved"


def test_an_approval_dependent_expression_is_never_shared_between_passes(load_text: LoadText) -> None:
    """Were `{a: context.approved}` one value for all passes, this would count as never changing with a yes."""
    hidden = forbid("{a: context.approved}.a && context.approvals > 2")
    assert {one.claim.name: one.status for one in Prover(load_text(f"{ALL}\n{hidden}")).results()}[
        "yes-adds"
    ] != "proved"
