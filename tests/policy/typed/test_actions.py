"""Policies that read a tool's arguments by its pinned definition: what they decide, and what is denied meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.errors import Code, PolicyError
from rule_of_two.model import Action, Facts, Outcome, Principal, SessionView, Verdict, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.typed.actions import problems_of
from rule_of_two.policy.typed.definitions import ToolDefinition, generator

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
VIEW = SessionView("s-1")
PERMIT = '@id("own.permit") permit (principal, action in Gateway::Action::"use", resource);\n'
STATUS = 'Gateway::Action::"git__git_status"'
SECRET = f"""@id("own.no-secret")
@message("Not there.")
forbid (principal, action == {STATUS}, resource)
when {{ context.input.repo_path like "*secret*" }};
"""


def git(**properties: Any) -> ToolDefinition:
    required = ["repo_path"] if "repo_path" in properties else []
    schema = {"type": "object", "properties": properties, "required": required}
    return ToolDefinition("git", "git_status", "sha", schema)


STRING = {"type": "string"}
GIT = git(
    repo_path=STRING, depth={"type": "integer"}, ratio={"type": "number"}, note={"anyOf": [STRING, {"type": "null"}]}
)


class Loaded:
    def __init__(self, folder: Path, text: str, tools: Sequence[ToolDefinition] | None) -> None:
        (folder / "own.cedar").write_text(PERMIT + text, encoding="utf-8")
        self.policies: Policies = load_policies(["own.cedar"], relative_to=folder, tools=tools)
        self.authorizer = Authorizer(self.policies, Principal(), "generic")

    def decide(self, tool: str = "git_status", server: str = "git", labels: str = "B", **arguments: Any) -> Verdict:
        facts = Facts(Action.CALL_TOOL, server, tool, labels_in(labels), arguments=arguments)
        return self.authorizer.decide(facts, VIEW, now=NOW)


def test_a_policy_reads_an_argument(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET, [GIT])
    assert loaded.decide(repo_path="/srv/open").outcome is Outcome.ALLOW
    denied = loaded.decide(repo_path="/srv/secret")
    assert (denied.outcome, denied.policies) == (Outcome.DENY, ("own.no-secret",))


def test_general_policies_and_the_invariant_hold_for_a_tool_with_an_action_of_its_own(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET, [GIT])
    facts = Facts(Action.CALL_TOOL, "git", "git_status", labels_in("ABC"), arguments={"repo_path": "x"})
    assert loaded.authorizer.decide(facts, VIEW, now=NOW).policies == ("r2.ask-third-label",)
    frozen = SessionView("s-1", frozen=True)
    facts = Facts(Action.CALL_TOOL, "git", "git_status", labels_in("A"), arguments={"repo_path": "x"})
    assert loaded.authorizer.decide(facts, frozen, now=NOW).code is Code.SESSION_FROZEN


def test_two_calls_that_differ_in_what_is_read_are_two_decisions(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET, [GIT])
    first = loaded.decide(repo_path="a")
    assert loaded.decide(repo_path="a", depth=7) is first  # nobody reads it
    assert loaded.decide(repo_path="b") is not first


def test_a_typo_is_told_with_file_line_and_the_nearest_name_and_denies_that_tool_alone(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET.replace("repo_path", "repo_pth"), [GIT, ToolDefinition("git", "log", "x", {})])
    (problem,) = problems_of(loaded.policies.typed.values())
    assert problem.startswith(
        f"{tmp_path}/own.cedar:2: @id 'own.no-secret': 'git__git_status' has no argument 'repo_pth'"
    )
    assert problem.endswith("did you mean 'repo_path'?")
    denied = loaded.decide(repo_path="a")
    assert (denied.outcome, denied.code, denied.policies) == (Outcome.DENY, Code.POLICY_ERROR, ("own.no-secret",))
    assert denied.errors == (problem,)
    assert loaded.decide("log").outcome is Outcome.ALLOW
    assert "own.no-secret" not in loaded.policies.by_id


@pytest.mark.parametrize(
    ("condition", "nearest"),
    [
        ('context.input has repo_pth && context.input.repo_pth == "x"', "'repo_pth'; did you mean 'repo_path'?"),
        ("!(context.input has dept)", "'dept'; did you mean 'depth'?"),
        ("context.input has inner && context.input.inner has nmae", "'inner.nmae'; did you mean 'name'?"),
        ("context.input has either && context.input.either has typeChoice2", "'either.typeChoice2'; did you mean"),
        ("(if context.approved then context.input else context.input) has repo_pth", None),
    ],
)
def test_a_typo_is_found_where_cedar_would_only_find_that_it_is_never_there(
    tmp_path: Path, condition: str, nearest: str | None
) -> None:
    tool = git(
        repo_path=STRING,
        depth={"type": "integer"},
        inner={"type": "object", "properties": {"name": STRING}},
        either={"anyOf": [STRING, {"type": "integer"}]},
    )
    text = f'@id("own.a") @message("m") forbid (principal, action == {STATUS}, resource) when {{ {condition} }};'
    problems = problems_of(Loaded(tmp_path, text, [tool]).policies.typed.values())
    assert [nearest in problem for problem in problems] == [True] if nearest else problems == []


def test_a_tool_that_is_not_pinned_is_denied_until_it_is(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET, [])
    (problem,) = problems_of(loaded.policies.typed.values())
    assert "'git__git_status' has no action: no pinned tool is called so" in problem
    assert loaded.decide(repo_path="a").code is Code.POLICY_ERROR
    other = Loaded(tmp_path, SECRET.replace("git_status", "git_statuz"), [GIT])
    assert "did you mean 'git__git_status'?" in problems_of(other.policies.typed.values())[0]


def test_a_definition_that_changed_is_what_policies_are_checked_by(tmp_path: Path) -> None:
    before = Loaded(tmp_path, SECRET, [GIT])
    after = Loaded(tmp_path, SECRET, [git(path=STRING)])
    assert not problems_of(before.policies.typed.values())
    assert problems_of(after.policies.typed.values())
    assert before.policies.version == after.policies.version  # that of what the operator wrote


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({}, "/repo_path"),
        ({"repo_path": None}, "/repo_path"),
        ({"repo_path": 7}, "/repo_path"),
        ({"repo_path": "a", "depth": 2**63}, "/depth"),
        ({"repo_path": "a", "depth": True}, "/depth"),
        ({"repo_path": "a", "depth": "7"}, "/depth"),
        ({"repo_path": "a", "ratio": 0.00001}, "/ratio"),
        ({"repo_path": "a", "ratio": 1e300}, "/ratio"),
        ({"repo_path": "a", "note": 7}, "/note"),
        ({"repo_path": "\ud800"}, "/repo_path"),
    ],
)
def test_what_cedar_cannot_hold_is_a_denial_that_names_it_where_a_policy_reads_it(
    tmp_path: Path, arguments: dict[str, Any], pointer: str
) -> None:
    reads = (
        f'@id("own.all") @message("m") forbid (principal, action == {STATUS}, resource) when {{\n'
        'context.input.repo_path == "x" || (context.input has depth && context.input.depth > 100) ||\n'
        '(context.input has ratio && context.input.ratio.greaterThan(decimal("0.5"))) ||\n'
        '(context.input has note && context.input.note == "x") };\n'
    )
    denied = Loaded(tmp_path, reads, [GIT]).decide(**arguments)
    assert (denied.outcome, denied.code) == (Outcome.DENY, Code.POLICY_ERROR)
    assert f"the argument '{pointer}'" in denied.messages[0]


def test_what_no_policy_reads_may_be_anything(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET, [GIT])
    assert loaded.decide(repo_path="a", depth=2**63, ratio=1e300, note=[], other={"x": None}).outcome is Outcome.ALLOW


def test_null_is_as_if_nothing_stood_there(tmp_path: Path) -> None:
    text = (
        f'@id("own.note") @message("m") forbid (principal, action == {STATUS}, resource)\n'
        "when { context.input has note };\n"
    )
    loaded = Loaded(tmp_path, text, [GIT])
    assert loaded.decide(note=None).outcome is Outcome.ALLOW
    assert loaded.decide(note="x").outcome is Outcome.DENY


def test_an_entity_in_the_arguments_stays_text(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path, SECRET, [GIT])
    forged = {"__entity": {"type": "Gateway::User", "id": "root"}}
    assert loaded.decide(repo_path=forged).code is Code.POLICY_ERROR


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            (
                '@id("own.a") @message("m") forbid (principal, action in Gateway::Action::"use", resource)\n'
                'when { context has input && context.input.repo_path == "x" };'
            ),
            "context.input is one tool's; name its action in the head",
        ),
        (
            f'@id("own.a") permit (principal, action in [Gateway::Action::"call_tool", {STATUS}], resource);',
            "names actions of tools and others in one head; write a policy for each",
        ),
        (f'@id("own.a") @message("m") forbid (principal, action == {STATUS}, resource) when {{ context. }};', "Cedar"),
        ("permit (principal, action, resource);", "has no @id"),
    ],
)
def test_what_no_definition_can_make_right_is_refused_at_once(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        Loaded(tmp_path, text, [GIT])


def test_a_policy_about_two_tools_is_checked_against_both(tmp_path: Path) -> None:
    other = ToolDefinition("git", "git_log", "x", {"type": "object", "properties": {"path": STRING}})
    text = SECRET.replace(f"action == {STATUS}", f'action in [{STATUS}, Gateway::Action::"git__git_log"]')
    loaded = Loaded(tmp_path, text, [GIT, other])
    assert loaded.decide(repo_path="a").code is Code.POLICY_ERROR
    assert loaded.decide("git_log").code is Code.POLICY_ERROR


def test_obligations_may_stand_on_a_tools_own_permit(tmp_path: Path) -> None:
    text = f'@id("own.depth") @cap("/depth <= 5") permit (principal, action == {STATUS}, resource);'
    verdict = Loaded(tmp_path, text, [GIT]).decide(repo_path="a")
    assert [one.by for one in verdict.obligations] == ["own.depth"]


def test_without_typed_arguments_a_tools_action_is_no_action(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="unrecognized action"):
        Loaded(tmp_path, SECRET, None)


def test_without_the_generator_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cedar_mcp_schema_generator", None)
    with pytest.raises(PolicyError, match=r"install 'mcp-rule-of-two\[typed\]', or set typed_arguments to false"):
        generator()


def test_a_call_that_was_taken_in_without_its_arguments_is_denied_by_policies_that_read_them(tmp_path: Path) -> None:
    """A forbid that asks with ``has`` would not hold of a call of which nobody kept what the model wrote."""
    text = SECRET.replace("context.input.repo_path like", "context.input has note && context.input.note like")
    loaded = Loaded(tmp_path, text, [git(note=STRING)])
    verdict = loaded.authorizer.decide(Facts(Action.CALL_TOOL, "git", "git_status", labels_in("B")), VIEW, now=NOW)
    assert (verdict.outcome, verdict.code) == (Outcome.DENY, Code.POLICY_ERROR)
