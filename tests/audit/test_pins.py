"""Whose word a pin rests on: a signed one, first use, or nobody's, which is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.approvals.definition_answer import (
    DefinitionAnswer,
    DefinitionSubject,
    Verdict,
    definition_answer_text,
)
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.audit.pins import PinRecords
from rule_of_two.audit.verify import Verified, verify
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.model import Approver
from rule_of_two.records import replace
from rule_of_two.store.pins import FIRST_USE, Pin, PinAnswer

KEY = ApproverKey.generate()
WITNESS = KeyWitness([Enrolled(Approver("alice", "alice", "local"), KEY.public)])
SUBJECT = DefinitionSubject(state="st", upstream="mail:1", kind="tool", name="send", old="o", new="n")
PIN = Pin("tool", "send", "n", {}, "alice", "t")


def word(verdict: Verdict = Verdict.ACCEPT, key: ApproverKey | None = KEY, **subject: Any) -> PinAnswer:
    answer = DefinitionAnswer.to(replace(SUBJECT, **subject), verdict, approver="alice", now=datetime.now(UTC))
    signed = answer if key is None else answer.signed(key)
    return PinAnswer(answer.id, "tool", "send", signed.subject.new, definition_answer_text(signed), "t")


def checked(pin: Pin, *answers: PinAnswer) -> Verified:
    return verify((), WITNESS, PinRecords("st", (("mail:1", pin),), tuple(("mail:1", one) for one in answers)))


def test_a_signed_word_covers_the_pin_that_it_is_about() -> None:
    result = checked(PIN, word(new="x"), word(old="x"), word(Verdict.REFUSE, new="y"))
    assert (result.good, result.findings.counts["pins_signed"]) == (True, 1)
    assert any("Definitions: 1 signed" in line for line in result.lines())


def test_first_use_and_unsigned_words_are_counted_and_said() -> None:
    first = checked(replace(PIN, accepted_by=FIRST_USE), word(Verdict.REFUSE, new="y"))
    assert (first.good, first.findings.counts["pins_first_use"]) == (True, 1)
    unsigned = checked(PIN, word(key=None))
    assert (unsigned.good, unsigned.as_facts()["not_checked"]["pins_unsigned"]) == (True, 1)
    assert any("definitions were accepted by somebody who did not sign" in line for line in unsigned.lines())


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ((), "uncovered_pin"),
        ((word(new="x"),), "uncovered_pin"),
        ((word(), word(old="n", new="x")), "uncovered_pin"),
        ((word(Verdict.REFUSE),), "uncovered_pin"),
        ((word(state="other"),), "uncovered_pin"),
        ((word(upstream="mail:2"),), "uncovered_pin"),
        ((word(name="read"),), "uncovered_pin"),
        ((replace(word(), text="{"),), "uncovered_pin"),
        ((word(key=ApproverKey.generate()),), "unknown_key"),
        ((replace(word(), text=word().text.replace("alice", "carol")),), "bad_signature"),
    ],
)
def test_a_pin_that_nobodys_word_covers_is_named(answers: tuple[PinAnswer, ...], cause: str) -> None:
    (found,) = checked(PIN, *answers).findings.found
    assert (found.cause, found.where) == (cause, "tool send of mail:1")
    assert found.line.isprintable()


def test_a_first_use_where_somebody_had_accepted_is_named() -> None:
    (found,) = checked(replace(PIN, accepted_by=FIRST_USE), word()).findings.found
    assert found.cause == "not_first_use"
