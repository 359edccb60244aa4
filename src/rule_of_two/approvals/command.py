"""What a human does to a session outside a question: drop C, freeze it, start a new one. Signed like an answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, ConfigDict

from rule_of_two.approvals.answer import check_approver
from rule_of_two.approvals.canonical import canonical
from rule_of_two.approvals.choice import Choice
from rule_of_two.errors import BadRequest

if TYPE_CHECKING:
    from rule_of_two.approvals.keys import ApproverKey

COMMAND_TYPE: Final = "rule-of-two/command/1"

COMMANDS: Final = frozenset((Choice.DROP, Choice.FREEZE, Choice.NEW))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One deed of a human's to one session. ``nonce`` makes each of them one of a kind, so none can be replayed."""

    id: str
    session: str
    choice: Choice
    approver: str
    commanded_at: AwareDatetime
    nonce: str
    key: str | None = None
    signature: str | None = None

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: it is none of the three deeds, or the approver's name is unusable."""
        check_approver(self.approver)
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
    def statement(self) -> bytes:
        """The bytes that are signed: canonical JSON (RFC 8785)."""
        return canonical(
            {
                "type": COMMAND_TYPE,
                "id": self.id,
                "session": self.session,
                "choice": str(self.choice),
                "approver": self.approver,
                "commanded_at": self.commanded_at.astimezone(UTC).isoformat(timespec="microseconds"),
                "nonce": self.nonce,
                "key": self.key,
            }
        ).encode()

    def signed(self, key: ApproverKey) -> Command:
        """The same command with its signature."""
        named = replace(self, key=key.public.fingerprint)
        return replace(named, signature=key.sign(named.statement))
