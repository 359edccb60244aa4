"""What Cedar is told of a call and a session, and what it is never told."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.errors import PolicyError
from rule_of_two.model import NONE, Action, Facts, Labels, SessionView, StoredResource, Target, TargetKind, labels_in
from rule_of_two.policy.context import context_of, decimal, minute
from rule_of_two.records import replace

from .conftest import Authorize

KINDS: tuple[TargetKind, ...] = get_args(TargetKind)


def target_of(*targets: Target) -> dict[str, Any]:
    target: dict[str, Any] = context_of(facts(*targets), SessionView("s"))["target"]
    return target


def facts(*targets: Target, labels: Labels = NONE) -> Facts:
    return Facts(Action.CALL_TOOL, "web", "fetch", labels, targets)


def test_labels_and_session_are_told_as_they_are() -> None:
    view = SessionView("s", {"A": 3}, {"B": 5}, dropped=True, frozen=False)
    assert context_of(facts(labels=frozenset(("C",))), view) == {
        "held": {"A": 3, "B": 5},
        "labels": {"A": False, "B": False, "C": True},
        "dropped": True,
        "frozen": False,
        "effects": {"acts": True, "communicates": True, "irreversible": True},
        "target": {
            "urls": [],
            "hosts": [],
            "paths": [],
            "recipients": [],
            "domains": [],
            "accounts": [],
            "within": [],
            "others": False,
            "complete": True,
            "known": False,
            "given": True,
        },
    }


@pytest.mark.parametrize("labels", ["", "AB", "C", "ABC"])
@pytest.mark.parametrize("communicates", [False, True])
@pytest.mark.parametrize("irreversible", [False, True])
def test_effects_are_told_of_what_acts_alone(labels: str, *, communicates: bool, irreversible: bool) -> None:
    act = replace(facts(labels=labels_in(labels)), communicates=communicates, irreversible=irreversible)
    assert context_of(act, SessionView("s"))["effects"] == {
        "acts": "C" in labels,
        "communicates": communicates and "C" in labels,
        "irreversible": irreversible and "C" in labels,
    }


def test_a_label_that_is_none_is_refused_and_not_left_out() -> None:
    unknown: Any = frozenset(("D",))
    with pytest.raises(PolicyError, match=r"unknown labels: \['D'\]"):
        context_of(facts(labels=unknown), SessionView("s"))


def test_targets_become_sets_by_kind() -> None:
    assert target_of(
        Target("url", "b.example", "https://b.example/x#y", url="https://b.example/x"),
        Target("host", "a.example:8080", "a.example:8080"),
        Target("url", "b.example", "https://B.example/y", url="https://b.example/y"),
        Target("path", "/srv/x", "x"),
        Target("recipient", "ann@a.example", "Ann@a.example"),
        Target("amount", "12.5", "12.50"),
        Target("account", "1", "1"),
        Target("command", "ls", "ls"),
        Target("query", "q", "q"),
    ) == {
        "urls": ["https://b.example/x", "https://b.example/y"],
        "hosts": ["a.example:8080", "b.example"],
        "paths": ["/srv/x"],
        "recipients": ["ann@a.example"],
        "domains": ["a.example"],
        "accounts": ["1"],
        "within": [],
        "others": True,
        "amount": "12.5",
        "complete": True,
        "known": True,
        "given": False,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_that_was_absent_or_not_understood_makes_it_incomplete(kind: TargetKind) -> None:
    target = target_of(Target("host", "a.example", "a.example"), Target(kind, None, "?"))
    assert target == {
        "urls": [],
        "hosts": ["a.example"],
        "paths": [],
        "recipients": [],
        "domains": [],
        "accounts": [],
        "within": [],
        "others": kind in {"command", "query"},
        "complete": False,
        "known": False,
        "given": kind != "url",
    }


def test_an_address_whose_whole_is_not_known_makes_it_incomplete() -> None:
    assert target_of(Target("url", "a.example", "https://a.example/"))["complete"] is False


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), True),
        ((True,), True),
        ((True, True), True),
        ((True, False), False),
        ((False,), False),
        ((None,), False),
        ((None, True), False),
    ],
)
def test_addresses_are_given_when_each_is_known_to_be(given: tuple[bool | None, ...], *, told: bool) -> None:
    address = Target("url", "a.example", "", url="https://a.example/")
    targets = [Target("host", "b.example", ""), *(replace(address, given=one) for one in given)]
    assert target_of(*targets)["given"] is told


def test_addresses_are_left_out_for_policies_that_do_not_read_them() -> None:
    act = facts(Target("url", "a.example", "", url="https://a.example/x"))
    told = context_of(act, SessionView("s"), urls=False)["target"]
    assert (told["urls"], told["hosts"], told["complete"]) == ([], ["a.example"], True)


@pytest.mark.parametrize("amounts", [("1", "1"), ("5", "7"), ("1", "1.23456"), ("1", None)])
def test_more_than_one_amount_is_no_amount(amounts: tuple[str | None, ...]) -> None:
    target = target_of(*(Target("amount", amount, "x") for amount in amounts))
    assert "amount" not in target or amounts == ("1", None)
    assert target["complete"] is False


@pytest.mark.parametrize(
    ("amount", "cedar"),
    [
        ("0", "0.0"),
        ("-0", "-0.0"),
        ("12", "12.0"),
        ("12.5", "12.5"),
        ("12.3400000", "12.34"),
        ("-0.0001", "-0.0001"),
        ("922337203685477.5807", "922337203685477.5807"),
        ("-922337203685477.5808", "-922337203685477.5808"),
    ],
)
def test_an_amount_that_cedar_can_hold_is_told_exactly(
    authorize: Authorize, now: datetime, amount: str, cedar: str
) -> None:
    assert target_of(Target("amount", amount, "x"))["amount"] == cedar
    authorizer = authorize(
        f"""@id("own.stop") @message("No.") forbid (principal, action, resource)
        unless {{ context.target has amount && context.target.amount == decimal("{cedar}") }};"""
    )
    assert authorizer.decide(facts(Target("amount", amount, "x")), SessionView("s"), now=now).outcome == "allow"
    assert authorizer.decide(facts(Target("amount", "3", "x")), SessionView("s"), now=now).outcome == "deny"


@pytest.mark.parametrize(
    "amount",
    [
        *("922337203685477.5808", "-922337203685477.5809", "9999999999999999", "1" * 5000, "0.00001", "12.34567"),
        *("", "1e3", "1E+3", "NaN", "Infinity", "+1", "1.", ".5", "0x10", "1,000", " 1", "1\n", "٣", "1_000", "--1"),
    ],
)
def test_an_amount_that_cedar_cannot_hold_is_absent_and_incomplete(amount: str) -> None:
    assert target_of(Target("amount", amount, "x")) == {
        "urls": [],
        "hosts": [],
        "paths": [],
        "recipients": [],
        "domains": [],
        "accounts": [],
        "within": [],
        "others": False,
        "complete": False,
        "known": False,
        "given": True,
    }


@given(st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:f}") | st.text("-0123456789.e"))
def test_an_amount_is_exact_or_nothing(amount: str) -> None:
    told = decimal(amount)
    if told is not None:
        assert re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,4}", told)
        assert Decimal(told) == Decimal(amount)
        assert -(2**63) <= Decimal(told) * 10_000 < 2**63


@given(st.lists(st.builds(Target, st.sampled_from(KINDS), st.none() | st.text("ab1"), st.just("SHOWN")), max_size=5))
def test_what_is_shown_to_people_never_reaches_cedar(targets: list[Target]) -> None:
    stored = (StoredResource("SHOWN", "SHOWN", "SHOWN"),)
    told = Facts(Action.CALL_TOOL, "web", "fetch", NONE, tuple(targets), stored, stored, ("SHOWN",))
    assert "SHOWN" not in json.dumps(context_of(told, SessionView("s")))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones()))
def test_the_clock_is_told_in_utc_rounded_down_to_the_minute(now: datetime) -> None:
    told = minute(now)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", told)
    assert timedelta() <= now - datetime.fromisoformat(told) < timedelta(minutes=1)


def test_an_offset_of_half_an_hour_is_taken_into_account() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert minute(datetime(2026, 11, 22, 10, 45, 59, tzinfo=zone)) == "2026-11-22T05:15:00Z"


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(PolicyError, match="without a time zone"):
        minute(datetime.now(UTC).replace(tzinfo=None))
