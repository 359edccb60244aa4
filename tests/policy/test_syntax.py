"""One statement, checked; and which policies read the clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import Code, PolicyError
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.statements import Statement, split
from rule_of_two.policy.syntax import Grammar, nearest, policy_trees, reads

GRAMMAR = Grammar((shipped_policies() / "rule-of-two.cedarschema").read_text(encoding="utf-8"))
WORDS = [
    *("permit", "forbid", "(", ")", "principal", "action", "resource", ",", ";", "when", "unless", "{", "}"),
    *("@id", "@message", "@code", '("a.b")', '("x")', "context", ".", "now", "held", "has", "A", "==", "in", "&&"),
    *("if", "?", "?principal", 'Gateway::Action::"use"', '"', "\\", "//", "\n", "1", "true"),
]


def statement(text: str) -> Statement:
    return Statement(Path("own.cedar"), 3, 7, text)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text())
def test_any_text_is_a_policy_or_is_refused_with_file_and_line(text: str) -> None:
    for found in split(text, Path("own.cedar")):
        try:
            said = f"own.cedar:{GRAMMAR.parse(found).line}: "
        except PolicyError as error:
            said = str(error)
        assert said.startswith(f"own.cedar:{found.line}: ")


def test_a_policy_is_read_with_its_annotations() -> None:
    policy = GRAMMAR.parse(
        statement('@id("mail.stop") @message(" No mail. ") @code("withheld") forbid (principal, action, resource);')
    )
    assert (policy.id, policy.message, policy.code) == ("mail.stop", "No mail.", Code.WITHHELD)
    assert (policy.file, policy.line) == (Path("own.cedar"), 7)


def test_a_permit_needs_no_message_and_no_code() -> None:
    policy = GRAMMAR.parse(statement('@id("mail.go") permit (principal, action, resource);'))
    assert (policy.message, policy.code) == (None, None)


def test_layout_and_comments_do_not_change_a_policys_form_and_everything_else_does() -> None:
    texts = [
        '@id("a.a") @message("m") permit (principal, action, resource) when { context.now < datetime("2027-01-01") };',
        '@message("m")\n@id("a.a") permit(principal,action,resource)//x\nwhen{context["now"]<datetime("2027-01-01")};',
        '@id("a.a") @message("n") permit (principal, action, resource) when { context.now < datetime("2027-01-01") };',
        '@id("a.a") @message("m") permit (principal, action, resource) when { context.now < datetime("2027-01-02") };',
    ]
    first, same, *others = (GRAMMAR.parse(statement(text)).tree for text in texts)
    assert first == same
    assert len({first, *others}) == 3


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


@pytest.mark.parametrize(("word", "said"), [("frosen", "; did you mean 'frozen'?"), ("frozen", ""), ("zzz", "")])
def test_a_near_miss_is_suggested_and_a_known_word_is_not(word: str, said: str) -> None:
    assert nearest(word, ["frozen", "held"]) == said


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"the policy schema is not valid: .*; reinstall mcp-rule-of-two"):
        Grammar("entity")
