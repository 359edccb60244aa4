"""What the rooms say to each other: the rule itself, and the values around it."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import Code
from rule_of_two.model import (
    ALL,
    INGRESS,
    NONE,
    Action,
    Decision,
    Facts,
    Forced,
    Label,
    Labels,
    Outcome,
    SessionView,
    completing,
    label_text,
    labels_in,
)
from rule_of_two.records import replace

SUBSETS: list[Labels] = [
    frozenset(subset) for subset in chain.from_iterable(combinations(sorted(ALL), size) for size in range(4))
]
LABELS = st.frozensets(st.sampled_from(sorted(ALL)))
HELD: st.SearchStrategy[dict[Label, int]] = st.dictionaries(st.sampled_from(sorted(ALL)), st.integers(1, 9))

# DESIGN section 3, case by case: what was seen before, and each call that completes the set.
COMPLETING: dict[str, set[str]] = {
    "": {"ABC"},
    "A": {"BC", "ABC"},
    "B": {"AC", "ABC"},
    "C": {"AB", "ABC"},
    "AB": {"C", "AC", "BC", "ABC"},
    "AC": {"B", "AB", "BC", "ABC"},
    "BC": {"A", "AB", "AC", "ABC"},
    "ABC": {"C", "AC", "BC", "ABC"},
}


def spelled(labels: Labels) -> str:
    return "".join(sorted(labels))


@pytest.mark.parametrize("before", SUBSETS, ids=spelled)
@pytest.mark.parametrize("call", SUBSETS, ids=spelled)
def test_a_call_completes_the_set_exactly_as_the_design_lists(before: Labels, call: Labels) -> None:
    assert completing(before, call) is (spelled(call) in COMPLETING[spelled(before)])


@pytest.mark.parametrize("before", SUBSETS, ids=spelled)
@pytest.mark.parametrize("call", SUBSETS, ids=spelled)
def test_with_c_dropped_no_call_completes_the_set(before: Labels, call: Labels) -> None:
    assert completing(before, call, dropped=True) is False


@given(LABELS, LABELS, LABELS)
def test_a_call_that_carries_more_labels_completes_whatever_it_completed_with_fewer(
    before: Labels, call: Labels, more: Labels
) -> None:
    assert completing(before, call | more) >= completing(before, call)


def test_what_reaches_the_context_never_brings_c_which_is_an_act() -> None:
    assert {"A", "B"} == INGRESS
    assert not completing(NONE, INGRESS)


@pytest.mark.parametrize(("labels", "text"), [(NONE, "none"), (frozenset(("C", "A")), "[A][C]"), (ALL, "[A][B][C]")])
def test_labels_are_shown_in_order(labels: Labels, text: str) -> None:
    assert label_text(labels) == text


def test_held_labels_are_shown_without_their_numbers() -> None:
    assert label_text({"B": 7, "A": 9}) == "[A][B]"


def test_a_tool_is_named_after_its_upstream() -> None:
    assert Facts(Action.CALL_TOOL, "files", "read", NONE).qualified == "files__read"


@given(HELD, HELD)
def test_a_new_call_is_checked_against_what_is_held_and_what_is_reserved(
    held: dict[Label, int], reserved: dict[Label, int]
) -> None:
    after = SessionView("s", held, reserved).after
    assert after.keys() == held.keys() | reserved.keys()
    assert all(after[label] == min(d[label] for d in (held, reserved) if label in d) for label in after)


def test_looking_at_a_session_changes_nothing_in_it() -> None:
    held: dict[Label, int] = {"A": 1}
    reserved: dict[Label, int] = {"B": 2}
    SessionView("s", held, reserved).after.clear()
    assert (held, reserved) == ({"A": 1}, {"B": 2})


def test_facts_are_frozen() -> None:
    facts = Facts(Action.CALL_TOOL, "files", "read", NONE)
    with pytest.raises(AttributeError):
        facts.labels = ALL  # type: ignore[misc]  # the point of the test


def test_a_decision_is_named_by_its_number_in_the_journal() -> None:
    decision = Decision(12, Outcome.DENY, Code.SESSION_FROZEN, "s", {"B": 2, "A": 1}, frozenset(("C", "B")), ("r2.x",))
    assert decision.id == "d12"
    assert decision.as_meta() == {
        "id": "d12",
        "outcome": "deny",
        "code": "session_frozen",
        "session": "s",
        "held": ["A", "B"],
        "adds": ["B", "C"],
        "policies": ["r2.x"],
        "purpose": "general",
        "configuration": ["A", "B", "C"],
    }


def test_a_decision_that_was_not_journalled_has_no_name_and_still_says_what_it_is() -> None:
    decision = Decision(None, Outcome.ASK, None, "s", {}, NONE, (), ticket="t1")
    assert decision.id is None
    assert decision.as_meta() == {
        "id": None,
        "outcome": "ask",
        "code": None,
        "session": "s",
        "held": [],
        "adds": [],
        "policies": [],
        "purpose": "general",
        "configuration": ["A", "B", "C"],
        "ticket": "t1",
    }


def test_what_was_forced_is_told_by_place_and_policy_and_without_its_value() -> None:
    decision = Decision(1, Outcome.ALLOW, None, "s", {}, NONE, (), forced=(Forced("/tenant", "acme", "own.a"),))
    assert decision.as_meta()["forced"] == [{"pointer": "/tenant", "by": "own.a"}]


def test_a_decision_that_was_only_observed_says_so() -> None:
    decision = Decision(3, Outcome.DENY, Code.DENIED_BY_POLICY, "s", {}, NONE, ("own.stop",))
    assert "observed" not in decision.as_meta()
    assert replace(decision, observed=True).as_meta() == {**decision.as_meta(), "observed": True}


def test_a_decision_of_observe_mode_says_so_whatever_became_of_it() -> None:
    decision = Decision(3, Outcome.ALLOW, None, "s", {}, NONE, ())
    assert "mode" not in decision.as_meta()
    assert replace(decision, observing=True).as_meta() == {**decision.as_meta(), "mode": "observe"}


def test_labels_are_read_from_letters_and_nothing_else() -> None:
    assert labels_in("CAx") == frozenset(("A", "C"))
    assert labels_in("") == NONE
    assert labels_in(label for label in "AB") == frozenset(("A", "B"))


def test_a_session_is_judged_by_itself_or_by_those_beside_it() -> None:
    one, two = SessionView("one"), SessionView("two")
    assert one.judged == (one,)
    assert replace(one, beside=(one, two)).judged == (one, two)


def test_private_data_is_joined_again_while_it_can_take_a_reader_away() -> None:
    session = SessionView("s", {"A": 1, "B": 2}, {"C": 3})
    assert session.has(labels_in("AB"))
    assert not session.has(labels_in("C"))
    watched = replace(session, readers=frozenset(("ann",)), keeps_readers=True)
    assert watched.has(labels_in("A"))
    assert not watched.has(labels_in("B"))
