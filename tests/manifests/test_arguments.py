"""Reading values: canonical form, exactness, and what a human is shown."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.manifests.arguments import ABSENT, Slot, SlotTable, Value
from rule_of_two.manifests.pointer import Pointer


def read(kind: str | None, pointer: str, arguments: dict[str, Any]) -> tuple[Value, ...]:
    return Slot(kind, Pointer.parse(pointer)).read(arguments)


def test_a_target_is_normalised_and_says_whether_it_was_canonical() -> None:
    assert read("url", "/url", {"url": "https://good.example/x"}) == (
        Value("https://good.example/x", "good.example", exact=True),
    )
    assert read("url", "/url", {"url": "https://GOOD.example/x"}) == (
        Value("https://GOOD.example/x", "good.example", exact=False),
    )


@pytest.mark.parametrize("raw", [None, 3, ["https://good.example"], {"x": 1}, "https://a@b", "https://["])
def test_a_target_that_cannot_be_parsed_has_no_canonical_form(raw: Any) -> None:
    assert read("url", "/url", {"url": raw}) == (Value(raw, None, exact=False),)


def test_a_missing_target_is_absent_and_an_empty_array_has_no_values() -> None:
    assert read("url", "/url", {}) == (ABSENT,)
    assert read("recipient", "/to/*", {"to": []}) == ()
    assert read("recipient", "/to/*", {"to": "a@good.example"}) == (Value("a@good.example", None, exact=False),)


@pytest.mark.parametrize(
    ("raw", "canonical", "exact"),
    [
        ("inbox", "inbox", True),
        (7, "7", False),
        (True, None, False),
        (10**30, None, False),
        ("", None, False),
        ([], None, False),
    ],
)
def test_another_kind_of_resource_is_named_by_text_or_number(raw: Any, canonical: str | None, exact: bool) -> None:
    assert read("mailbox", "/m", {"m": raw}) == (Value(raw, canonical, exact=exact),)
    assert read("mailbox", "/m/*", {"m": "x"}) == (Value("x", None, exact=False),)
    assert read("mailbox", "/m", {}) == (ABSENT,)


def test_an_argument_that_rules_compare_as_it_is_must_be_a_scalar() -> None:
    for scalar in ("a", None, True, 7, 1.5):
        assert read(None, "/x", {"x": scalar}) == (Value(scalar, None, exact=True),)
    for other in ([], ["a"], {"a": 1}, 10**30):
        assert read(None, "/x", {"x": other}) == (Value(other, None, exact=False),)
    assert read(None, "/x/*", {"x": ["a", []]}) == (Value("a", None, exact=True), Value([], None, exact=False))
    assert read(None, "/x/y", {"x": "a"}) == (Value("a", None, exact=False),)
    assert read(None, "/x", {}) == (ABSENT,)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("é\n", "é\n"),
        (3, "3"),
        (12.5, "12.5"),
        (True, "true"),
        (None, "null"),
        (["é", 1], '["é", 1]'),
        ({"a": {}}, '{"a": {}}'),
    ],
)
def test_a_value_is_shown_whole(raw: Any, shown: str) -> None:
    assert Value(raw, None, exact=False).shown == shown


def test_a_value_that_cannot_be_written_is_shown_as_that() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for raw in (deep, 10**5000, {1: object()}):
        assert Value(raw, None, exact=False).shown == "(a value that cannot be written as JSON)"
    while deep:
        deep = deep.pop()


def test_nothing_is_shown_of_what_is_absent() -> None:
    assert ABSENT.shown == ""


def test_each_place_is_read_once_however_many_refer_to_it() -> None:
    table = SlotTable()
    assert [table.place("path", "/p"), table.place("path", Pointer.of("p")), table.place(None, "/p")] == [0, 0, 1]
    assert table.slots == [Slot("path", Pointer.parse("/p")), Slot(None, Pointer.parse("/p"))]
