"""What comes back from a human, and what else can become of a question. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, ConfigDict

from rule_of_two.approvals.question import Question
from rule_of_two.errors import BadRequest


class Choice(StrEnum):
    """What the human chose. Further choices of INTERFACE "Console keys" join here."""

    YES = "yes"
    NO = "no"


class Unanswered(StrEnum):
    """Why a question ended without an answer. Each of them means no."""

    NOBODY_ATTACHED = "nobody_attached"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """The caller gave up, or the gateway stopped."""
    CONSOLE_DETACHED = "console_detached"
    """The last console went away while the question waited."""
    TOO_MANY = "too_many"

    @property
    def sentence(self) -> str:
        """For humans."""
        return _UNANSWERED[self]


_UNANSWERED = {
    Unanswered.NOBODY_ATTACHED: "no console was attached",
    Unanswered.EXPIRED: "time ran out, so it was refused",
    Unanswered.WITHDRAWN: "the agent withdrew the call",
    Unanswered.CONSOLE_DETACHED: "the last console went away, so it was refused",
    Unanswered.TOO_MANY: "too many questions were waiting, so it was refused",
}


class Refusal(StrEnum):
    """Why an answer was not accepted. It changed nothing."""

    UNKNOWN_QUESTION = "unknown_question"
    ALREADY_ENDED = "already_ended"
    """A replay, or another console was faster, or the question was withdrawn."""
    EXPIRED = "expired"
    DIGEST_MISMATCH = "digest_mismatch"

    @property
    def sentence(self) -> str:
        """For humans."""
        return _REFUSALS[self]


_REFUSALS = {
    Refusal.UNKNOWN_QUESTION: "The gateway does not know this question.",
    Refusal.ALREADY_ENDED: "This question had already ended.",
    Refusal.EXPIRED: "This answer came too late: the call was refused.",
    Refusal.DIGEST_MISMATCH: "This answer is for something else than what is waiting. Nothing was approved.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one question, bound by ``digest`` to exactly what was shown.

    ``approver`` is who the console says it is and ``answered_at`` the console's clock: both are claims, and neither
    makes an answer valid. ``signature`` ``None`` means unsigned.
    """

    question_id: str
    digest: str
    verdict: Choice
    approver: str
    answered_at: AwareDatetime
    signature: str | None = None

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: the approver's name is empty, too long or not printable."""
        if not (0 < len(self.approver) <= 100 and self.approver.isprintable()):
            raise BadRequest("The approver's name must be 1 to 100 printable characters.")

    @property
    def assurance(self) -> str:
        """What this answer is worth, in words for receipts and screens (DESIGN "Assurance tiers")."""
        return "unsigned, advisory" if self.signature is None else "signed"

    def approves(self, question: Question, *, now: datetime) -> bool:
        """Whether this is a yes to exactly ``question``, in time: to be asked again at the moment of sending."""
        return (
            self.verdict is Choice.YES
            and self.question_id == question.id
            and self.digest == question.digest
            and now < question.expires_at
        )
