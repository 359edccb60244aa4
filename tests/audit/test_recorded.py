"""Entries of every version, and of nobody's, are read or left out; none breaks the reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.audit.recorded import Reached, recorded
from rule_of_two.model import Outcome
from rule_of_two.records import replace
from rule_of_two.store.journal import Entry
from tests.audit.recordings import Tape

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = (
    *("action", "upstream", "name", "outcome", "labels", "held", "reserved", "dropped"),
    *("targets", "policies", "manifest", "observed", "approves", "beside"),
)


def _entry(**more: Any) -> Entry:
    tape = Tape()
    tape.add("files__read", "A", targets={"path": "/srv/x"})
    (entry,) = tape.entries
    return replace(entry, body={**entry.body, **more})


def test_a_decision_is_read_whole() -> None:
    call = recorded(_entry(held={"B": 4}, reserved={"B": 9, "C": 7}, observed=True, outcome="ask"))
    assert call is not None
    assert (call.qualified, call.labels, call.outcome) == ("files__read", frozenset("A"), Outcome.ASK)
    assert call.before == {"B": 4, "C": 7}
    assert call.targets == (Reached("path", "/srv/x", exact=True),)
    assert (call.completes, call.questioned, call.passed, call.again, call.unasked) == (True, True, True, False, False)


@pytest.mark.parametrize(
    ("beside", "completes"),
    [
        ([["BC", False], ["A", False]], True),
        ([["BC", True], ["B", False]], False),
        ([["B", False], ["C", False]], False),
        ([], True),
        ([["B"], 7], False),
    ],
)
def test_a_call_that_several_sessions_judged_completes_what_one_of_them_holds(beside: Any, completes: bool) -> None:
    """What they hold together is nobody's. An unreadable one held everything, where only C completes."""
    call = recorded(_entry(held={"B": 4, "C": 5}, beside=beside))
    assert call is not None
    assert call.completes is completes


@pytest.mark.parametrize(
    ("manifest", "expected"), [({"manifest": "fs"}, ("fs", False)), ({"manifest": None}, (None, True))]
)
def test_whether_a_manifest_named_it(manifest: dict[str, Any], expected: tuple[str | None, bool]) -> None:
    call = recorded(_entry(**manifest))
    assert call is not None
    assert (call.manifest, call.unnamed) == expected


def test_an_older_entry_says_neither() -> None:
    entry = _entry()
    del entry.body["manifest"]
    call = recorded(entry)
    assert call is not None
    assert (call.manifest, call.unnamed) == (None, False)


def test_the_same_call_decided_again_is_no_question_of_its_own() -> None:
    call = recorded(_entry(outcome="ask", approves=3))
    assert call is not None
    assert (call.again, call.questioned) == (True, False)


@pytest.mark.parametrize(
    ("policies", "alone"),
    [
        (["r2.ask-third-label"], True),
        (["default.deny-nobody-to-ask", "r2.ask-third-label"], True),
        ([], True),
        (["own.no-mail", "r2.ask-third-label"], False),
    ],
)
def test_whether_the_set_is_the_only_reason(policies: list[str], alone: bool) -> None:
    call = recorded(_entry(labels=["A", "B", "C"], outcome="ask", policies=policies))
    assert call is not None
    assert call.by_third_label is alone


@pytest.mark.parametrize("member", ["upstream", "name", "labels", "outcome"])
def test_without_what_it_is_about_an_entry_says_nothing(member: str) -> None:
    entry = _entry()
    del entry.body[member]
    assert recorded(entry) is None


def test_nothing_but_a_decision_is_a_call() -> None:
    assert recorded(replace(_entry(), kind="outcome")) is None
    assert recorded(replace(_entry(), session=None)) is None


@pytest.mark.parametrize("at", ["", "yesterday", "2026-13-01"])
def test_a_time_that_cannot_be_read_is_none(at: str) -> None:
    call = recorded(replace(_entry(), at=at))
    assert call is not None
    assert call.at is None


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(MEMBERS, ANYTHING)))
def test_no_entry_breaks_the_reading(body: dict[str, Any]) -> None:
    call = recorded(_entry(**body))
    assert call is None or (call.labels <= frozenset("ABC") and isinstance(call.completes, bool))


@given(ANYTHING)
def test_no_body_breaks_the_reading(body: Any) -> None:
    assert recorded(replace(_entry(), body=body)) is None
