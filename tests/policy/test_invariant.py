"""The Rule of Two on the real engine: every combination of what the invariant reads, beside the most generous permit.

A forbid overrides every permit, so what holds beside ``permit (principal, action, resource)`` holds in every set.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.model import Action, completing
from rule_of_two.policy import references
from rule_of_two.policy.proof.enumeration import cases, differences, enumerate_invariant, makes_three
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.trees import policy_trees

from .conftest import Authorize, LoadText

INVARIANT = shipped_policies() / "invariant" / "policies.cedar"


@pytest.mark.parametrize("action", Action)
def test_the_invariant_holds_in_every_case_beside_the_most_generous_permit(
    authorize: Authorize, now: datetime, action: Action
) -> None:
    assert len(set(cases())) == 2 * 2**8
    assert list(differences(authorize(), [action], now)) == []


def test_the_invariant_holds_with_the_default_set(authorize: Authorize, now: datetime) -> None:
    assert list(differences(authorize("", "default"), [Action.CALL_TOOL], now)) == []


def test_the_model_says_the_same_of_every_case() -> None:
    for case in cases():
        makes = not case.dropped and makes_three(case.held, case.labels)
        assert completing(case.held, case.labels, dropped=case.dropped) is makes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("!context.dropped &&", ""),
        ("!context.dropped", "context.dropped"),
        ("(context.held has A || context.labels.A)", "context.held has A"),
        ("(context.held has B || context.labels.B)", "context.labels.B"),
        ("(context.held has C || context.labels.C)", "true"),
        ("(context.held has C || context.labels.C)", "context.labels.C"),
        ("(context.labels.C ||", "(false ||"),
        ("(context.labels.C ||", "(true ||"),
        ("!(context.held has A && context.held has B && context.held has C)", "false"),
        ("!(context.held has A && context.held has B", "!(context.held has B"),
        ("unless { context.approved }", ""),
        ("unless { context.approved }", "unless { context.approved || context.labels.A }"),
        ("when { context.frozen }", "when { context.frozen } unless { context.approved }"),
        ("when { context.frozen }", "when { context.frozen && context.labels.C }"),
        ("context.dropped && context.labels.C", "context.dropped"),
        ("context.dropped && context.labels.C", "context.labels.C"),
        ("context.dropped && context.labels.C", "context.dropped && context.labels.C && !context.approved"),
        ('action in Gateway::Action::"use"', 'action == Gateway::Action::"call_tool"'),
        ('action in Gateway::Action::"use"', 'action in Gateway::Action::"receive"'),
        ('@code("session_frozen")', ""),
    ],
)
def test_a_mutant_of_the_invariant_is_caught(
    authorize: Authorize, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    shutil.copytree(shipped_policies(), tmp_path / "shipped")
    mutant = tmp_path / "shipped" / "invariant" / "policies.cedar"
    text = mutant.read_text(encoding="utf-8")
    assert old in text
    mutant.write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(references, "shipped", lambda _: tmp_path / "shipped")
    assert list(differences(authorize(), [Action.CALL_TOOL, Action.RECEIVE], now)) != []


def atoms(node: Any) -> Iterator[str]:
    """What an expression reads, when it is built of `&&`, `||`, `!`, `has` and attributes of the context only."""
    match node:
        case {"&&": {"left": left, "right": right}} | {"||": {"left": left, "right": right}}:
            yield from (*atoms(left), *atoms(right))
        case {"!": {"arg": arg}}:
            yield from atoms(arg)
        case {"has": {"left": left, "attr": attr}}:
            yield f"{''.join(atoms(left))} has {attr}"
        case {".": {"left": left, "attr": attr}}:
            yield f"{''.join(atoms(left))}.{attr}"
        case {"Var": "context"}:
            yield "context"
        case _:
            pytest.fail(f"the invariant reads {node}")


def test_the_invariant_reads_required_context_only_so_that_it_cannot_error() -> None:
    trees = policy_trees(INVARIANT.read_text(encoding="utf-8"))
    read = {atom for tree in trees for condition in tree["conditions"] for atom in atoms(condition["body"])}
    assert read == {
        *("context.approved", "context.dropped", "context.frozen"),
        *(f"context.labels.{label}" for label in "ABC"),
        *(f"context.held has {label}" for label in "ABC"),
    }
    for tree in trees:
        assert (tree["principal"], tree["resource"]) == ({"op": "All"}, {"op": "All"})
    lowering = {"op": "==", "entity": {"type": "Gateway::Action", "id": "lower_c"}}
    use = {"op": "in", "entity": {"type": "Gateway::Action", "id": "use"}}
    assert [tree["action"] for tree in trees] == [use, use, use, lowering]


def test_every_part_of_the_context_that_the_invariant_reads_is_required_by_the_schema() -> None:
    schema = (shipped_policies() / "rule-of-two.cedarschema").read_text(encoding="utf-8")
    for name in ("approved", "held", "labels", "dropped", "frozen"):
        assert re.search(rf"^\s+{name}: ", schema, re.MULTILINE)
    assert re.findall(r"^\s+([ABC]): Bool,", schema, re.MULTILINE) == ["A", "B", "C"]


def test_verification_enumerates_the_invariant_of_a_loaded_set_whatever_else_is_in_it(load_text: LoadText) -> None:
    policies = load_text('@id("own.stop") @message("No.") forbid (principal, action, resource);', "default")
    found = enumerate_invariant(policies, [Action.CALL_TOOL, Action.RECEIVE])
    assert (found.cases, list(found.differences)) == (2 * 512, [])
