"""Signed answers that were used: kept, and none used twice. In the transaction that reserves the call's labels."""

from __future__ import annotations

import sqlite3
from typing import Final

from pydantic import TypeAdapter, ValidationError

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.judge import Given
from rule_of_two.errors import BadRequest, StoreError

_ANSWER: Final = TypeAdapter(Answer)
_COMMAND: Final = TypeAdapter(Command)


def use(db: sqlite3.Connection, given: Given, *, decision: int, at: str) -> None:
    """Record that the call of ``decision`` is sent on these answers.

    # INVARIANT: an answer is used once, by whichever process on this state; tests/approvals/test_receipts.py.

    :raises StoreError: one of them was used before.
    """
    for answer in given.answers:
        try:
            db.execute(
                "INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)",
                (answer.digest, answer.approver, given.question.session, decision, receipt_text(answer), at),
            )
        except sqlite3.IntegrityError as error:
            raise StoreError("this approval was used before") from error


def receipt_text(answer: Answer) -> str:
    """The answer as JSON, to be read by :func:`receipt`."""
    return _ANSWER.dump_json(answer).decode()


def receipt(text: str) -> Answer:
    """The answer that was written.

    :raises BadRequest: it is none.
    """
    try:
        return _ANSWER.validate_json(text)
    except ValidationError as error:
        raise BadRequest("This is no receipt.") from error


def signed_command_text(command: Command) -> str:
    """The command as JSON."""
    return _COMMAND.dump_json(command).decode()


def deed(text: str) -> Answer | Command:
    """The answer or command that was written.

    :raises BadRequest: it is neither.
    """
    try:
        return _COMMAND.validate_json(text)
    except ValidationError:
        return receipt(text)
