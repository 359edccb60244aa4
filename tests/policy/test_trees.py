"""What stands in a policy in Cedar's JSON form, and which policies read the clock and addresses."""

from __future__ import annotations

import pytest

from rule_of_two.policy.trees import actions_of, context_reads, policy_trees, reads


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("context.labels.A", False),
        ("context.held has A && context.held.A > 3", False),
        ('context["labels"]["A"]', False),
        ('"context.now" like "*now"', False),
        ('{now: 1}.now == 1 && {"Var": "context"}.Var == "context"', False),
        ("principal.interactive", False),
        ('context.now < datetime("2027-01-01")', True),
        ('context["now"] < datetime("2027-01-01")', True),
        ('context.now.toTime() < duration("7h")', True),
        ("context has now", True),
        ('[datetime("2027-01-01")].contains(context.now)', True),
        ('(if context.frozen then context else context).now < datetime("2027-01-01")', True),
        ("context == context", True),
        ("{x: context}.x.frozen", True),
        ('{left: context, attr: "x"}.left.now < datetime("2027-01-01")', True),
    ],
)
def test_what_reads_the_clock_is_found_and_doubt_counts_as_reading(condition: str, found: bool) -> None:
    for clause in ("when", "unless"):
        (tree,) = policy_trees(f"permit (principal, action, resource) when {{ true }} {clause} {{ {condition} }};")
        assert reads(tree, "now") is found


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("context.labels.A", False),
        ("context.target.complete && context.target.urls.isEmpty()", False),
        ("context.target has amount", False),
        ('"context.target.given" like "*given"', False),
        ("{given: 1}.given == 1", False),
        ("principal.interactive", False),
        ("context.target.given", True),
        ('context["target"]["given"]', True),
        ("!(context.target.given && context.frozen)", True),
        ("context.target has given", True),
        ("context has target", True),
        ("[context.target].containsAny([context.target])", True),
        ("(if context.frozen then context.target else context.target).given", True),
        ("(if context.frozen then context else context).target.given", True),
        ("context == context", True),
        ("{x: context.target}.x.given", True),
    ],
)
def test_what_reads_a_member_of_a_record_is_found(condition: str, *, found: bool) -> None:
    (tree,) = policy_trees(f"permit (principal, action, resource) unless {{ {condition} }};")
    assert reads(tree, "target", "given") is found


def test_trees_come_in_the_order_of_the_text_beyond_ten() -> None:
    text = "\n".join(f'@id("a.n{number}") permit (principal, action, resource);' for number in range(25))
    assert [tree["annotations"]["id"] for tree in policy_trees(text)] == [f"a.n{number}" for number in range(25)]


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("action", set()),
        ('action == Gateway::Action::"call_tool"', {"call_tool"}),
        ('action in Gateway::Action::"use"', {"use"}),
        ('action in [Gateway::Action::"a__b", Gateway::Action::"a__c"]', {"a__b", "a__c"}),
    ],
)
def test_the_actions_of_a_head_are_those_that_it_names(head: str, names: set[str]) -> None:
    (tree,) = policy_trees(f"permit (principal, {head}, resource);")
    assert actions_of(tree) == names


def test_what_is_read_of_the_context_has_whole_paths_and_an_empty_one_for_all_of_it() -> None:
    text = "context.input has limit && context.held has A && (if context.frozen then context else context) == context"
    (tree,) = policy_trees(f"permit (principal, action, resource) when {{ {text} }};")
    assert context_reads(tree) == {("input", "limit"), ("held", "A"), ("frozen",), ()}
