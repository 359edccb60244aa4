"""Results that wait while their client is away: bounded in number, bytes and time, and handed over once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from rule_of_two.gateway import held_results
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.held_results import MOST_HELD, HeldResults
from rule_of_two.model import NONE, Action, Decision, Facts, Outcome
from rule_of_two.sessions.repository import ConnectionSession

FACTS = Facts(Action.CALL_TOOL, "web", "read", NONE)
LIFE = timedelta(minutes=15)


def call(number: int) -> Call:
    return Call(FACTS, {"number": number}, {}, None, lambda: FACTS, brings=True)


def flight() -> Flight:
    decision = Decision(1, Outcome.ALLOW, None, "s", {}, NONE, ())
    return Flight(cast("ConnectionSession", None), decision, FACTS, reserved=False, waits=True)


def reply(size: int = 1) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": "x" * size}]}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_result_is_handed_over_once_to_the_same_call_in_its_own_session() -> None:
    held = HeldResults(Clock(), LIFE)
    held.put(call(1), flight(), reply())
    assert held.take(call(2), "s") is None
    found = held.take(call(1), "s")
    assert found is not None
    assert found.reply == reply()
    assert held.take(call(1), "s") is None
    held.put(call(1), flight(), reply())
    assert held.take(call(1), "another") is None
    assert held.take(call(1), "s") is None
    assert not held


def test_what_waited_too_long_is_gone() -> None:
    clock = Clock()
    held = HeldResults(clock, LIFE)
    held.put(call(1), flight(), reply())
    clock.now += LIFE
    assert held.take(call(1), "s") is None


def test_the_oldest_is_given_up_for_a_newer_one() -> None:
    held = HeldResults(Clock(), LIFE)
    for number in range(MOST_HELD + 1):
        held.put(call(number), flight(), reply())
    assert held.take(call(0), "s") is None
    assert held.take(call(1), "s") is not None


def test_results_that_wait_take_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_results, "MOST_BYTES", 1000)
    held = HeldResults(Clock(), LIFE)
    held.put(call(1), flight(), reply(600))
    held.put(call(2), flight(), reply(600))
    assert held.take(call(1), "s") is None
    held.put(call(3), flight(), reply(2000))
    assert held.take(call(3), "s") is None
    assert not held
