"""Two passes, what a verdict says, and a cache that never takes one request for another."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cedarpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rule_of_two.errors import Code
from rule_of_two.model import (
    NONE,
    Action,
    Facts,
    Held,
    Label,
    Labels,
    Outcome,
    Principal,
    SessionView,
    Target,
    TargetKind,
    Verdict,
)
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import load_policies
from rule_of_two.records import replace

from .conftest import GENEROUS, Authorize, LoadText

CLEAN = SessionView("s")
ALLOWED = Verdict(Outcome.ALLOW, None, ("test.permit-all",))


def call(
    name: str = "fetch", *, upstream: str = "web", labels: Labels = NONE, targets: tuple[Target, ...] = ()
) -> Facts:
    return Facts(Action.CALL_TOOL, upstream, name, labels, targets)


def holding(**held: Any) -> SessionView:
    return SessionView("s", {label: held[label] for label in ("A", "B", "C") if label in held})


def forbid(name: str, condition: str, *annotations: str) -> str:
    return f"""@id("{name}") @message("{name}!") {" ".join(annotations)}
    forbid (principal, action, resource) when {{ {condition} }};"""


@pytest.fixture
def engine_calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The value of `approved` for each pass that reached the engine."""
    passes: list[bool] = []
    real = cedarpy.is_authorized

    def counted(request: dict[str, Any], *rest: Any) -> cedarpy.AuthzResult:
        passes.append('"approved":true' in request["context"])
        return real(request, *rest)

    monkeypatch.setattr(cedarpy, "is_authorized", counted)
    return passes


def test_what_is_permitted_and_not_forbidden_is_allowed_in_one_pass(
    authorize: Authorize, now: datetime, engine_calls: list[bool]
) -> None:
    assert authorize().decide(call(), CLEAN, now=now) == ALLOWED
    assert engine_calls == [False]


def test_what_only_approval_lets_pass_is_asked_by_the_policies_that_stopped_it(
    authorize: Authorize, now: datetime, engine_calls: list[bool]
) -> None:
    authorizer = authorize(forbid("own.ask", "!context.approved"))
    verdict = authorizer.decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now)
    assert verdict.outcome is Outcome.ASK
    assert verdict.code is None
    assert verdict.policies == ("own.ask", "r2.ask-third-label")
    assert verdict.messages == (
        "own.ask!",
        "With this, one session would combine untrusted content, private data and an effect on the outside.",
    )
    assert engine_calls == [False, True]


def test_handing_over_is_an_action_of_its_own_about_the_same_resource(authorize: Authorize, now: datetime) -> None:
    letters = """@id("own.letters") @message("No.") forbid (principal, action == Gateway::Action::"release",
    resource == Gateway::Tool::"web__fetch") when { context.labels.A };"""
    authorizer = authorize(letters)
    read = call(labels=frozenset(("A",)))
    assert authorizer.decide(read, CLEAN, now=now) == ALLOWED
    assert authorizer.decide(read, CLEAN, now=now, releases=True).policies == ("own.letters",)
    assert authorizer.decide(call(), CLEAN, now=now, releases=True) == ALLOWED
    assert authorizer.decide(call("other", labels=frozenset(("A",))), CLEAN, now=now, releases=True) == ALLOWED
    full = authorizer.decide(read, holding(B=1, C=2), now=now, releases=True)
    assert (full.outcome, full.policies) == (Outcome.DENY, ("own.letters",))
    asked = authorizer.decide(replace(read, name="other"), holding(B=1, C=2), now=now, releases=True)
    assert (asked.outcome, asked.policies) == (Outcome.ASK, ("r2.ask-third-label",))


def test_an_asked_call_that_a_person_approved_is_allowed_in_one_pass(
    authorize: Authorize, now: datetime, engine_calls: list[bool]
) -> None:
    verdict = authorize().decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now, approvals=1)
    assert verdict == ALLOWED
    assert engine_calls == [True]


def test_an_approval_does_not_lift_a_deny(authorize: Authorize, now: datetime) -> None:
    authorizer = authorize(forbid("own.stop", "true"))
    denied = Verdict(Outcome.DENY, Code.DENIED_BY_POLICY, ("own.stop",), ("own.stop!",))
    assert authorizer.decide(call(), CLEAN, now=now) == denied
    assert authorizer.decide(call(), CLEAN, now=now, approvals=1) == denied


def test_a_deny_hides_what_would_only_have_asked(authorize: Authorize, now: datetime) -> None:
    authorizer = authorize(forbid("own.stop", "true"))
    verdict = authorizer.decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now)
    assert (verdict.outcome, verdict.policies) == (Outcome.DENY, ("own.stop",))


def test_where_nothing_permits_the_verdict_says_so(load_text: LoadText, now: datetime) -> None:
    authorizer = Authorizer(load_text(forbid("own.stop", "!context.approved")), Principal(), "generic")
    denied = Verdict(Outcome.DENY, Code.DENIED_BY_POLICY, ("default.deny",), ("No policy permits this.",))
    assert authorizer.decide(call(), CLEAN, now=now) == denied
    assert authorizer.decide(call(), CLEAN, now=now, approvals=1) == denied


def test_a_permit_that_waits_for_approval_asks(load_text: LoadText, now: datetime) -> None:
    permit = '@id("own.ask-all") @message("Each call is confirmed.") permit (principal, action, resource) when'
    authorizer = Authorizer(load_text(f"{permit} {{ context.approved }};"), Principal(), "generic")
    asked = Verdict(Outcome.ASK, None, ("own.ask-all",), ("Each call is confirmed.",))
    assert authorizer.decide(call(), CLEAN, now=now) == asked


def test_where_nobody_can_answer_the_question_is_a_deny_that_says_both(load_text: LoadText, now: datetime) -> None:
    policies = load_text(forbid("own.never", "false"), "default")
    facts, view = call(labels=frozenset(("C",))), holding(A=1, B=2)
    alone = Authorizer(policies, Principal(interactive=False), "generic").decide(facts, view, now=now)
    assert (alone.outcome, alone.code) == (Outcome.DENY, Code.DENIED_BY_POLICY)
    assert alone.policies == ("default.deny-nobody-to-ask", "r2.ask-third-label")
    assert alone.messages[0] == "A person would have to confirm this, and this session runs without one."
    assert Authorizer(policies, Principal(), "generic").decide(facts, view, now=now).outcome is Outcome.ASK


def test_where_nobody_can_answer_what_asks_nothing_is_still_allowed(load_text: LoadText, now: datetime) -> None:
    policies = load_text(forbid("own.never", "false"), "default")
    authorizer = Authorizer(policies, Principal(interactive=False), "generic")
    assert authorizer.decide(call(labels=frozenset(("B",))), holding(A=1), now=now).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("annotations", "code"),
    [
        (('@code("withheld")', '@code("unknown_tool")'), Code.WITHHELD),
        (("", '@code("unknown_tool")'), Code.UNKNOWN_TOOL),
        (("", ""), Code.DENIED_BY_POLICY),
    ],
)
def test_the_code_is_the_first_by_id_that_has_one(
    authorize: Authorize, now: datetime, annotations: tuple[str, str], code: Code
) -> None:
    first, second = annotations
    authorizer = authorize(forbid("own.b", "true", second) + forbid("own.a", "true", first))
    verdict = authorizer.decide(call(), CLEAN, now=now)
    assert (verdict.code, verdict.policies) == (code, ("own.a", "own.b"))
    assert verdict.messages == ("own.a!", "own.b!")


def test_a_frozen_session_says_frozen_even_if_c_is_dropped_too(authorize: Authorize, now: datetime) -> None:
    view = SessionView("s", dropped=True, frozen=True)
    verdict = authorize().decide(call(labels=frozenset(("C",))), view, now=now)
    assert verdict.code is Code.SESSION_FROZEN


@pytest.mark.parametrize(
    "condition",
    [
        'principal == Gateway::Session::"s"',
        'principal.user == Gateway::User::"alice"',
        'principal.user in Gateway::Role::"engineer" && principal.user in Gateway::Role::"approver"',
        'principal.tenant == Gateway::Tenant::"acme"',
        'principal.purpose == Gateway::Purpose::"support"',
        "principal.interactive",
        'principal.client == "claude-code"',
        'resource == Gateway::Tool::"web__fetch"',
        'resource in Gateway::Server::"web"',
        "resource is Gateway::Tool",
        'action in Gateway::Action::"use"',
        "context.held has A && context.held.A == 4",
        "context.held has B && context.held.B == 9 && !(context.held has C)",
        'context.target.hosts.containsAll(["a.example"]) && context.target.complete',
        'context.target.urls == ["https://a.example/"] && !context.target.given',
        'context.now == datetime("2026-11-22T10:30:00Z")',
    ],
)
def test_policies_read_session_tool_and_call(authorize: Authorize, now: datetime, condition: str) -> None:
    principal = Principal("alice", "acme", ("engineer", "approver"), "support", interactive=True)
    view = SessionView("s", {"A": 4}, {"B": 9})
    facts = call(targets=(Target("url", "a.example", "https://a.example/", url="https://a.example/"),))
    authorizer = authorize(forbid("own.stop", condition), principal=principal, client="claude-code")
    assert authorizer.decide(facts, view, now=now).policies == ("own.stop",)
    other = authorize(forbid("own.stop", condition), principal=Principal(interactive=False))
    elsewhere = Facts(Action.RECEIVE, "files", "log", NONE)
    changed = other.decide(elsewhere, SessionView("t", {"A": 5}), now=now + timedelta(minutes=1))
    assert changed.outcome is (Outcome.DENY if condition.startswith("action") else Outcome.ALLOW)


def test_the_same_request_reaches_the_engine_once(
    authorize: Authorize, now: datetime, engine_calls: list[bool]
) -> None:
    authorizer = authorize()
    for _ in range(3):
        assert authorizer.decide(call(), CLEAN, now=now) == ALLOWED
    assert len(engine_calls) == 1


def test_the_clock_does_not_cool_the_cache_where_no_policy_reads_it(
    authorize: Authorize, now: datetime, engine_calls: list[bool]
) -> None:
    authorizer = authorize()
    for hours in range(5):
        authorizer.decide(call(), CLEAN, now=now + timedelta(hours=hours))
    assert len(engine_calls) == 1


@pytest.mark.parametrize(
    "condition",
    [
        'context.now >= datetime("2026-11-22T10:31:00Z")',
        '(if context.frozen then context else context).now >= datetime("2026-11-22T10:31:00Z")',
    ],
)
def test_a_policy_that_reads_the_clock_sees_each_minute(
    authorize: Authorize, now: datetime, engine_calls: list[bool], condition: str
) -> None:
    authorizer = authorize(forbid("own.late", condition))
    assert authorizer.decide(call(), CLEAN, now=now).outcome is Outcome.ALLOW
    assert authorizer.decide(call(), CLEAN, now=now - timedelta(seconds=50)).outcome is Outcome.ALLOW
    assert len(engine_calls) == 1
    assert authorizer.decide(call(), CLEAN, now=now + timedelta(microseconds=1)).outcome is Outcome.DENY


def test_names_that_join_to_the_same_id_are_not_taken_for_each_other(authorize: Authorize, now: datetime) -> None:
    authorizer = authorize(forbid("own.a", 'resource in Gateway::Server::"a"'))
    assert authorizer.decide(call("c", upstream="a__b"), CLEAN, now=now).outcome is Outcome.ALLOW
    assert authorizer.decide(call("b__c", upstream="a"), CLEAN, now=now).outcome is Outcome.DENY
    assert authorizer.decide(call("c", upstream="a__b"), CLEAN, now=now).outcome is Outcome.ALLOW


@pytest.mark.parametrize("name", ['x","a"', "x\0y", "x\ny", 'x"]', "x\\", "x\u202e", "x::y", 'x", "id": "web__stop'])
def test_names_with_separators_stay_within_their_own_name(authorize: Authorize, now: datetime, name: str) -> None:
    authorizer = authorize(forbid("own.stop", 'resource == Gateway::Tool::"web__stop"'))
    assert authorizer.decide(call("stop"), CLEAN, now=now).outcome is Outcome.DENY
    assert authorizer.decide(call(name), CLEAN, now=now) == ALLOWED
    assert authorizer.decide(call("stop"), SessionView(name), now=now).outcome is Outcome.DENY


@pytest.mark.parametrize("action", [Action.READ_RESOURCE, Action.GET_PROMPT, Action.COMPLETE, Action.RECEIVE])
def test_a_tool_is_not_taken_for_something_else_of_its_name(
    authorize: Authorize, now: datetime, action: Action
) -> None:
    authorizer = authorize(forbid("own.tools", "resource is Gateway::Tool"))
    assert authorizer.decide(replace(call(), action=action), CLEAN, now=now).outcome is Outcome.ALLOW
    assert authorizer.decide(call(), CLEAN, now=now).outcome is Outcome.DENY


@pytest.mark.parametrize("other", [True, 1.0, "1"])
@pytest.mark.parametrize("first", [True, False])
def test_a_number_is_not_taken_for_what_equals_it(authorize: Authorize, now: datetime, other: Any, first: bool) -> None:
    authorizer = authorize()
    views = [holding(A=1), holding(A=other)]
    verdicts = {}
    for view in views if first else views[::-1]:
        verdicts[type(view.held["A"])] = authorizer.decide(call(), view, now=now)
    assert verdicts[int] == ALLOWED
    assert verdicts[type(other)].code is Code.POLICY_ERROR


def test_a_held_number_that_changes_is_a_new_request(authorize: Authorize, now: datetime) -> None:
    condition = "context.held has A && context.held has B && context.held.A < context.held.B"
    authorizer = authorize(forbid("own.order", condition))
    assert authorizer.decide(call(), holding(A=5, B=2), now=now).outcome is Outcome.ALLOW
    assert authorizer.decide(call(), holding(A=1, B=2), now=now).outcome is Outcome.DENY
    assert authorizer.decide(call(), holding(A=5, B=2), now=now).outcome is Outcome.ALLOW


def differing() -> list[tuple[str, Facts, SessionView, bool]]:
    """Requests that differ from a plain one in one thing each, with a policy that looks at it."""
    facts, act = call(), frozenset[Label](("C",))
    host, path = Target("host", "/x", "/x"), Target("path", "/x", "/x")
    return [
        ('principal == Gateway::Session::"t"', facts, SessionView("t"), False),
        ("context.held has A", facts, holding(A=1), False),
        ("context.held has A", facts, SessionView("s", {}, {"A": 1}), False),
        ("context.dropped", facts, SessionView("s", dropped=True), False),
        ("context.frozen", facts, SessionView("s", frozen=True), False),
        ("context.approved", facts, CLEAN, True),
        ("context.labels.C", replace(facts, labels=act), CLEAN, False),
        ('resource == Gateway::Tool::"web__Fetch"', call("Fetch"), CLEAN, False),
        ('context.target.paths.contains("/x")', replace(facts, targets=(path,)), CLEAN, False),
        ('context.target.hosts.contains("/x")', replace(facts, targets=(host,)), CLEAN, False),
        ("!context.target.complete", replace(facts, targets=(replace(host, value=None),)), CLEAN, False),
        ("context.target has amount", replace(facts, targets=(Target("amount", "1", "1"),)), CLEAN, False),
    ]


@pytest.mark.parametrize(("condition", "facts", "view", "approved"), differing())
def test_whatever_a_decision_reads_is_part_of_its_key(
    authorize: Authorize, now: datetime, condition: str, facts: Facts, view: SessionView, approved: bool
) -> None:
    authorizer = authorize(forbid("own.stop", condition, '@code("withheld")'))
    assert authorizer.decide(call(), CLEAN, now=now) == ALLOWED
    verdict = authorizer.decide(facts, view, now=now, approvals=approved)
    assert "own.stop" in verdict.policies
    assert authorizer.decide(call(), CLEAN, now=now) == ALLOWED


def test_the_order_of_targets_is_no_difference(authorize: Authorize, now: datetime, engine_calls: list[bool]) -> None:
    one, two = Target("host", "a.example", "a"), Target("url", "b.example", "b")
    authorizer = authorize()
    authorizer.decide(call(targets=(one, two)), CLEAN, now=now)
    authorizer.decide(call(targets=(two, one, two)), CLEAN, now=now)
    assert len(engine_calls) == 1


@pytest.mark.parametrize("condition", ["context.frozen", "context.target.urls.isEmpty()", "!context.target.given"])
def test_whole_addresses_tell_requests_apart_only_where_policies_read_them(
    authorize: Authorize, now: datetime, engine_calls: list[bool], condition: str
) -> None:
    authorizer = authorize(forbid("own.stop", condition))
    for path in "ab":
        target = Target("url", "a.example", path, url=f"https://a.example/{path}", given=True)
        assert authorizer.decide(call(targets=(target,)), CLEAN, now=now) == ALLOWED
    assert len(engine_calls) == (2 if "urls" in condition else 1)


def test_an_agent_can_be_held_to_the_addresses_that_the_operator_lists(tmp_path: Path, now: datetime) -> None:
    (tmp_path / "own.cedar").write_text(
        f"""{GENEROUS}
        @id("own.listed") @message("Not listed.") forbid (principal is Gateway::Session, action, resource) unless {{
            context.target.complete && principal.agent has urls &&
            principal.agent.urls.containsAll(context.target.urls) }};"""
    )
    agent = {
        "uid": {"type": "Gateway::Agent", "id": "agent"},
        "attrs": {"urls": ["https://a.example/x"]},
        "parents": [],
    }
    (tmp_path / "entities.json").write_text(json.dumps([agent]))
    policies = load_policies(["own.cedar"], relative_to=tmp_path, entities=["entities.json"])
    authorizer = Authorizer(policies, Principal(), "generic")

    def visits(url: str | None) -> Verdict:
        return authorizer.decide(call(targets=(Target("url", "a.example", "", url=url),)), CLEAN, now=now)

    assert visits("https://a.example/x") == ALLOWED
    assert visits("https://a.example/x?y").policies == ("own.listed",)
    assert visits(None).policies == ("own.listed",)


@pytest.mark.parametrize("truthy", ["1", -1, 1.0, [1], object()])
def test_an_approval_is_a_number_of_people_and_nothing_like_it(
    authorize: Authorize, now: datetime, truthy: Any
) -> None:
    verdict = authorize().decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now, approvals=truthy)
    assert verdict.outcome is Outcome.ASK


@pytest.mark.parametrize("needed", range(1, 6))
def test_a_policy_can_want_several_people(authorize: Authorize, now: datetime, needed: int) -> None:
    authorizer = authorize(forbid("own.more", f"context.approved && context.approvals < {needed}"))
    asking = authorizer.decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now)
    assert (asking.outcome, asking.approvals) == (Outcome.ASK, needed)
    assert ("own.more" in asking.policies) == (needed > 1)
    for people in range(1, 7):
        verdict = authorizer.decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now, approvals=people)
        assert (verdict.outcome is Outcome.ALLOW) == (people >= needed)


def test_more_people_than_there_can_be_are_a_denial(authorize: Authorize, now: datetime) -> None:
    authorizer = authorize(forbid("own.more", "context.approved && context.approvals < 6"))
    verdict = authorizer.decide(call(labels=frozenset(("C",))), holding(A=1, B=2), now=now)
    assert verdict.outcome is Outcome.DENY
    assert set(verdict.policies) == {"own.more", "r2.ask-third-label"}


def test_requests_too_large_to_remember_are_decided_all_the_same(
    authorize: Authorize, now: datetime, engine_calls: list[bool]
) -> None:
    authorizer = authorize(forbid("own.stop", 'context.target.paths.contains("/stop")'))
    large = call(targets=tuple(Target("path", f"/{number:09}", "x") for number in range(2000)))
    stop = replace(large, targets=(*large.targets, Target("path", "/stop", "x")))
    assert [authorizer.decide(facts, CLEAN, now=now).outcome for facts in (large, stop, large)] == [
        Outcome.ALLOW,
        Outcome.DENY,
        Outcome.ALLOW,
    ]
    assert len(engine_calls) == 3


@pytest.mark.parametrize(
    ("condition", "passes", "policies"),
    [
        ("true", 1, {"own.stop"}),
        ("context.frozen == false", 1, {"own.stop"}),
        ("!context.approved", 2, {"own.stop", "r2.ask-third-label"}),
        ("context.approved", 2, {"own.stop", "r2.ask-third-label"}),
        ("context.approvals < 9", 3, {"own.stop"}),
        ("(if context.frozen then context else context).labels.C", 3, {"own.stop"}),
    ],
)
def test_the_engine_is_asked_again_only_where_a_yes_could_change_something(
    authorize: Authorize, now: datetime, engine_calls: list[bool], condition: str, passes: int, policies: set[str]
) -> None:
    completing, held = call(labels=frozenset(("C",))), holding(A=1, B=2)
    verdict = authorize(forbid("own.stop", condition)).decide(completing, held, now=now)
    assert verdict.outcome is (Outcome.ASK if condition == "!context.approved" else Outcome.DENY)
    assert (len(engine_calls), set(verdict.policies)) == (passes, policies)


@pytest.mark.parametrize(
    "condition", ["context has network", 'context.now >= datetime("2027-01-01")', "context.held has A"]
)
def test_the_very_same_facts_are_decided_anew_where_something_else_changed(
    authorize: Authorize, now: datetime, condition: str
) -> None:
    authorizer, facts, later = authorize(forbid("own.stop", condition)), call(), datetime(2027, 1, 1, tzinfo=UTC)
    other: list[dict[str, Any]] = [{"environment": {"network": {"zone": "x"}}}, {"now": later}, {"view": holding(A=1)}]
    for changed in [{}, *other, {}, *other]:
        request = {"view": CLEAN, "now": now, "environment": {}, **changed}
        fresh = authorize(forbid("own.stop", condition)).decide(facts, **request)
        assert authorizer.decide(facts, **request) == fresh


def test_memory_stays_bounded_over_many_requests(authorize: Authorize, now: datetime) -> None:
    authorizer = authorize()
    for number in range(4200):
        authorizer.decide(call(f"t{number}"), CLEAN, now=now)
    assert len(authorizer._decided) == 4096


NAMES = st.sampled_from(["a", "a__b", "b", "b__c", "c", ""])
HELD: st.SearchStrategy[Held] = st.dictionaries(
    st.sampled_from(["A", "B", "C"]), st.sampled_from([1, 2, True, 1.0, 2**64])
)
KINDS: st.SearchStrategy[TargetKind] = st.sampled_from(["host", "url", "path", "recipient", "amount"])
FACTS = st.builds(
    Facts,
    st.sampled_from(Action),
    NAMES,
    NAMES,
    st.frozensets(st.sampled_from(["A", "B", "C"])),
    st.lists(st.builds(Target, KINDS, st.sampled_from([None, "1", "a"]), st.just("x")), max_size=2).map(tuple),
)
VIEWS = st.builds(SessionView, st.sampled_from(["s", "a"]), HELD, HELD, st.booleans(), st.booleans())
READS_ALL = """
@id("own.order") @message("x") forbid (principal, action, resource)
when { context.held has A && context.held has B && context.held.A < context.held.B };
@id("own.server") @message("x") @code("withheld") forbid (principal, action, resource)
when { resource in Gateway::Server::"a" && context.target.hosts.contains("a") };
@id("own.tool") @message("x") forbid (principal, action, resource == Gateway::Tool::"a__b__c")
unless { context.approved || context.target.complete };
@id("own.session") @message("x") forbid (principal == Gateway::Session::"a", action, resource)
when { context.target has amount };
"""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.lists(st.tuples(FACTS, VIEWS, st.booleans()), min_size=2, max_size=12))
def test_remembering_never_changes_a_verdict(
    load_text: LoadText, requests: list[tuple[Facts, SessionView, bool]]
) -> None:
    policies = load_text(f"{GENEROUS}{READS_ALL}")

    def decide(authorizer: Authorizer, request: tuple[Facts, SessionView, bool]) -> Verdict:
        facts, view, approved = request
        return authorizer.decide(facts, view, now=datetime(2026, 11, 22, tzinfo=UTC), approvals=approved)

    remembering = Authorizer(policies, Principal(), "generic")
    remembered = [decide(remembering, request) for request in requests * 2]
    fresh = [decide(Authorizer(policies, Principal(), "generic"), request) for request in requests]
    assert remembered == fresh * 2
