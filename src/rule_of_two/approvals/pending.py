"""The questions that wait at a gateway's desk, no more than a person can read, and how the last ones ended. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import anyio
from msgspec import Struct, field

from rule_of_two.approvals.answer import Answer, Refusal, Unanswered
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.messages import Waits
from rule_of_two.approvals.question import Question

MAX_WAITING: Final = 100
MAX_OF_SESSION: Final = 5
"""Questions of one session that may wait. Nobody can read more with care."""

MAX_WAITING_BYTES: Final = 128 * 1024 * 1024
"""Of all questions that wait, as they go over the channel."""

_REMEMBERED: Final = 1000
"""Ended questions that a late answer is told about."""


class Pending(Struct, eq=False):
    """A question that waits for one call or more, or that was answered with yes while its call is away. ``line`` is how
    consoles are asked it."""

    question: Question
    fingerprint: str
    digest: str
    shown: str
    line: bytes
    ends_at: float
    """In the event loop's time, which nobody sets back."""
    calls: int = 0
    ticketed: bool = False
    settling: bool = False
    """An answer to it is being recorded."""
    yes: tuple[Answer, ...] = ()
    outcome: Given | Unanswered | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def status(self) -> Waits:
        """What consoles are told of it while it waits."""
        return Waits(
            question_id=self.question.id,
            calls=self.calls,
            approvers=tuple(answer.approver for answer in self.yes),
            items=self.yes[0].items if self.yes else (),
        )

    def binds(self, answer: Answer) -> bool:
        """Whether the answer is to exactly this question, as it was shown."""
        bound = (self.question.session, self.digest, self.shown)
        return (answer.session, answer.digest, answer.shown) == bound and answer.fits(self.question)

    def refuses_yes(self, answer: Answer) -> Refusal | None:
        """Why a yes does not count beside the ones that other people gave: one each, and all to the same items."""
        if answer.approver in {one.approver for one in self.yes}:
            return Refusal.ANSWERED_BEFORE
        same = all(set(answer.items) == set(one.items) for one in self.yes)
        return None if same else Refusal.OTHER_ITEMS


class PendingQuestions:
    """Those that wait, by id, at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[str, Pending] = {}
        self._ended: OrderedDict[str, Unanswered | None] = OrderedDict()

    def __iter__(self) -> Iterator[Pending]:
        return iter(tuple(self._waiting.values()))

    def __contains__(self, question_id: str) -> bool:
        return question_id in self._waiting

    def find(self, question_id: str) -> Pending | None:
        """The question of that id, while it waits."""
        return self._waiting.get(question_id)

    def of_call(self, fingerprint: str) -> Pending | None:
        """The question about the very call that has this fingerprint."""
        return next((one for one in self if one.fingerprint == fingerprint), None)

    def was_asked(self, question_id: str) -> bool:
        """Whether a question of that id waits, or is remembered."""
        return question_id in self._waiting or question_id in self._ended

    def refusal_of_late(self, question_id: str) -> Refusal:
        """Why an answer to a question that does not wait any more does not count."""
        if question_id not in self._ended:
            return Refusal.UNKNOWN_QUESTION
        late = self._ended[question_id] is Unanswered.EXPIRED
        return Refusal.EXPIRED if late else Refusal.ALREADY_ENDED

    def put(self, pending: Pending) -> bool:
        """Have it wait. ``False``: it does not, as too many do, in all or of its session, or too long ones."""
        session = pending.question.session
        of_session = sum(one.question.session == session for one in self)
        size = len(pending.line) + sum(len(one.line) for one in self)
        if len(self._waiting) >= self._limit or of_session >= MAX_OF_SESSION or size > MAX_WAITING_BYTES:
            return False
        self._waiting[pending.question.id] = pending
        return True

    def end(self, pending: Pending, outcome: Given | Unanswered) -> None:
        """It waits no more, and this is what comes of it."""
        question_id = pending.question.id
        pending.outcome = outcome
        del self._waiting[question_id]
        self._ended[question_id] = outcome if isinstance(outcome, Unanswered) else None
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        pending.ended.set()
