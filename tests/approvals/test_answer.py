"""An answer approves one question, or none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.errors import BadRequest
from tests.approvals.samples import NOW, WAIT, a_question, an_answer


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


def test_without_a_signature_an_answer_says_that_it_is_advisory() -> None:
    assert an_answer(a_question()).assurance == "unsigned, advisory"
    assert an_answer(a_question(), signature="ed25519:…").assurance == "signed"


@pytest.mark.parametrize("approver", ["", "x" * 101, "al\x1b[31mice", "al\nice", "al\u202eice"])
def test_an_approver_has_a_printable_name(approver: str) -> None:
    with pytest.raises(BadRequest, match="printable"):
        an_answer(a_question(), approver=approver)


def test_every_refusal_and_ending_has_its_sentence() -> None:
    sentences = {reason.sentence for reason in (*Refusal, *Unanswered)}
    assert len(sentences) == len(Refusal) + len(Unanswered)
