"""Who may answer: people of the tenant, as policy says; and an error is a no."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import cedarpy
import pytest

from rule_of_two.model import Action, Approver, Facts, Principal, SessionView, Target, labels_in
from rule_of_two.policy.load import Policies
from rule_of_two.policy.rights import Rights

from .conftest import LoadText, PanicException

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
ALICE = Approver("alice", "alice", "acme", ("engineer",), signed=True)
PRINCIPAL = Principal(user="alice", tenant="acme")
MAIL = Facts(Action.CALL_TOOL, "mail", "send", frozenset(("C",)), (Target("recipient", "bob@acme.example", "bob"),))
NOTHING_HELD = SessionView("s")
SESSIONS = '@id("own.a") permit (principal is Gateway::Session, action, resource);'
"""Says nothing of approvers."""


def may(policies: Policies, approver: Approver = ALICE, facts: Facts = MAIL, **changed: Any) -> bool:
    view = changed.pop("view", NOTHING_HELD)
    members = {"choice": "yes", "channel": "console", "approvals": 1, "now": NOW, **changed}
    return Rights(policies, PRINCIPAL, "generic").may_answer(approver, facts, view, **members)


def test_people_of_the_tenant_may_answer_and_others_may_not(load_text: LoadText) -> None:
    policies = load_text(SESSIONS, "default")
    assert may(policies)
    assert not may(policies, Approver("mallory", "mallory", "other", signed=True))


def test_a_grant_is_not_given_once_the_session_has_seen_untrusted_content(load_text: LoadText) -> None:
    policies = load_text(SESSIONS, "default")
    seen = SessionView("s", held={"A": 1})
    assert may(policies, choice="grant", view=SessionView("s", held={"B": 1}))
    assert not may(policies, choice="grant", view=seen)
    assert may(policies, choice="yes", view=seen)


def test_reserved_labels_count_as_held(load_text: LoadText) -> None:
    policies = load_text(SESSIONS, "default")
    assert not may(policies, choice="grant", view=SessionView("s", reserved={"A": 3}))


def test_four_eyes_lets_nobody_approve_for_themselves_what_is_not_known(load_text: LoadText) -> None:
    policies = load_text(SESSIONS, "default", "four-eyes")
    unknown = Facts(Action.CALL_TOOL, "mail", "send", frozenset(("C",)), (Target("recipient", None, "?"),))
    bob = Approver("bob", "bob", "acme", signed=True)
    assert may(policies)
    assert not may(policies, facts=unknown)
    assert may(policies, bob, unknown)
    assert not may(policies, bob, channel="elicitation")
    assert not may(policies, bob, choice="grant")


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ('principal in Gateway::Role::"engineer"', True),
        ('principal in Gateway::Role::"manager"', False),
        ("principal.signed", True),
        ('context.choice == "yes" && context.channel == "console"', True),
        ("context.approved && context.approvals == 1", True),
        ("context.labels.C && context.target.known", True),
        ('context.target.recipients.contains("bob@acme.example")', True),
        ("principal.user == context.session.user", True),
        ('resource == Gateway::Tool::"mail__send" && resource in Gateway::Server::"mail"', True),
    ],
)
def test_policies_read_the_approver_the_answer_and_the_call(load_text: LoadText, condition: str, allowed: bool) -> None:
    text = (
        f'@id("own.a") permit (principal, action == Gateway::Action::"approve_call", resource) when {{ {condition} }};'
    )
    assert may(load_text(text)) is allowed


def test_policies_that_name_no_action_still_validate(load_text: LoadText) -> None:
    load_text(
        '@id("own.a") @message("Not now.") forbid (principal, action, resource) when { context.frozen || '
        'context.labels.A || principal.interactive || principal.client == "x" };'
    )


def test_an_error_is_a_no(load_text: LoadText) -> None:
    permit = '@id("own.a") permit (principal, action, resource);'
    condition = "context.approvals * 9223372036854775807 > 0"
    overflow = f'@id("own.b") @message("No.") forbid (principal, action, resource) when {{ {condition} }};'
    policies = load_text(permit + overflow)
    assert not may(policies, approvals=2)
    assert may(load_text(permit), approvals=2)


@pytest.mark.parametrize("error", [ValueError("v"), PanicException("p")], ids=["error", "panic"])
def test_whatever_the_engine_raises_is_a_no(
    load_text: LoadText, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    policies = load_text('@id("own.a") permit (principal, action, resource);')

    def fails(*_: Any) -> cedarpy.AuthzResult:
        raise error

    assert may(policies)
    monkeypatch.setattr(cedarpy, "is_authorized", fails)
    assert not may(policies)
    assert not Rights(policies, PRINCIPAL, "generic").may_manage(ALICE, NOTHING_HELD, choice="new", now=NOW)


@pytest.mark.parametrize(("name", "allowed"), [("x", True), ("\ud800", False)], ids=["text", "no text"])
def test_a_name_that_is_no_text_is_nobody(load_text: LoadText, name: str, allowed: bool) -> None:
    policies = load_text(
        '@id("own.a") permit (principal is Gateway::Approver, action, resource) when { principal.signed };'
    )
    assert may(policies, Approver(name, "x", "acme", signed=True)) is allowed


def test_managing_a_session_is_a_right_of_its_own(load_text: LoadText) -> None:
    head = '@id("own.a") permit (principal, action == Gateway::Action::"manage_session", resource)'
    text = f'{head} when {{ context.choice == "freeze" }};'
    rights = Rights(load_text(text), PRINCIPAL, "generic")
    assert rights.may_manage(ALICE, NOTHING_HELD, choice="freeze", now=NOW)
    assert not rights.may_manage(ALICE, NOTHING_HELD, choice="new", now=NOW)
    default = Rights(load_text(SESSIONS, "default"), PRINCIPAL, "generic")
    assert default.may_manage(ALICE, NOTHING_HELD, choice="new", now=NOW)
    assert not default.may_manage(Approver("m", "m", "other"), NOTHING_HELD, choice="new", now=NOW)


def test_endorsing_is_a_right_of_its_own(load_text: LoadText) -> None:
    head = '@id("own.a") permit (principal, action == Gateway::Action::"endorse", resource)'
    text = f'{head} when {{ !context.labels.B && resource == Gateway::Server::"notes" && principal.signed }};'
    rights = Rights(load_text(text), PRINCIPAL, "generic")
    assert rights.may_endorse(ALICE, "notes", labels_in("A"), now=NOW)
    assert not rights.may_endorse(ALICE, "notes", labels_in("AB"), now=NOW)
    assert not rights.may_endorse(ALICE, "files", labels_in("A"), now=NOW)
    assert not rights.may_manage(ALICE, NOTHING_HELD, choice="new", now=NOW)


def test_an_item_of_a_result_can_be_endorsed(load_text: LoadText) -> None:
    head = '@id("own.a") permit (principal, action == Gateway::Action::"endorse", resource is Gateway::Document)'
    text = f'{head} when {{ resource.server == Gateway::Server::"mail" && resource has owner }};'
    rights = Rights(load_text(text), PRINCIPAL, "generic")
    mail = {"__entity": {"type": "Gateway::Server", "id": "mail"}}
    attributes = {
        "server": mail,
        "labels": {"A": True, "B": False, "C": False},
        "authors": [],
        "owner": {"__entity": {"type": "Gateway::User", "id": "ann"}},
    }
    item: dict[str, Any] = {"uid": {"type": "Gateway::Document", "id": "m1"}, "attrs": attributes, "parents": []}
    labels = labels_in("A")
    assert rights.may_endorse(ALICE, "mail", labels, now=NOW, document=item)
    assert not rights.may_endorse(ALICE, "mail", labels, now=NOW)


def test_by_default_people_endorse_for_their_own_tenant_and_at_no_server_of_anothers(load_text: LoadText) -> None:
    rights = Rights(load_text(SESSIONS, "default"), PRINCIPAL, "generic")
    labels = labels_in("AB")
    assert rights.may_endorse(ALICE, "notes", labels, now=NOW)
    assert not rights.may_endorse(Approver("m", "m", "other"), "notes", labels, now=NOW)
