"""A question is bound to everything that is sent, frozen, and read back from the channel only if it is what it says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError, fields
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.question import DIGEST_TYPE, Origin, Question, bound_parameters
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.model import Action, Target, Tier
from rule_of_two.records import replace
from tests.approvals.samples import HELD, LETTER, MALLORY, NOW, PAGE, SALARIES, WAIT, a_question, an_arrival


def test_the_digest_is_sha256_over_the_canonical_json_of_the_bound_members() -> None:
    question = a_question(forwarded={"name": "send_mail", "_meta": {"vendor/trace": "t"}})
    document: dict[str, Any] = {
        "type": DIGEST_TYPE,
        "session": "s-7f3a91",
        "action": "call_tool",
        "upstream": "mail",
        "name": "send_mail",
        "pin": "ab" * 32,
        "arguments": LETTER,
        "forwarded": {"_meta": {"vendor/trace": "t"}},
        "held": {"A": 3, "B": 4},
        "adds": ["C"],
        "policy_version": "cd" * 32,
        "nonce": question.nonce,
        "expires_at": "2026-11-22T14:03:40.000000+00:00",
    }
    assert question.digest == hashlib.sha256(rfc8785.dumps(document)).hexdigest()


CHANGES: dict[str, dict[str, Any]] = {
    "session": {"session": "s-other"},
    "action": {"action": Action.READ_RESOURCE},
    "upstream": {"upstream": "other"},
    "name": {"name": "send_mai1"},
    "pin": {"pin": None},
    "arguments": {"arguments_json": '{"to":"mallory@evil.example2"}'},
    "forwarded": {"forwarded_json": '{"_meta":{"x":1}}'},
    "held": {"held": {"A": HELD["A"]}},
    "call that brought a label": {"held": {**HELD, "B": replace(SALARIES, call=5)}},
    "adds": {"labels": frozenset(("B", "C")), "held": {"A": HELD["A"]}},
    "policy version": {"policy_version": "ce" * 32},
    "nonce": {"nonce": "00"},
    "expiry": {"expires_at": NOW + WAIT + timedelta(microseconds=1)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_each_bound_member_changes_the_digest(change: dict[str, Any]) -> None:
    question = a_question()
    assert replace(question, **change).digest != question.digest


OTHERS: dict[str, Any] = {
    "session": "s-other",
    "client": "another client",
    "head": (7, "0" * 64),
    "action": Action.GET_PROMPT,
    "upstream": "elsewhere",
    "name": "elsewhere",
    "pin": None,
    "arguments_json": "{}",
    "forwarded_json": '{"more":1}',
    "arrival": an_arrival(),
    "labels": frozenset(("B", "C")),
    "held": {"A": PAGE},
    "targets": (),
    "policies": (),
    "messages": (),
    "policy_version": "0" * 64,
    "secret_pointers": ("/to",),
    "nonce": "0" * 32,
    "created_at": NOW - WAIT,
    "expires_at": NOW + WAIT + WAIT,
    "user": "bob",
    "tenant": "other",
    "offers": (Choice.YES,),
    "needs": 2,
    "decision": 99,
    "tier": Tier.SIGNED,
}


@pytest.mark.parametrize("member", [one.name for one in fields(Question) if one.name != "id"])
def test_every_member_is_bound_by_one_of_the_two(member: str) -> None:
    """The id is a member of the answer itself."""
    question = a_question()
    changed = replace(question, **{member: OTHERS[member]})
    assert (changed.digest, changed.shown) != (question.digest, question.shown)


@pytest.mark.parametrize(
    "change", [{"shown": "boss@example.org"}, {"exact": False}, {"value": None}, {"given": False}], ids=str
)
def test_what_is_shown_of_a_target_is_bound(change: dict[str, Any]) -> None:
    question = a_question()
    assert replace(question, targets=(replace(MALLORY, **change),)).shown != question.shown


def test_what_the_same_words_reach_makes_it_another_call() -> None:
    link = Target("path", "/srv/harmless", "/srv/link")
    before, moved = a_question(targets=(link,)), a_question(targets=(replace(link, value="/srv/precious"),))
    assert before.fingerprint == a_question(targets=(link,)).fingerprint
    assert before.fingerprint != moved.fingerprint
    assert a_question().fingerprint != a_question(labels=frozenset(("B", "C"))).fingerprint


@given(st.integers(min_value=0), st.integers(1, 255))
def test_one_changed_byte_of_the_arguments_changes_the_digest(place: int, flip: int) -> None:
    question = a_question()
    text = bytearray(question.arguments_json.encode())
    text[place % len(text)] ^= flip
    changed = replace(question, arguments_json=text.decode("latin-1"))
    assert changed.digest != question.digest


def test_two_questions_about_the_same_call_have_different_digests() -> None:
    assert a_question().digest != a_question().digest


def test_the_arguments_cannot_be_changed_after_the_question_was_made() -> None:
    arguments = {"to": ["alice@example.com"]}
    question = a_question(arguments=arguments)
    before = question.digest
    arguments["to"].append("mallory@evil.example")
    question.arguments["to"].append("mallory@evil.example")
    assert question.arguments == {"to": ["alice@example.com"]}
    assert question.digest == before
    with pytest.raises(FrozenInstanceError):
        question.arguments_json = "{}"  # type: ignore[misc]  # that it is frozen is what this test shows


@pytest.mark.parametrize("value", [2**53, float("nan"), "\ud800"], ids=repr)
def test_arguments_that_cannot_be_bound_are_never_asked_about(value: object) -> None:
    with pytest.raises(BadRequest):
        a_question(arguments={"amount": value})
    with pytest.raises(BadRequest):
        a_question(forwarded={"amount": value})


def test_arguments_that_cannot_be_shown_are_never_asked_about() -> None:
    with pytest.raises(LimitExceeded):
        a_question(arguments={"body": "x" * 20_000_000})


def test_a_name_that_cannot_be_bound_has_no_digest() -> None:
    with pytest.raises(BadRequest):
        _ = a_question(name="\ud800").digest


def test_adds_are_the_labels_that_the_session_does_not_hold() -> None:
    assert a_question(labels=frozenset(("A", "C"))).adds == {"C"}
    full = {**HELD, "C": SALARIES}
    assert a_question(labels=frozenset(("C",)), held=full).adds == frozenset()


@pytest.mark.parametrize("at", [datetime(2026, 11, 22), datetime(2026, 11, 22, tzinfo=timezone(timedelta(hours=1)))])
def test_times_are_utc(at: datetime) -> None:
    with pytest.raises(BadRequest, match="UTC"):
        a_question(now=at)
    with pytest.raises(BadRequest, match="UTC"):
        a_question(held={"A": Origin(call=1, name="n", shown="", at=at)})


def test_a_question_that_expires_before_it_is_asked_is_refused() -> None:
    with pytest.raises(BadRequest, match="expire"):
        a_question(wait=timedelta(0))


def test_ids_and_nonces_come_from_the_given_source_of_randomness() -> None:
    question = a_question(random_hex=lambda size: "5a" * size)
    assert (question.id, question.nonce) == ("5a" * 8, "5a" * 16)


def test_bound_parameters_leave_out_name_arguments_progress_token_and_the_protocols_keys() -> None:
    params = {
        "name": "send_mail",
        "arguments": LETTER,
        "inputResponses": {"one": {"action": "accept"}},
        "_meta": {
            "progressToken": 7,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "x"},
            "io.modelcontextprotocol/unheard-of": "stays",
            "vendor/trace": "stays",
        },
    }
    assert bound_parameters(Action.CALL_TOOL, params) == {
        "inputResponses": {"one": {"action": "accept"}},
        "_meta": {"io.modelcontextprotocol/unheard-of": "stays", "vendor/trace": "stays"},
    }


@pytest.mark.parametrize(("meta", "bound"), [({"progressToken": 1}, {}), ("odd", {"_meta": "odd"}), (None, {})])
def test_bound_parameters_of_an_odd_meta(meta: object, bound: dict[str, object]) -> None:
    assert bound_parameters(Action.CALL_TOOL, {"_meta": meta}) == bound


@pytest.mark.parametrize(
    "text",
    ['{"to": 1}', '{"b":1,"a":2}', '{"to":1,"to":2}', "[]", "nothing", '{"a":1.0}', "[" * 5000, '{"a":NaN}'],
    ids=lambda text: str(text)[:12],
)
def test_a_question_whose_text_is_not_what_is_bound_is_refused(text: str) -> None:
    question: Question = a_question()
    question.check()
    with pytest.raises(BadRequest):
        replace(question, arguments_json=text).check()
    with pytest.raises(BadRequest):
        replace(question, forwarded_json=text).check()


def test_a_question_that_cannot_be_bound_is_refused() -> None:
    with pytest.raises(BadRequest, match="cannot be bound"):
        replace(a_question(), held={"A": replace(SALARIES, call=2**53)}).check()


def test_what_is_shown_is_parsed_from_what_is_bound() -> None:
    question = a_question(arguments={"amount": 1.0, "to": "ä"})
    assert question.arguments_json == '{"amount":1,"to":"ä"}'
    assert question.arguments == json.loads(question.arguments_json)
