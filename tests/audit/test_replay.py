"""The replay: without a change every recorded question comes, and a change takes away what it says and no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.audit.recorded import Recorded
from rule_of_two.audit.replay import Replay, WhatIf, effects
from rule_of_two.model import ALL, NONE, Labels
from rule_of_two.records import replace
from tests.audit.recordings import Tape


def _questions(tape: Tape, what_if: WhatIf) -> list[int]:
    replay = Replay(what_if)
    return [call.number for call in tape.calls() if replay.questions(call)]


def _without(label: str, name: str) -> WhatIf:
    def labels(call: Recorded) -> Labels:
        return call.labels - {label} if call.name == name else call.labels

    return WhatIf(labels=labels)


@given(st.lists(st.tuples(st.sampled_from("st"), st.sampled_from(["", "A", "B", "C", "AB", "AC", "BC", "ABC"]))))
def test_without_a_change_exactly_the_recorded_questions_come(work: list[tuple[str, str]]) -> None:
    tape = Tape()
    for session, labels in work:
        tape.add("files__any", labels, session=session)
    assert _questions(tape, WhatIf()) == [call.number for call in tape.calls() if call.questioned]


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["", "A", "B", "C", "AB", "AC", "BC", "ABC"]))),
    st.sampled_from("ABC"),
)
def test_a_label_less_asks_what_a_journal_without_it_would_have_asked(work: list[tuple[str, str]], label: str) -> None:
    """Observe mode lets everything pass, so the replay can be held against the journal of another world."""
    tape, other = Tape(), Tape()
    for name, labels in work:
        tape.add(f"files__{name}", labels)
        other.add(f"files__{name}", labels.replace(label, "") if name == "x" else labels)
    assert _questions(tape, _without(label, "x")) == [call.number for call in other.calls() if call.questioned]


def test_another_call_that_brought_the_same_label_keeps_it() -> None:
    tape = Tape()
    tape.add("files__read", "A")
    tape.add("web__get", "A")
    tape.add("files__private", "B")
    asked = tape.add("mail__send", "C")
    assert _questions(tape, _without("A", "read")) == [asked]
    assert _questions(tape, _without("B", "private")) == []


def test_a_change_can_add_no_label() -> None:
    tape = Tape()
    tape.add("files__read", "A")
    tape.add("mail__send", "C")
    assert _questions(tape, WhatIf(labels=lambda call: ALL)) == []


def test_what_was_held_before_the_first_call_stays() -> None:
    tape = Tape()
    tape.held["s"] = {"A": 0}
    tape.add("files__private", "B")
    asked = tape.add("mail__send", "C")
    assert _questions(tape, WhatIf(labels=lambda call: call.labels - {"A"})) == [asked]
    tape.held["t"] = {"A": 1}  # by a call that is not this session's here
    later = tape.add("files__write", "BC", session="t")
    assert later in _questions(tape, WhatIf(labels=lambda call: call.labels - {"A"}))


def test_a_call_that_was_stopped_joins_once_it_is_not_asked_about() -> None:
    """Enforce mode: nobody answered. Had the call not been asked about, it would have been sent, and brought its C."""
    tape = Tape()
    tape.add("files__read", "A")
    tape.add("files__private", "B")
    tape.add("mail__send", "C", observed=False, passes=False)
    tape.add("files__private", "B")
    again = tape.add("web__get", "A")
    assert _questions(tape, _without("A", "read")) == [again]


def test_a_call_that_never_was_sent_brought_nothing() -> None:
    tape = Tape()
    tape.add("files__read", "A", passes=False)  # allowed, and then its server was not there
    tape.add("files__private", "B")
    tape.add("mail__send", "C")
    assert _questions(tape, WhatIf()) == []


def test_what_could_not_be_carried_out_is_no_question() -> None:
    tape = Tape()
    tape.add("files__any", "ABC", outcome="deny", policies=[], code="unknown_tool", observed=False, passes=False)
    assert _questions(tape, WhatIf()) == []


def test_a_pause_begins_a_session_that_holds_what_the_operator_declared() -> None:
    def tape(ambient: dict[str, int]) -> Tape:
        one = Tape()
        one.held["s"] = ambient
        one.add("files__read", "A")
        one.add("files__private", "B")
        one.minutes = 31
        one.add("mail__send", "C")
        return one

    pause = WhatIf(new_session_after=timedelta(minutes=30))
    assert _questions(tape({}), pause) == []
    assert _questions(tape({}), WhatIf(new_session_after=timedelta(minutes=31))) == [3]
    assert _questions(tape({"A": 0, "B": 0}), pause) == [3]
    replay = Replay(pause)
    for call in tape({}).calls():
        replay.questions(replace(call, at=None))
    assert replay.renewals == 0


def test_with_c_dropped_reads_are_not_asked_and_acts_are_denied() -> None:
    tape = Tape()
    tape.add("mail__send", "C")
    tape.add("files__read", "A")
    asked = tape.add("files__private", "B")
    assert _questions(tape, WhatIf()) == [asked]
    assert _questions(tape, WhatIf(drops={"s": 1})) == []
    act = tape.add("mail__send", "C")
    assert _questions(tape, WhatIf(drops={"s": 1})) == [act]


@pytest.mark.parametrize(("held", "asks"), [({}, False), ({"A": 0, "B": 0}, True)])
def test_a_further_set_permits_what_none_permitted_but_for_the_invariant(held: dict[str, int], asks: bool) -> None:
    tape = Tape()
    tape.held["s"] = held
    denied: dict[str, Any] = {"outcome": "deny", "policies": ["default.deny"], "observed": True}
    tape.add("files__any", "C", action="sample", **denied)
    assert _questions(tape, WhatIf()) == [1]
    assert _questions(tape, WhatIf(permits=lambda call: call.action == "sample")) == ([1] if asks else [])


def test_effects_credit_each_cause_and_count_what_would_come_instead() -> None:
    tape = Tape()
    tape.add("files__read", "A")
    tape.add("files__private", "B")
    tape.add("mail__send", "C", observed=False, passes=False)
    tape.add("files__private", "B")
    tape.add("web__get", "A")
    nothing, less = effects(tape.entries, [WhatIf(), _without("A", "read")], tape.find)
    assert (nothing.saved, nothing.more) == ({}, 0)
    assert (list(less.saved.values()), less.more) == ([1], 1)


def test_nothing_is_credited_for_a_question_that_the_journal_does_not_explain() -> None:
    """A question whose session held nothing: cut off, or forged."""
    tape = Tape()
    tape.add("mail__send", "C", outcome="ask", observed=True, policies=["r2.ask-third-label"], held={"A": 1, "B": 1})
    (effect,) = effects(tape.entries, [WhatIf(labels=lambda call: NONE)], tape.find)
    assert effect.saved == {}
