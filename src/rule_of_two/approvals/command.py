"""What a human does to a session outside a question: drop C, freeze it, start a new one. Signed like an answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import AwareDatetime

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.word import Word, instant
from rule_of_two.errors import BadRequest

COMMAND_TYPE: Final = "rule-of-two/command/1"

COMMANDS: Final = frozenset((Choice.DROP, Choice.FREEZE, Choice.NEW))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Word):
    """One deed of a human's to one session. ``nonce`` makes each of them one of a kind, so none can be replayed."""

    id: str
    session: str
    choice: Choice
    commanded_at: AwareDatetime
    nonce: str

    def __post_init__(self) -> None:
        """:raises BadRequest: it is none of the three deeds, or the approver's name is unusable."""
        Word.__post_init__(self)
        if self.choice not in COMMANDS:
            raise BadRequest(f"'{self.choice}' answers a question; it cannot be done to a session.")

    @classmethod
    def to(cls, session: str, choice: Choice, *, approver: str, now: datetime) -> Command:
        """A command of now, unsigned."""
        return cls(
            id=secrets.token_hex(8),
            session=session,
            choice=choice,
            approver=approver,
            commanded_at=now.astimezone(UTC),
            nonce=secrets.token_hex(16),
        )

    @property
    def said(self) -> dict[str, Any]:
        """Everything but who says it."""
        return {
            "type": COMMAND_TYPE,
            "id": self.id,
            "session": self.session,
            "choice": str(self.choice),
            "commanded_at": instant(self.commanded_at),
            "nonce": self.nonce,
        }
