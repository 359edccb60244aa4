"""Whatever goes wrong on the way to a decision is a deny. The triggers are real wherever one exists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cedarpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.errors import Code
from rule_of_two.model import NONE, Action, Facts, Held, Labels, Outcome, Principal, SessionView, Target, Verdict
from rule_of_two.records import replace

from .conftest import Authorize, PanicException

CALL = Facts(Action.CALL_TOOL, "web", "fetch", NONE)
CLEAN = SessionView("s")
SURROGATE = "x\ud800"
OVERFLOW = "context.held has A && context.held.A * 9223372036854775807 > 0"


def forbid(name: str, condition: str) -> str:
    return f'@id("{name}") @message("No.") forbid (principal, action, resource) when {{ {condition} }};'


def refused(verdict: Verdict) -> str:
    """The first error of a verdict that failed closed."""
    assert (verdict.outcome, verdict.code, verdict.policies) == (Outcome.DENY, Code.POLICY_ERROR, ())
    assert verdict.messages == ("The policies could not be evaluated, so nothing is allowed.",)
    return verdict.errors[0]


@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ('Gateway::Session::"other".interactive', 'entity `Gateway::Session::"other"` does not exist'),
        (OVERFLOW, "integer overflow"),
        ('context.now.offset(duration("106751991167d")) == context.now', "overflows"),
    ],
)
def test_a_forbid_that_errors_denies_although_cedar_would_skip_it(
    authorize: Authorize, now: datetime, approved: bool, condition: str, said: str
) -> None:
    authorizer = authorize(forbid("own.stop", condition))
    view = SessionView("s", {"A": 3})
    error = refused(authorizer.decide(CALL, view, now=now, approvals=approved))
    assert error.startswith("error while evaluating policy `own.stop`: ")
    assert said in error


def test_a_permit_that_errors_denies_although_another_one_permits(authorize: Authorize, now: datetime) -> None:
    errs = 'when { Gateway::Session::"o".interactive }'
    authorizer = authorize(f'@id("own.go") permit (principal, action, resource) {errs};')
    assert "`own.go`" in refused(authorizer.decide(CALL, CLEAN, now=now))


def test_an_error_in_the_second_pass_alone_denies_instead_of_asking(authorize: Authorize, now: datetime) -> None:
    stop = forbid("own.stop", f"context.approved && {OVERFLOW}")
    authorizer = authorize(forbid("own.ask", "!context.approved") + stop)
    assert authorizer.decide(CALL, CLEAN, now=now).outcome is Outcome.ASK
    assert "`own.stop`" in refused(authorizer.decide(CALL, SessionView("s", {"A": 3}), now=now))


def test_the_policy_that_errs_is_named_by_its_id_among_many(authorize: Authorize, now: datetime) -> None:
    many = "".join(forbid(f"own.n{number}", "false") for number in range(30))
    authorizer = authorize(many + forbid("own.stop", OVERFLOW))
    assert "`own.stop`" in refused(authorizer.decide(CALL, SessionView("s", {"A": 3}), now=now))


def view(**changes: Any) -> SessionView:
    return replace(CLEAN, **changes)


@pytest.mark.parametrize(
    "broken",
    [
        *(view(held={"A": number}) for number in (2**63, -(2**63) - 1, 2**64, 10**40)),
        *(view(held={"A": number}) for number in (1.5, True, None, "1", [1], {"__extn": 1})),
        *(view(reserved={"A": number}) for number in (2**63, True)),
        *(view(held={label: 1}) for label in ("D", "a", "", 1, None)),
        *(view(dropped=flag) for flag in (1, 0, None, "true")),
        *(view(frozen=flag) for flag in (1, 0, None, "false")),
        *(view(id=name) for name in (SURROGATE, None, 1)),
        view(held=None),
    ],
    ids=repr,
)
def test_a_session_that_makes_no_sense_denies(authorize: Authorize, now: datetime, broken: SessionView) -> None:
    assert refused(authorize().decide(CALL, broken, now=now))


def facts(**changes: Any) -> Facts:
    return replace(CALL, **changes)


@pytest.mark.parametrize(
    "broken",
    [
        facts(action="call_tool"),
        facts(action="use"),
        facts(action=None),
        facts(upstream=SURROGATE),
        facts(upstream=1),
        facts(name=SURROGATE),
        facts(name=b"x"),
        facts(labels=frozenset(("D",))),
        facts(labels=frozenset(("A", 1))),
        facts(labels=None),
        facts(targets=(Target("host", SURROGATE, "x"),)),
        facts(targets=None),
    ],
    ids=repr,
)
def test_facts_that_make_no_sense_deny(authorize: Authorize, now: datetime, broken: Facts) -> None:
    assert refused(authorize().decide(broken, CLEAN, now=now))


@pytest.mark.parametrize(
    "clock",
    [
        datetime.now(UTC).replace(tzinfo=None),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=["no zone", "after year 9999", "before year 1"],
)
def test_a_clock_that_makes_no_sense_denies(authorize: Authorize, now: datetime, clock: datetime) -> None:
    authorizer = authorize()
    assert authorizer.decide(CALL, CLEAN, now=now).outcome is Outcome.ALLOW
    assert refused(authorizer.decide(CALL, CLEAN, now=clock))


@pytest.mark.parametrize("principal", [Principal(user=SURROGATE), Principal(roles=(SURROGATE,))])
def test_a_principal_that_makes_no_sense_denies(authorize: Authorize, now: datetime, principal: Principal) -> None:
    assert refused(authorize(principal=principal).decide(CALL, CLEAN, now=now))


def test_an_action_that_the_schema_does_not_know_denies(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Action.CALL_TOOL, "_value_", "unheard-of")
    assert "does not exist in the supplied schema" in refused(authorize().decide(CALL, CLEAN, now=now))


def test_text_that_looks_like_an_entity_stays_text(authorize: Authorize, now: datetime) -> None:
    escape = '{"__entity":{"type":"Gateway::Tool","id":"x"}}'
    hostile = facts(targets=(Target("host", escape, escape), Target("path", '"],"complete":true,"x":["', "x")))
    quoted = escape.replace('"', '\\"')
    authorizer = authorize(forbid("own.seen", f'context.target.hosts == ["{quoted}"]'))
    assert authorizer.decide(hostile, CLEAN, now=now).policies == ("own.seen",)


@pytest.mark.parametrize(
    "fault",
    [ValueError("v"), KeyError("k"), TypeError("t"), RuntimeError("r"), MemoryError(), PanicException("p")],
    ids=lambda fault: type(fault).__name__,
)
def test_whatever_the_engine_raises_denies_and_is_not_remembered(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def broken(*_: Any) -> cedarpy.AuthzResult:
        raise fault

    authorizer = authorize()
    with monkeypatch.context() as patch:
        patch.setattr(cedarpy, "is_authorized", broken)
        assert refused(authorizer.decide(CALL, CLEAN, now=now)).startswith(f"{type(fault).__name__}: ")
    assert authorizer.decide(CALL, CLEAN, now=now).outcome is Outcome.ALLOW


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(1)])
def test_an_order_to_stop_the_process_is_not_a_verdict(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    def interrupted(*_: Any) -> cedarpy.AuthzResult:
        raise stop

    authorizer = authorize()
    monkeypatch.setattr(cedarpy, "is_authorized", interrupted)
    with pytest.raises(type(stop)):
        authorizer.decide(CALL, CLEAN, now=now)


def answering(decision: str, errors: list[str], reasons: list[str]) -> cedarpy.AuthzResult:
    return cedarpy.AuthzResult({"decision": decision, "diagnostics": {"reason": reasons, "errors": errors}})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answering("NoDecision", [], []), "the engine gave no decision"),
        (answering("Allow", ["something"], []), "something"),
        (answering("Allow", [], ["policy7"]), "KeyError: 'policy7'"),
        (answering("Perhaps", [], []), "KeyError: 'Perhaps'"),
    ],
)
def test_an_answer_that_is_no_clean_decision_denies_and_is_not_remembered(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch, answer: cedarpy.AuthzResult, said: str
) -> None:
    authorizer = authorize()
    with monkeypatch.context() as patch:
        patch.setattr(cedarpy, "is_authorized", lambda *_: answer)
        assert refused(authorizer.decide(CALL, CLEAN, now=now)) == said
    assert authorizer.decide(CALL, CLEAN, now=now).outcome is Outcome.ALLOW


def test_errors_are_told_briefly_and_positions_that_mean_nothing_stay(
    authorize: Authorize, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = ["policy `policy0` and policy `policy99` and policy `policy" + "9" * 5000 + "`"] * 50
    authorizer = authorize()
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: answering("Allow", errors, []))
    verdict = authorizer.decide(CALL, CLEAN, now=now)
    assert refused(verdict).startswith("policy `r2.ask-third-label` and policy `policy99` and policy `policy999")
    assert len(verdict.errors) == 10
    assert all(len(error) == 400 for error in verdict.errors)


NAMES = st.text() | st.just(SURROGATE)
NUMBERS = st.integers() | st.integers(1, 9)
HELD: st.SearchStrategy[Held] = st.dictionaries(st.sampled_from(["A", "B", "C"]), NUMBERS)
LABELS: st.SearchStrategy[Labels] = st.frozensets(st.sampled_from(["A", "B", "C"]))
TARGETS = st.builds(
    Target,
    st.sampled_from(["url", "host", "path", "recipient", "amount", "account", "command", "query"]),
    st.none() | NAMES,
    NAMES,
)
FACTS = st.builds(Facts, st.sampled_from(Action), NAMES, NAMES, LABELS, st.lists(TARGETS, max_size=4).map(tuple))
VIEWS = st.builds(SessionView, NAMES, HELD, HELD, st.booleans(), st.booleans())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(FACTS, VIEWS, st.booleans())
def test_no_request_raises_and_no_unapproved_completing_call_is_allowed(
    authorize: Authorize, facts: Facts, view: SessionView, approved: bool
) -> None:
    clock = datetime(2026, 11, 22, tzinfo=UTC)
    verdict = authorize().decide(facts, view, now=clock, approvals=approved)
    before = view.held.keys() | view.reserved.keys()
    if len(before | facts.labels) == 3 and (facts.labels - before or "C" in facts.labels) and not approved:
        assert verdict.outcome is not Outcome.ALLOW or (view.dropped and "C" not in facts.labels)
    if view.frozen or (view.dropped and "C" in facts.labels):
        assert verdict.outcome is Outcome.DENY
    if approved:
        assert verdict.outcome is not Outcome.ASK
    if verdict.errors:
        assert verdict.outcome is Outcome.DENY
