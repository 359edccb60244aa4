"""The diff of two definitions leaves nothing out, and says in words what a person must know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from rule_of_two.approvals.definition_diff import differences, summary
from rule_of_two.definition_digest import definition_digest
from tests.gateway.test_definitions import JSON


def said(old: Any, new: Any) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.where, one.says, one.old, one.new) for one in differences(old, new)]


@given(JSON, JSON)
def test_definitions_that_differ_have_a_difference(old: Any, new: Any) -> None:
    try:
        same = definition_digest([old]) == definition_digest([new])
    except ValueError:  # no definition: nothing that could be pinned
        return
    if not same:
        assert differences([old], [new])
        assert differences({"x": old}, {"x": new})


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({"properties": {}}, {"properties": {"bcc": {}}}, ("/properties/bcc", "property added", None, "{}")),
        ({"properties": {"a/b": 1}}, {"properties": {}}, ("/properties/a~1b", "property removed", "1", None)),
        ({"type": "string"}, {"type": "object"}, ("/type", "changed", "string", "object")),
        ({"type": ["a"]}, {"type": ["a", "b"]}, ("/type", "is a type of it now", None, "b")),
        ({"required": ["a"]}, {"required": []}, ("/required", "is no longer required", "a", None)),
        ({"required": []}, {"required": ["a"]}, ("/required", "is required now", None, "a")),
        ({"enum": [1]}, {"enum": ["1"]}, ("/enum", "is an allowed value now", None, "1")),
        ({"enum": [1, 2]}, {"enum": [2, 1]}, ("/enum", "is in another order", "[1, 2]", "[2, 1]")),
        ({"x": 1}, {"x": True}, ("/x", "changed", "1", "true")),
        (
            {"annotations": {"readOnlyHint": True}},
            {"annotations": {"readOnlyHint": False}},
            (
                "/annotations/readOnlyHint",
                "changed from true to false: it says that it changes things",
                "true",
                "false",
            ),
        ),
        (
            {"annotations": {"destructiveHint": True}},
            {"annotations": {}},
            (
                "/annotations/destructiveHint",
                "removed: it no longer says so (it says that it may destroy things)",
                "true",
                None,
            ),
        ),
    ],
)  # fmt: skip
def test_each_change_is_said_where_it_is(old: Any, new: Any, change: Any) -> None:
    assert said(old, new)[0] == change


def test_a_long_text_is_compared_word_by_word() -> None:
    (one,) = differences({"description": "a " * 40}, {"description": "a " * 40 + "evil"})
    assert (one.says, one.pieces[-1].text) == ("changed (+1 -0 words)", "evil")
    assert one.as_facts()["words"][-1] == {"part": "new", "text": "evil"}


def test_all_of_a_new_definition_and_of_one_that_is_gone_is_shown() -> None:
    body = {"name": "x", "inputSchema": {"type": "object"}}
    assert [one.new for one in differences(None, body)] == ["x", '{"type": "object"}']
    assert [one.old for one in differences(body, None)] == ["x", '{"type": "object"}']


def test_nesting_without_end_is_compared_as_text() -> None:
    def nested(leaf: str) -> Any:
        value: Any = leaf
        for _ in range(100):
            value = [value]
        return value

    (one,) = differences({"x": nested("a")}, {"x": nested("b")})
    assert one.old is not None
    assert '"a"' in one.old


def test_a_summary_is_short() -> None:
    found = differences({str(number): 1 for number in range(9)}, {})
    assert summary(found).endswith("; and 5 more")
