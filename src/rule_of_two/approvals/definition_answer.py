"""What a person says to a definition that a server offers: accepted, or refused. Signed like an answer.

It is bound to the state, the server, the name, and both digests: of what was accepted, and of what was on screen. So it
accepts nothing but that, nowhere else, and not again after the definition has changed.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError

from rule_of_two.approvals.word import Word, instant
from rule_of_two.errors import BadRequest

DEFINITION_TYPE: Final = "rule-of-two/definition/1"
"""Separates it from everything else that an approver's key can sign."""


class Verdict(StrEnum):
    """What was said."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    """It stays as it is, and nobody is asked again until the server offers something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionSubject:
    """One change. ``old`` and ``new`` are digests (:mod:`~rule_of_two.definition_digest`), empty where there is none;
    equal, where a definition that was accepted as first seen is meant."""

    state: str
    upstream: str
    kind: str
    name: str
    old: str
    new: str

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionAnswer(Word):
    """A person's word for one change. ``nonce`` makes each of them one of a kind, so none can be replayed."""

    id: str
    subject: DefinitionSubject
    verdict: Verdict
    answered_at: AwareDatetime
    nonce: str

    @classmethod
    def to(cls, subject: DefinitionSubject, verdict: Verdict, *, approver: str, now: datetime) -> DefinitionAnswer:
        """An answer of now, unsigned."""
        return cls(
            id=secrets.token_hex(8),
            subject=subject,
            verdict=verdict,
            approver=approver,
            answered_at=now.astimezone(UTC),
            nonce=secrets.token_hex(16),
        )

    @property
    def said(self) -> dict[str, Any]:
        """Everything but who says it."""
        return {
            "type": DEFINITION_TYPE,
            "id": self.id,
            "subject": asdict(self.subject),
            "verdict": str(self.verdict),
            "answered_at": instant(self.answered_at),
            "nonce": self.nonce,
        }


_ANSWER: Final = TypeAdapter(DefinitionAnswer)


def definition_answer_text(answer: DefinitionAnswer) -> str:
    """The answer as JSON, to be read by :func:`definition_answer_in`."""
    return _ANSWER.dump_json(answer).decode()


def definition_answer_in(text: str) -> DefinitionAnswer:
    """The answer that was written.

    :raises BadRequest: it is none.
    """
    try:
        return _ANSWER.validate_json(text)
    except ValidationError as error:
        raise BadRequest("This is no answer to a definition.") from error
