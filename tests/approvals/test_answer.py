"""An answer approves one question, or none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rule_of_two.approvals.answer import GrantTerms, Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.errors import BadRequest
from rule_of_two.model import Target
from rule_of_two.records import replace
from tests.approvals.samples import MALLORY, NOW, WAIT, a_question, an_answer


def test_a_yes_approves_its_question_until_it_expires() -> None:
    question = a_question()
    answer = an_answer(question)
    assert answer.approves(question, now=NOW)
    assert answer.approves(question, now=NOW + WAIT - timedelta(microseconds=1))
    assert not answer.approves(question, now=NOW + WAIT)


@pytest.mark.parametrize("changed", [{"verdict": Choice.NO}, {"question_id": "other"}, {"digest": "0" * 64}], ids=str)
def test_any_other_answer_approves_nothing(changed: dict[str, Any]) -> None:
    question = a_question()
    assert not an_answer(question, **changed).approves(question, now=NOW)


def test_an_answer_does_not_approve_the_question_with_one_byte_changed() -> None:
    question = a_question()
    changed = replace(question, arguments_json=question.arguments_json.replace("mallory", "nallory"))
    assert not an_answer(question).approves(changed, now=NOW)


@pytest.mark.parametrize("approver", ["", "x" * 101, "al\x1b[31mice", "al\nice", "al\u202eice"])
def test_an_approver_has_a_printable_name(approver: str) -> None:
    with pytest.raises(BadRequest, match="printable"):
        an_answer(a_question(), approver=approver)


KEY = ApproverKey.generate()


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": Choice.DROP},
        {"digest": "0" * 64},
        {"shown": "0" * 64},
        {"question_id": "other"},
        {"approver": "mallory"},
        {"answered_at": NOW + timedelta(microseconds=1)},
        {"channel": "elicitation"},
        {"key": "SHA256:other"},
    ],
    ids=str,
)
def test_a_signature_covers_everything_that_an_answer_says(changed: dict[str, Any]) -> None:
    answer = an_answer(a_question()).signed(KEY)
    assert answer.signature is not None
    assert KEY.public.verifies(answer.signature, answer.statement)
    assert not KEY.public.verifies(answer.signature, replace(answer, **changed).statement)


@pytest.mark.parametrize(
    "changed",
    [
        {"uses": 6},
        {"minutes": 60},
        {"targets": (("recipient", "eve@evil.example"),)},
        {"pin": None},
        {"name": "delete"},
        {"upstream": "files"},
        {"action": "get_prompt"},
        {"session": "s-other"},
        {"policy_version": "other"},
    ],
    ids=str,
)
def test_a_signature_covers_all_terms_of_a_grant(changed: dict[str, Any]) -> None:
    question = a_question()
    terms = GrantTerms.of(question, uses=5, minutes=15)
    answer = an_answer(question, Choice.GRANT, grant=terms).signed(KEY)
    assert answer.signature is not None
    other = replace(answer, grant=replace(terms, **changed))
    assert not KEY.public.verifies(answer.signature, other.statement)
    fits = replace(terms, **changed).fits(question)
    assert fits == (changed.keys() <= {"uses", "minutes"})


def test_a_grant_ends_so_many_minutes_after_the_answer() -> None:
    question = a_question()
    answer = an_answer(question, Choice.GRANT, grant=GrantTerms.of(question, uses=1, minutes=15))
    assert answer.grant_ends == NOW + timedelta(minutes=15)


@pytest.mark.parametrize(
    "targets",
    [
        (),
        (Target("recipient", None, "?"),),
        (MALLORY, Target("path", None, "?")),
        (Target("path", "/" + "x" * 5000, ""),),
    ],
    ids=["none", "unreadable", "one unreadable", "too long"],
)
def test_a_grant_needs_targets_that_are_known(targets: tuple[Target, ...]) -> None:
    with pytest.raises(BadRequest, match="targets"):
        GrantTerms.of(a_question(targets=targets), uses=5, minutes=15)


@pytest.mark.parametrize("terms", [{"uses": 0}, {"uses": 101}, {"minutes": 0}, {"minutes": 481}], ids=str)
def test_a_grant_is_bounded(terms: dict[str, int]) -> None:
    with pytest.raises(BadRequest, match="1 to"):
        GrantTerms.of(a_question(), **{"uses": 5, "minutes": 15, **terms})


def test_terms_stand_where_a_grant_is_given_and_nowhere_else() -> None:
    question = a_question()
    with pytest.raises(BadRequest, match="terms"):
        an_answer(question, Choice.GRANT)
    with pytest.raises(BadRequest, match="terms"):
        an_answer(question, Choice.YES, grant=GrantTerms.of(question, uses=1, minutes=1))


def test_every_refusal_and_ending_has_its_sentence() -> None:
    sentences = {reason.sentence for reason in (*Refusal, *Unanswered)}
    assert len(sentences) == len(Refusal) + len(Unanswered)
