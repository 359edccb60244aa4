"""What comes back from a human, signed, and what else can become of a question. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import AwareDatetime, ConfigDict

from rule_of_two.approvals.arrival import MAX_PICKED
from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.question import JournalHead, Question
from rule_of_two.approvals.word import Word, instant
from rule_of_two.errors import BadRequest
from rule_of_two.model import Label, Labels, Target, labels_in

RECEIPT_TYPE: Final = "rule-of-two/receipt/1"
"""Separates a signed answer from everything else that an approver's key could ever sign."""

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the clocks of console and gateway may be apart for a standing yes, whose end is reckoned from the answer, and
for a new session, which nobody can hold back for later."""

MOST_USES: Final = 100
LONGEST_MINUTES: Final = 480
MOST_TARGET_CHARACTERS: Final = 4000
"""Of all targets of a grant: more than a person reads, and than one line of a console's holds."""

Channel = Literal["console", "elicitation"]


class Unanswered(StrEnum):
    """Why a question ended without an answer. Each of them means no."""

    NOBODY_ATTACHED = "nobody_attached"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """The caller gave up, or the gateway stopped."""
    CONSOLE_DETACHED = "console_detached"
    """The last console went away while the question waited."""
    TOO_MANY = "too_many"
    SESSION_CHANGED = "session_changed"
    """A person froze the session, dropped C or started a new one while the question waited."""
    POLICIES_CHANGED = "policies_changed"
    """Other policies were put in force while the question waited, or before the yes to it was used."""
    USED = "used"
    """The yes was for one call, and an identical one took it."""
    NOT_RECORDED = "not_recorded"
    """The answer could not be written down, so it does not count."""

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
    Unanswered.POLICIES_CHANGED: "the operator's policies changed meanwhile, so it was refused",
    Unanswered.SESSION_CHANGED: "a person changed the session meanwhile, so it was refused",
    Unanswered.USED: "an identical call used the one yes",
    Unanswered.NOT_RECORDED: "the answer could not be written down, so it was refused",
}


class Refusal(StrEnum):
    """Why an answer or a command was not accepted. It changed nothing."""

    UNKNOWN_QUESTION = "unknown_question"
    ALREADY_ENDED = "already_ended"
    """A replay, or another console was faster, or the question was withdrawn."""
    EXPIRED = "expired"
    DIGEST_MISMATCH = "digest_mismatch"
    NOT_OFFERED = "not_offered"
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    """The signature is not by the enrolled key of the approver that it names."""
    NOT_ENTITLED = "not_entitled"
    """Policy does not let this approver say this."""
    ANSWERED_BEFORE = "answered_before"
    """This approver has said yes already; another one is needed."""
    OTHER_ITEMS = "other_items"
    """Another approver has said yes to other items of the same result."""
    CLOCK = "clock"
    UNKNOWN_SESSION = "unknown_session"
    ALREADY_SETTLED = "already_settled"
    """This very answer about a definition was given before: a replay."""
    UNKNOWN_CHANGE = "unknown_change"
    """No such change waits: the definition is another one by now, or somebody was faster."""
    UNKNOWN_ITEM = "unknown_item"
    """The gateway does not keep this withheld item, or keeps it no longer."""
    NOT_RECORDED = "not_recorded"

    @property
    def sentence(self) -> str:
        """For humans."""
        return _REFUSALS[self]


_REFUSALS = {
    Refusal.UNKNOWN_QUESTION: "The gateway does not know this question.",
    Refusal.ALREADY_ENDED: "This question had already ended.",
    Refusal.EXPIRED: "This answer came too late: the call was refused.",
    Refusal.DIGEST_MISMATCH: "This answer is for something else than what is waiting. Nothing was approved.",
    Refusal.NOT_OFFERED: "This question does not offer that answer. Nothing was approved.",
    Refusal.UNSIGNED: "This gateway takes signed answers only: open the console with your key (rule-of-two console).",
    Refusal.BAD_SIGNATURE: "The gateway does not know your key: add it under approvals.approvers and start it again.",
    Refusal.NOT_ENTITLED: "The operator's policies do not let you say that. Nothing was approved.",
    Refusal.ANSWERED_BEFORE: "You have said yes already: another approver is needed.",
    Refusal.OTHER_ITEMS: "Another approver said yes to other items. Mark the same ones, or say no.",
    Refusal.CLOCK: "Your clock and the gateway's are too far apart for this. Nothing was done.",
    Refusal.UNKNOWN_ITEM: "The gateway keeps this item no longer. Nothing was endorsed.",
    Refusal.ALREADY_SETTLED: "This answer was given before. Nothing was accepted.",
    Refusal.UNKNOWN_CHANGE: "That definition is another one by now, or was settled. Nothing was accepted.",
    Refusal.UNKNOWN_SESSION: "The gateway does not know this session.",
    Refusal.NOT_RECORDED: "It could not be written down, so it does not count.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTerms:
    """A narrow standing yes: this tool as it is pinned, all of these targets, so often, so long, in this session.

    ``uses`` counts the call that was asked about. ``targets`` are the canonical values of exactly this call, ``labels``
    what it brings, and ``held`` what the session held: with any other label besides these two, it lapses.
    """

    session: str
    action: str
    upstream: str
    name: str
    pin: str | None
    policy_version: str
    targets: tuple[tuple[str, str], ...]
    labels: tuple[Label, ...]
    held: tuple[Label, ...]
    uses: int
    minutes: int

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def __post_init__(self) -> None:
        """:raises BadRequest: it names no target, or is wider than a grant may be."""
        if not self.targets:
            raise BadRequest("A grant names its targets.")
        if not (1 <= self.uses <= MOST_USES and 1 <= self.minutes <= LONGEST_MINUTES):
            raise BadRequest(f"A grant is for 1 to {MOST_USES} calls and 1 to {LONGEST_MINUTES} minutes.")

    @classmethod
    def of(cls, question: Question, *, uses: int, minutes: int) -> GrantTerms:
        """The grant that a question could get.

        :raises BadRequest: it names no target that can be read.
        """
        targets = canonical_targets(question.targets)
        if targets is None or sum(len(value) for _, value in targets) > MOST_TARGET_CHARACTERS:
            raise BadRequest("A grant needs targets that can be read.")
        return cls(
            session=question.session,
            action=str(question.action),
            upstream=question.upstream,
            name=question.name,
            pin=question.pin,
            policy_version=question.policy_version,
            targets=targets,
            labels=tuple(sorted(question.labels)),
            held=tuple(sorted(question.held)),
            uses=uses,
            minutes=minutes,
        )

    @property
    def covers(self) -> tuple[object, ...]:
        """What a call must be equal in."""
        return (
            self.session, self.action, self.upstream, self.name, self.pin, self.policy_version, self.targets,
            self.labels,
        )  # fmt: skip

    @property
    def bounds(self) -> Labels:
        """What the session may hold while it lasts."""
        return labels_in((*self.held, *self.labels))

    def fits(self, question: Question) -> bool:
        """Whether it is about exactly the call that the question is about."""
        return self == GrantTerms.of(question, uses=self.uses, minutes=self.minutes)


def canonical_targets(targets: tuple[Target, ...]) -> tuple[tuple[str, str], ...] | None:
    """Kinds and values in order; ``None`` when there is none, or one is absent or unreadable."""
    known = tuple(sorted({(target.kind, target.value) for target in targets if target.value is not None}))
    return known if known and all(target.value is not None for target in targets) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Word):
    """One answer to one question, bound by ``digest`` to exactly what would be sent, and by ``shown`` to what else was
    on the screen.

    ``answered_at`` is the console's clock: a claim like the ``approver``. ``items`` are the ids of what is let in, with
    a yes to a result that came back; none: all of it. ``head`` is the question's, said here too: of a question whose
    secrets are hidden in the journal nobody can compute the digest again. The rest is as with
    :attr:`~.choice.Choice.WITHOUT`.
    """

    question_id: str
    session: str
    digest: str
    shown: str
    verdict: Choice
    answered_at: AwareDatetime
    channel: Channel = "console"
    grant: GrantTerms | None = None
    items: tuple[str, ...] = ()
    head: JournalHead | None = None

    @classmethod
    def to(
        cls,
        question: Question,
        verdict: Choice,
        *,
        approver: str,
        now: datetime,
        grant: GrantTerms | None = None,
        items: tuple[str, ...] = (),
        channel: Channel = "console",
    ) -> Answer:
        """An answer of now to exactly ``question``, unsigned."""
        return cls(
            question_id=question.id,
            session=question.session,
            digest=question.digest,
            shown=question.shown,
            verdict=verdict,
            approver=approver,
            answered_at=now,
            channel=channel,
            grant=grant,
            items=items,
            head=question.head,
        )

    def __post_init__(self) -> None:
        """:raises BadRequest: the approver's name is unusable, terms stand where no grant is given, or items where no
        yes is, twice, or too many."""
        Word.__post_init__(self)
        if (self.grant is not None) != (self.verdict is Choice.GRANT):
            raise BadRequest("A grant has terms, and nothing else has.")
        if self.items and (self.verdict is not Choice.YES or len(set(self.items)) != len(self.items)):
            raise BadRequest("Only a yes names items, and each of them once.")
        if len(self.items) > MAX_PICKED:
            raise BadRequest(f"An answer names at most {MAX_PICKED} items.")

    @property
    def said(self) -> dict[str, Any]:
        """Everything but who says it."""
        terms = self.grant
        return {
            "type": RECEIPT_TYPE,
            "question": self.question_id,
            "session": self.session,
            "digest": self.digest,
            "shown": self.shown,
            "choice": str(self.verdict),
            "answered_at": instant(self.answered_at),
            "channel": self.channel,
            "grant": None
            if terms is None
            else {
                "session": terms.session,
                "action": terms.action,
                "upstream": terms.upstream,
                "name": terms.name,
                "pin": terms.pin,
                "policy_version": terms.policy_version,
                "targets": [list(target) for target in terms.targets],
                "labels": list(terms.labels),
                "held": list(terms.held),
                "uses": terms.uses,
                "minutes": terms.minutes,
            },
            **({"items": list(self.items)} if self.items else {}),
            **({"head": list(self.head)} if self.head is not None else {}),
        }

    @property
    def grant_ends(self) -> datetime:
        """When a grant that was given with it lapses, at the latest."""
        minutes = 0 if self.grant is None else self.grant.minutes
        return self.answered_at + timedelta(minutes=minutes)

    def fits(self, question: Question) -> bool:
        """Whether the items that it names are ones that ``question`` asks about."""
        return not self.items or (question.arrival is not None and question.arrival.has(self.items))

    def approves(self, question: Question, *, now: datetime) -> bool:
        """Whether this is a yes to exactly ``question``, in time: to be asked again at the moment of sending."""
        return (
            self.verdict in APPROVING
            and self.question_id == question.id
            and self.session == question.session
            and self.digest == question.digest
            and self.fits(question)
            and now < question.expires_at
        )
