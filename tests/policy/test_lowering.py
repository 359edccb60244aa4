"""Leaving C out of account: only by policies that name the action, only C, and never what was dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.model import (
    ALL,
    NONE,
    Action,
    Facts,
    Labels,
    Outcome,
    Principal,
    SessionView,
    Target,
    completing,
    labels_in,
)
from rule_of_two.policy import authorizer as authorizer_module
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.engine import evaluate
from rule_of_two.policy.entities import Participants
from rule_of_two.policy.load import load_policies
from rule_of_two.policy.lowering import as_counted
from rule_of_two.policy.trusts import trusted_folders
from rule_of_two.records import replace

from .conftest import Authorize

LOWER = """
@id("own.lower") permit (principal, action == Gateway::Action::"lower_c", resource) when { context.target.known };
"""
SEND = Facts(
    Action.CALL_TOOL, "mail", "send", labels_in("C"), targets=(Target("recipient", "ann@a.example", "ann@a.example"),)
)
BOTH = SessionView("s", {"A": 1, "B": 2})


def counted(authorizer: Authorizer, facts: Facts, *views: SessionView, now: datetime) -> Facts:
    return as_counted(facts, views or (BOTH,), authorizer, now=now)


def test_the_default_asks_nobody_and_stays_literal(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    literal = authorize("", "default")

    def never(*_: object) -> None:
        pytest.fail("the engine was asked")

    monkeypatch.setattr(authorizer_module, "evaluate", never)
    assert counted(literal, SEND, now=now) is SEND


def test_whoever_permits_everything_has_not_said_that_c_does_not_count(authorize: Authorize, now: datetime) -> None:
    """The permit beside it is ``permit (principal, action, resource)``."""
    own = LOWER.replace("context.target.known", 'context.target.amount == decimal("1.0")').replace(
        "when {", "when { context.target has amount &&"
    )
    lowering = authorize(own)
    assert lowering.lowers_c
    assert counted(lowering, SEND, now=now) is SEND
    assert lowering.judge_lowering(SEND, BOTH, now=now).policies == ("default.deny",)


def test_a_lowered_call_carries_no_c_and_the_line_names_the_policy(authorize: Authorize, now: datetime) -> None:
    lowered = counted(authorize(LOWER), replace(SEND, labels=ALL, lowered_by=("before",)), now=now)
    assert (lowered.labels, lowered.left_out) == (labels_in("AB"), labels_in("C"))
    assert lowered.lowered_by == ("before", "policy own.lower: [C] is left out of account")
    assert lowered.acts
    assert not replace(SEND, labels=NONE).acts


def test_what_policies_say_of_acts_and_effects_stays(authorize: Authorize, now: datetime) -> None:
    judge = authorize(
        LOWER + '@id("own.acts") @message("No.") forbid (principal, action in Gateway::Action::"use", resource) '
        "when { context.effects.acts && context.effects.communicates && context.effects.irreversible };"
    )
    lowered = counted(judge, SEND, now=now)
    assert lowered.labels == NONE
    assert judge.decide(lowered, BOTH, now=now).policies == ("own.acts",)


def test_what_errs_counts(authorize: Authorize, now: datetime) -> None:
    """An overflow errs in the engine, which skips the policy: a permit beside it must not pass for an answer."""
    judge = authorize(
        LOWER + '@id("own.errs") @message("No.") forbid (principal, action == Gateway::Action::"lower_c", resource) '
        "when { context.approvals + 9223372036854775807 + 1 > 0 };"
    )
    assert judge.judge_lowering(SEND, BOTH, now=now).errors
    assert counted(judge, SEND, now=now) is SEND


@pytest.mark.parametrize("lost", ["\ud800", "x" * 100_000])
def test_names_that_the_engine_does_not_take_count(authorize: Authorize, now: datetime, lost: str) -> None:
    facts = replace(SEND, name=lost)
    assert counted(authorize(LOWER), facts, now=now).labels <= facts.labels
    if lost == "\ud800":
        assert counted(authorize(LOWER), facts, now=now) is facts


def test_every_session_that_the_call_can_belong_to_has_to_permit_it(authorize: Authorize, now: datetime) -> None:
    judge = authorize(LOWER.replace("context.target.known", "!(context.held has B)"))
    clean, private = SessionView("c", {"A": 1}), SessionView("p", {"B": 1})
    assert counted(judge, SEND, clean, now=now).labels == NONE
    assert counted(judge, SEND, clean, private, now=now) is SEND


def test_what_was_dropped_counts_whatever_policies_say(authorize: Authorize, now: datetime) -> None:
    judge, dropped = authorize(LOWER), replace(BOTH, dropped=True)
    assert judge.judge_lowering(SEND, dropped, now=now).policies == ("r2.keep-dropped-c",)
    assert counted(judge, SEND, dropped, now=now) is SEND
    assert judge.decide(SEND, dropped, now=now).outcome is Outcome.DENY


def test_a_target_that_was_written_in_another_way_counts(authorize: Authorize, now: datetime) -> None:
    """DESIGN: a label is lowered only by a value that is byte-equal to its canonical form."""
    other = replace(SEND, targets=(Target("recipient", "ann@a.example", "Ann@a.example", exact=False),))
    assert counted(authorize(LOWER), other, now=now) is other


def test_the_same_question_is_put_to_the_engine_once(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def count(participants: Participants, context: Mapping[str, Any]) -> object:
        asked.append(context)
        return evaluate(participants, context)

    monkeypatch.setattr(authorizer_module, "evaluate", count)
    judge = authorize(LOWER)
    assert counted(judge, SEND, now=now) == counted(judge, SEND, now=now)
    assert len(asked) == 1


LABELS = st.frozensets(st.sampled_from(("A", "B", "C")))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=LABELS, labels=LABELS, known=st.booleans(), dropped=st.booleans())
def test_the_invariant_holds_of_what_counts(
    authorize: Authorize, now: datetime, held: Labels, labels: Labels, *, known: bool, dropped: bool
) -> None:
    judge = authorize(LOWER)
    view = SessionView("s", dict.fromkeys(held, 1), dropped=dropped)
    facts = replace(SEND, labels=labels, targets=SEND.targets if known else ())
    lowered = counted(judge, facts, view, now=now)
    assert facts.labels - lowered.labels == (labels & {"C"} if known and not dropped else NONE)
    allowed = judge.decide(lowered, view, now=now).outcome is Outcome.ALLOW
    assert allowed == (not completing(held, lowered.labels, dropped=dropped) and not (dropped and "C" in labels))


def folders(tmp_path: Path, *named: object) -> tuple[str, ...]:
    uid = {"type": "Gateway::Agent", "id": "desk"}
    entity = {"uid": uid, "attrs": {"trusts": {"folders": list(named)}}, "parents": []}
    (tmp_path / "e.json").write_text(json.dumps([entity]))
    policies = load_policies(["default"], relative_to=tmp_path, entities=["e.json"])
    assert trusted_folders(policies.directory, Principal(agent="other")) == ()
    return trusted_folders(policies.directory, Principal(agent="desk"))


def test_a_folder_that_is_not_written_as_paths_are_contains_nothing(tmp_path: Path) -> None:
    assert folders(tmp_path, "/", "//", "/a/", "/a/../b", "a", "", "./a", "/b", "/a/b") == ("/a/b", "/b")
