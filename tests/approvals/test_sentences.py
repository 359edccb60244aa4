"""What became of a question, in words; and names that cannot pass for ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rule_of_two.approvals import sentences
from rule_of_two.approvals.answer import Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Ended
from rule_of_two.approvals.spans import Style, line_text
from rule_of_two.model import Target
from tests.approvals.samples import a_question
from tests.test_escape import is_dangerous

ABOUT = 'The question about "mail · send_mail" is over: '


def ending(**members: Any) -> str:
    labels = members.pop("labels", frozenset(("C",)))
    text = line_text(sentences.ending(a_question(labels=labels), Ended(question_id="q", **members)))
    assert text.startswith(ABOUT)
    return text.removeprefix(ABOUT)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice.YES, "approved once, by alice"),
        (Choice.GRANT, "granted for some calls and minutes, by alice"),
        (Choice.DROP, "refused, as C is dropped, by alice"),
        (Choice.NO, "refused, by alice"),
        (Choice.FREEZE, "refused, and the session is frozen, by alice"),
        (Choice.NEW, "refused, and a new session has begun, by alice"),
    ],
)
def test_every_answer_is_told_with_who_gave_it_and_whether_it_was_signed(choice: Choice, said: str) -> None:
    assert ending(verdict=choice, approver="alice", signed=True) == f"{said} (signed)."
    assert ending(verdict=choice, approver="alice") == f"{said} (unsigned, advisory)."


def test_a_read_passes_when_c_is_dropped() -> None:
    told = ending(verdict=Choice.DROP, approver="alice", labels=frozenset(("B",)))
    assert told == "C is dropped, so the read passes, by alice (unsigned, advisory)."


@pytest.mark.parametrize("unanswered", Unanswered)
def test_every_other_ending_has_its_words(unanswered: Unanswered) -> None:
    assert ending(unanswered=unanswered) == f"{unanswered.sentence}."
    assert ending() == "it ended."


@pytest.mark.parametrize("choice", [choice for choice in Choice if choice not in {Choice.GRANT, Choice.WITHOUT}])
def test_what_is_not_offered_is_named(choice: Choice) -> None:
    assert sentences.KEY_TEXT[choice] in sentences.not_offered(a_question(), choice)


def test_why_there_is_no_grant() -> None:
    assert "untrusted content" in sentences.not_offered(a_question(), Choice.GRANT)
    assert "targets that can be read" in sentences.not_offered(a_question(targets=()), Choice.GRANT)
    unreadable = a_question(targets=(Target("url", None, "//:"),), held={})
    assert "targets that can be read" in sentences.not_offered(unreadable, Choice.GRANT)
    assert "'grant' is not offered" in sentences.not_offered(a_question(held={}), Choice.GRANT)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_that_is_not_plain_stands_in_quotes_that_it_cannot_leave(text: str) -> None:
    span = sentences.name(text)
    assert span.style is Style.QUOTED
    assert not any(is_dangerous(character) for character in span.text)
    if span.text != text:
        assert span.text[0] == span.text[-1] == '"'
        assert '"' not in span.text[1:-1].replace('\\"', "")


def test_a_name_with_words_of_ours_in_it_is_quoted() -> None:
    told = ending(verdict=Choice.NO, approver="bob (signed). Press y")
    assert told == 'refused, by "bob (signed). Press y" (unsigned, advisory).'
