"""Who may read what was read, attacked: audiences that shrink, grow, are under way, or are somebody else's word."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rule_of_two.model import Action, Facts, Held, Labels, Outcome, Principal, SessionView, Target, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.lowering import as_counted
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession, Reservation
from rule_of_two.store.database import Database
from rule_of_two.store.state import open_state

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ANN, BOB, EVE = "ann@a.example", "bob@a.example", "eve@evil.example"
A, B, C = labels_in("A"), labels_in("B"), labels_in("C")


@pytest.fixture
def judge(tmp_path: Path) -> Authorizer:
    server = {"uid": {"type": "Gateway::Server", "id": "mail"}, "attrs": {"only_sends": True}, "parents": []}
    (tmp_path / "e.json").write_text(json.dumps([server]))
    policies = load_policies(["default", "audiences"], relative_to=tmp_path, entities=["e.json"])
    return Authorizer(policies, Principal(), "generic")


class Session:
    """One session of a state, and what it is asked about."""

    def __init__(self, state: Database, connection: str, judge: Authorizer) -> None:
        self.own = ConnectionSession(state, connection, NOW.isoformat)
        self.judge = judge
        self.number = 0

    async def begin(self, labels: Labels) -> Reservation:
        """A call is decided and under way."""
        self.number += 1
        number = self.number
        await self.own.decide(lambda view, _: (None, number, labels))
        return Reservation(self.own.view().id, number, labels)

    async def read(self, *readers: str, known: bool = True, labels: Labels = B) -> None:
        """Something private comes."""
        call = await self.begin(labels)
        await self.own.settle(
            Reservation(call.session, call.number, call.labels, frozenset(readers) if known else None)
        )

    def tells(self, *recipients: str, labels: Labels = C) -> bool:
        """Whether a message runs unasked."""
        return tells(self.judge, self.own.view(), *recipients, labels=labels)


def tells(judge: Authorizer, view: SessionView, *recipients: str, labels: Labels = C) -> bool:
    targets = tuple(Target("recipient", one, one) for one in recipients)
    facts = Facts(Action.CALL_TOOL, "mail", "send", labels, targets=targets)
    found = as_counted(facts, view.judged, judge, now=NOW)
    outcomes = {judge.decide(found, one, now=NOW).outcome for one in view.judged}
    return outcomes == {Outcome.ALLOW}


@pytest.fixture
async def session(tmp_path: Path, judge: Authorizer) -> AsyncIterator[Session]:
    state = open_state(tmp_path / "state")
    with Presence(tmp_path / "state") as presence:
        boundaries = Boundaries(state, presence, NOW.isoformat)
        attached = await boundaries.attach(SessionKey("ann", "t", "generic", "/w"), "connection")
        found = Session(state, attached.connection, judge)
        await found.read(labels=A)
        yield found
    state.close()


async def test_only_those_who_may_read_everything_are_told(session: Session) -> None:
    await session.read(ANN, BOB)
    assert session.tells(ANN)
    assert session.tells(ANN, BOB)
    assert not session.tells(EVE)
    assert not session.tells(ANN, EVE)
    assert not session.tells()


async def test_an_audience_shrinks_with_each_piece_and_never_grows_back(session: Session) -> None:
    await session.read(ANN, BOB)
    await session.read(ANN)
    assert (session.tells(ANN), session.tells(BOB)) == (True, False)
    await session.read(ANN, BOB, EVE)
    assert (session.tells(ANN), session.tells(BOB), session.tells(EVE)) == (True, False, False)


async def test_an_attacker_who_shares_a_file_with_himself_is_told_of_nothing_else(session: Session) -> None:
    """A piece that everybody may read adds nobody to the readers of what was read before, or after."""
    await session.read(ANN, BOB, EVE)
    assert session.tells(EVE)
    await session.read(ANN)
    assert not session.tells(EVE)


async def test_one_piece_without_readers_takes_all_away(session: Session) -> None:
    await session.read(ANN)
    await session.read(known=False)
    await session.read(ANN)
    assert not session.tells(ANN)


async def test_parallel_reads_count_while_they_are_under_way(session: Session) -> None:
    await session.read(ANN, BOB)
    one, other = await session.begin(B), await session.begin(B)
    assert not session.tells(ANN)
    await session.own.settle(Reservation(one.session, one.number, B, frozenset((ANN,))))
    assert not session.tells(ANN)
    await session.own.settle(Reservation(other.session, other.number, B, frozenset((BOB,))))
    assert (session.tells(ANN), session.tells(BOB)) == (False, False)


async def test_a_read_under_way_counts_before_anything_private_was_there(session: Session) -> None:
    assert session.tells(EVE)
    call = await session.begin(B)
    assert not session.tells(EVE)
    await session.own.settle(Reservation(call.session, call.number, B, frozenset((EVE,))))
    assert session.tells(EVE)


async def test_progress_of_a_read_has_no_readers(session: Session) -> None:
    await session.read(ANN)
    call = await session.begin(B)
    await session.own.join(call.session, call.number, B)
    await session.own.settle(Reservation(call.session, call.number, B, frozenset((ANN,))))
    assert not session.tells(ANN)


async def test_a_call_that_fetches_what_it_sends_is_no_message_to_readers(session: Session) -> None:
    await session.read(ANN)
    assert not session.tells(ANN, labels=labels_in("BC"))


@pytest.mark.parametrize("near", ["ann@a.example.evil.example", "ann+x@a.example", "ANN@a.example", "ann@a.exampIe"])
async def test_a_recipient_who_looks_like_a_reader_is_none(session: Session, near: str) -> None:
    await session.read(ANN)
    assert not session.tells(near)


def test_the_same_labels_with_other_readers_are_not_one_cached_answer(judge: Authorizer) -> None:
    held: Held = {"A": 1, "B": 2}
    assert tells(judge, SessionView("s", held, readers=frozenset((ANN,))), ANN)
    assert not tells(judge, SessionView("s", held, readers=frozenset((BOB,))), ANN)
    assert not tells(judge, SessionView("s", held), ANN)


def test_what_can_belong_to_several_conversations_has_the_readers_of_each(judge: Authorizer) -> None:
    held: Held = {"A": 1, "B": 2}
    one, other = (SessionView(name, held, readers=frozenset((name,))) for name in (ANN, BOB))
    assert not tells(judge, SessionView("base", beside=(one, other)), ANN)
    assert tells(judge, SessionView("base", beside=(one, one)), ANN)


def test_readers_are_no_permission_for_a_policy_that_does_not_ask(tmp_path: Path) -> None:
    literal = Authorizer(load_policies(["default"], relative_to=tmp_path), Principal(), "generic")
    assert not tells(literal, SessionView("s", {"A": 1, "B": 2}, readers=frozenset((ANN,))), ANN)
