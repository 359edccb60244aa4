"""Obligations of policies: which of them hold for a verdict, and what start-up refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from rule_of_two.model import Action, Facts, Obligation, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.authorizer import Authorizer

from .conftest import LoadText

CALL = 'action in Gateway::Action::"call_tool"'
ACME = Principal(user="alice", tenant="acme")
VIEW = SessionView("s-1")


def permit(name: str, *annotations: str, action: str = CALL, more: str = "") -> str:
    return f'@id("{name}")\n{" ".join(annotations)}\npermit (principal, {action}, resource){more};'


def search(labels: str = "B") -> Facts:
    return Facts(Action.CALL_TOOL, "db", "search", labels_in(labels))


TENANT = Obligation("/namespace", "force", '"acme"', "own.tenant")


def test_all_permits_that_let_a_call_pass_oblige_together(load_text: LoadText, now: datetime) -> None:
    text = "\n".join(
        (
            permit("own.tenant", '@force("/namespace = principal.tenant")'),
            permit("own.small", '@cap("/limit <= 100")', '@omit("/admin; /raw")'),
            permit("own.other", '@force("/x = 1")', more=" when { context.labels.A }"),
            permit("own.plain"),
        )
    )
    authorizer = Authorizer(load_text(text), ACME, "generic")
    assert authorizer.obliges
    verdict = authorizer.decide(search(), VIEW, now=now)
    small = [Obligation(*one, "own.small") for one in (("/admin", "omit", ""), ("/limit", "cap", "100"))]
    assert verdict.obligations == (*small, TENANT, Obligation("/raw", "omit", "", "own.small"))
    assert authorizer.decide(search(), VIEW, now=now) is verdict  # remembered with them


def test_what_asks_tells_the_obligations_that_hold_after_the_yes(load_text: LoadText, now: datetime) -> None:
    text = permit("own.tenant", '@force("/namespace = principal.tenant")', more=" when { context.approved }")
    authorizer = Authorizer(load_text(text), ACME, "generic")
    asking = authorizer.decide(search(), VIEW, now=now)
    assert (asking.outcome, asking.obligations) == (Outcome.ASK, (TENANT,))
    assert authorizer.decide(search(), VIEW, now=now, approvals=1).obligations == (TENANT,)


def test_so_does_what_asks_two_people(load_text: LoadText, now: datetime) -> None:
    text = permit("own.tenant", '@force("/namespace = principal.tenant")', more=" when { context.approvals >= 2 }")
    asking = Authorizer(load_text(text), ACME, "generic").decide(search(), VIEW, now=now)
    assert (asking.outcome, asking.approvals, asking.obligations) == (Outcome.ASK, 2, (TENANT,))


def test_what_is_denied_is_obliged_to_nothing(load_text: LoadText, now: datetime) -> None:
    text = permit("own.tenant", '@force("/namespace = principal.tenant")')
    forbid = '\n@id("own.no") @message("No.") forbid (principal, action, resource);'
    assert Authorizer(load_text(text + forbid), ACME, "generic").decide(search(), VIEW, now=now).obligations == ()


def test_without_obligations_nothing_obliges(load_text: LoadText) -> None:
    assert not Authorizer(load_text(permit("own.a", action="action")), ACME, "generic").obliges


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            permit("own.a", '@force("namespace = principal.tenant")'),
            "own.cedar:1: @id 'own.a': @force: 'namespace' is no JSON Pointer; write '/namespace'",
        ),
        (
            '\n\n@id("own.a") @message("m") @omit("/admin")\nforbid (principal, action, resource);',
            (
                "own.cedar:3: @id 'own.a': a forbid lets nothing pass whose arguments could be changed; put the "
                "@omit on a permit"
            ),
        ),
        (
            permit("own.a", '@cap("/limit <= 1")', action="action"),
            (
                "own.cedar:1: @id 'own.a': @cap is about the arguments of tool calls; write "
                'action in Gateway::Action::"call_tool" in the head of the policy'
            ),
        ),
        (
            permit("own.a", '@froce("/namespace = principal.tenant")'),
            "own.cedar:1: @id 'own.a': '@froce' is no obligation; did you mean '@force'?",
        ),
        (
            permit("own.a", "@omit"),
            "own.cedar:1: @id 'own.a': @omit: names no argument; write it as in @omit(\"/admin\")",
        ),
    ],
)
def test_a_malformed_one_is_refused(refusal: Callable[[str], str], text: str, said: str) -> None:
    assert refusal(text) == said


@pytest.mark.parametrize(
    "action",
    [
        'action == Gateway::Action::"get_prompt"',
        'action in [Gateway::Action::"call_tool", Gateway::Action::"read_resource"]',
        'action in Gateway::Action::"use"',
        "action",
    ],
)
def test_only_tool_calls_can_be_obliged(refusal: Callable[[str], str], action: str) -> None:
    assert "is about the arguments of tool calls" in refusal(permit("own.a", '@omit("/admin")', action=action))


def test_other_annotations_are_the_operators(load_text: LoadText) -> None:
    assert load_text(permit("own.a", '@source("handbook")', '@owner("ops")')).by_id["own.a"].obligations == ()
