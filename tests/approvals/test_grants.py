"""A standing yes is what its signed terms say: this tool, these targets, so often, so long, in this session."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.approvals.answer import CLOCK_SKEW, Answer, GrantTerms
from rule_of_two.approvals.approvers import Approvers, Enrolled
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.grants import Grants, in_step
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.receipts import receipt_text
from rule_of_two.model import Action, Approver, Facts, SessionView, Target
from rule_of_two.records import replace
from rule_of_two.store.database import BusyError, Database
from rule_of_two.store.state import open_state
from tests.approvals.samples import MALLORY, NOW, Clock, a_question, an_answer

ALICE, EVE = ApproverKey.generate(), ApproverKey.generate()
APPROVERS = Approvers([Enrolled(Approver("alice", "alice", "acme", signed=True), ALICE.public)], claimed_tenant="acme")
QUESTION = a_question()
FACTS = Facts(Action.CALL_TOOL, "mail", "send_mail", frozenset(("C",)), (MALLORY,))
VIEW = SessionView(QUESTION.session, {"A": 3, "B": 4})
VERSION = QUESTION.policy_version


def anybody(who: Approver, facts: Facts, view: SessionView, now: datetime) -> bool:
    """Everybody may."""
    return True


class State:
    """A state folder with one grant in it, and a process that uses it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database: Database = open_state(folder)
        self.write(
            lambda db: db.execute(
                "INSERT INTO sessions (id, key, boundary, created_at) VALUES (?, '{}', 'human', '')",
                (QUESTION.session,),
            )
        )
        self.grants = Grants(APPROVERS, lambda: VERSION, self.clock, anybody)

    def write(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return self.database.write_now(work)

    def give(self, answer: Answer | None = None, **terms: Any) -> None:
        answer = answer or signed(**terms)
        self.write(lambda db: self.grants.give(db, answer))

    def use(
        self, facts: Facts = FACTS, *, pin: str | None = QUESTION.pin, view: SessionView = VIEW, grants: Any = None
    ) -> bool:
        asked = grants or self.grants
        used = self.write(lambda db: asked.use(db, facts, pin, view))
        if used is not None:
            asked.committed(used)
        return used is not None


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path)
    yield opened
    opened.database.close()


def signed(key: ApproverKey = ALICE, **terms: Any) -> Answer:
    grant = replace(GrantTerms.of(QUESTION, uses=3, minutes=15), **terms)
    return an_answer(QUESTION, Choice.GRANT, grant=grant).signed(key)


def test_a_grant_is_used_as_often_as_it_says_the_first_call_included(state: State) -> None:
    state.give()
    assert [state.use(), state.use(), state.use()] == [True, True, False]


@pytest.mark.parametrize(
    ("facts", "pin", "view"),
    [
        (replace(FACTS, name="delete"), QUESTION.pin, VIEW),
        (replace(FACTS, upstream="files"), QUESTION.pin, VIEW),
        (replace(FACTS, action=Action.GET_PROMPT), QUESTION.pin, VIEW),
        (replace(FACTS, targets=(Target("recipient", "eve@evil.example", "eve"),)), QUESTION.pin, VIEW),
        (replace(FACTS, targets=(MALLORY, Target("recipient", "eve@evil.example", "eve"))), QUESTION.pin, VIEW),
        (replace(FACTS, targets=(MALLORY, Target("recipient", None, "?"))), QUESTION.pin, VIEW),
        (replace(FACTS, targets=()), QUESTION.pin, VIEW),
        (replace(FACTS, labels=frozenset(("B", "C"))), QUESTION.pin, VIEW),
        (FACTS, "0" * 64, VIEW),
        (FACTS, None, VIEW),
        (FACTS, QUESTION.pin, replace(VIEW, id="s-other")),
    ],
    ids=[
        "tool",
        "server",
        "action",
        "target",
        "one target more",
        "unreadable",
        "no target",
        "labels",
        "pin",
        "no pin",
        "session",
    ],
)
def test_a_grant_covers_nothing_else(state: State, facts: Facts, pin: str | None, view: SessionView) -> None:
    state.give()
    assert not state.use(facts, pin=pin, view=view)
    assert state.use()


def test_a_grant_lapses_when_the_session_gains_a_label_also_a_reserved_one(state: State) -> None:
    state.give(held=("B",))
    assert not state.use(view=replace(VIEW, held={"B": 1}, reserved={"A": 2}))
    assert state.use(view=replace(VIEW, held={"B": 1}))


def test_a_grant_ends_by_the_clock(state: State) -> None:
    state.give(minutes=15)
    state.clock.now = NOW + timedelta(minutes=15) - timedelta(microseconds=1)
    assert state.use()
    state.clock.now = NOW + timedelta(minutes=15)
    assert not state.use()


def test_a_clock_that_is_set_back_far_makes_no_grant_longer(state: State) -> None:
    state.give()
    state.clock.now = NOW - CLOCK_SKEW - timedelta(seconds=1)
    assert not state.use()


def test_a_grant_of_other_policies_covers_nothing(state: State) -> None:
    state.give()
    assert not state.use(grants=Grants(APPROVERS, lambda: "another version", state.clock, anybody))


def test_a_grant_ends_when_its_approver_is_no_longer_enrolled(state: State) -> None:
    state.give()
    others = Approvers([Enrolled(Approver("eve", "eve", "acme", signed=True), EVE.public)], claimed_tenant="acme")
    assert not state.use(grants=Grants(others, lambda: VERSION, state.clock, anybody))


def test_where_nobody_is_enrolled_nothing_is_granted(state: State) -> None:
    nobody = Grants(Approvers((), claimed_tenant="acme"), lambda: VERSION, state.clock, anybody)
    state.write(lambda db: nobody.give(db, an_answer(QUESTION, Choice.GRANT, grant=signed().grant)))
    assert state.write(lambda db: db.execute("SELECT count(*) FROM grants").fetchone()) == (0,)
    state.give()
    assert not state.use(grants=nobody)


def forged(answer: Answer) -> tuple[object, ...]:
    return answer.question_id, answer.session, receipt_text(answer), "ABC", 99, "2999-01-01T00:00:00+00:00", ""


@pytest.mark.parametrize(
    "answer",
    [
        signed(EVE),
        replace(signed(EVE), key=ALICE.public.fingerprint),
        replace(signed(), grant=replace(GrantTerms.of(QUESTION, uses=99, minutes=480))),
        replace(signed(), signature=None),
        an_answer(QUESTION).signed(ALICE),
    ],
    ids=["another key", "her fingerprint", "wider terms", "no signature", "a plain yes"],
)
def test_a_row_that_somebody_wrote_grants_nothing(state: State, answer: Answer) -> None:
    state.write(lambda db: db.execute("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)", forged(answer)))
    assert not state.use()


@pytest.mark.parametrize("text", ["", "{}", "null", "[" * 1000])
def test_a_row_that_is_no_receipt_grants_nothing_and_breaks_nothing(state: State, text: str) -> None:
    row = list(forged(signed()))
    row[2] = text
    state.write(lambda db: db.execute("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)", row))
    assert not state.use()


def test_a_count_that_somebody_set_back_is_not_believed(state: State) -> None:
    state.give()
    assert state.use()
    assert state.use()
    state.write(lambda db: db.execute("UPDATE grants SET uses_left = 99, expires_at = '2999-01-01T00:00:00+00:00'"))
    assert not state.use()


def test_whether_its_giver_may_give_it_is_asked_at_each_use_for_what_was_held_then(state: State) -> None:
    asked: list[tuple[object, ...]] = []

    def nobody(*about: object) -> bool:
        asked.append(about)
        return False

    state.give(held=("B",), labels=("C",))
    view = replace(VIEW, held={"B": 4, "C": 5})
    assert not state.use(view=view, grants=Grants(APPROVERS, lambda: VERSION, state.clock, nobody))
    assert asked == [(APPROVERS.enrolled[0], FACTS, SessionView(VIEW.id, {"B": 4}), NOW)]


def test_a_use_that_was_rolled_back_is_still_there(state: State) -> None:
    """A transaction is tried again while the journal is busy."""
    state.give()

    def busy(db: sqlite3.Connection) -> None:
        assert state.grants.use(db, FACTS, QUESTION.pin, VIEW) is not None
        raise BusyError("busy")

    for _ in range(3):
        with pytest.raises(BusyError):
            state.write(busy)
    assert [state.use(), state.use(), state.use()] == [True, True, False]


def test_two_processes_share_the_count(state: State) -> None:
    state.give()
    other = Grants(APPROVERS, lambda: VERSION, state.clock, anybody)
    assert state.use(grants=other)
    assert state.use()
    assert not state.use(grants=other)


def test_clocks_of_console_and_gateway_may_be_minutes_apart_and_no_more() -> None:
    assert in_step(NOW, NOW + CLOCK_SKEW)
    assert in_step(NOW, NOW - CLOCK_SKEW)
    assert not in_step(NOW, NOW + CLOCK_SKEW + timedelta(seconds=1))
