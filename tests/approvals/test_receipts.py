"""An answer is used once, whichever process on the state uses it, and whatever a row says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rule_of_two.approvals import receipts
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.errors import BadRequest, StoreError
from rule_of_two.store.state import open_state
from tests.approvals.samples import NOW, a_question, an_answer

AT = "2026-11-28T10:00:00+00:00"


def test_a_second_use_is_refused_also_by_another_process(tmp_path: Path) -> None:
    question = a_question()
    given = Given(question, (an_answer(question),))
    one, other = open_state(tmp_path), open_state(tmp_path)
    one.write_now(lambda db: receipts.use(db, given, decision=7, at=AT))
    with pytest.raises(StoreError, match="used before"):
        other.write_now(lambda db: receipts.use(db, given, decision=8, at=AT))
    rows = other.read(lambda db: db.execute("SELECT decision, approver FROM receipts").fetchall())
    assert rows == [(7, "alice")]
    one.close()
    other.close()


def test_of_two_approvers_each_receipt_is_kept(tmp_path: Path) -> None:
    question = a_question()
    given = Given(question, (an_answer(question), an_answer(question, approver="bob")))
    state = open_state(tmp_path)
    state.write_now(lambda db: receipts.use(db, given, decision=7, at=AT))
    texts = state.read(lambda db: db.execute("SELECT receipt FROM receipts ORDER BY approver").fetchall())
    assert tuple(receipts.receipt(text) for (text,) in texts) == given.answers
    state.close()


def test_what_was_signed_is_read_back_as_it_was() -> None:
    answer = an_answer(a_question()).signed(ApproverKey.generate())
    assert receipts.receipt(receipts.receipt_text(answer)) == answer
    command = Command.to("s", Choice.NEW, approver="alice", now=NOW).signed(ApproverKey.generate())
    assert receipts.deed(receipts.signed_command_text(command)) == command
    assert receipts.deed(receipts.receipt_text(answer)) == answer


@pytest.mark.parametrize("text", ["", "{}", "null", '{"question_id": 1}', "[" * 1000])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        receipts.deed(text)
