"""One statement, checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import Code, PolicyError
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.statements import Statement, split
from rule_of_two.policy.syntax import Grammar

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


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"the policy schema is not valid: .*; reinstall mcp-rule-of-two"):
        Grammar("entity")
