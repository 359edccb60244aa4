"""The gateway's side of a question: who is there to ask, what waits, and which answer counts.

Everything is in memory. An answer counts only if an attached console gives it, for a question that waits, with its
digest, in time, and once. No database, file, environment or MCP message is ever read for one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import anyio

from rule_of_two.approvals.answer import Answer, Refusal, Unanswered
from rule_of_two.approvals.messages import Asked, Ended, Sessions, SessionStatus, encode_to_console
from rule_of_two.approvals.question import Question
from rule_of_two.errors import BadRequest

MAX_WAITING: Final = 100
MAX_WAITING_BYTES: Final = 128 * 1024 * 1024
"""Of all questions that wait, as they go over the channel."""

_REMEMBERED: Final = 1000
"""Ended questions that a late answer is told about."""


class Console(Protocol):
    """An attached console, as the desk sees it."""

    def send(self, line: bytes) -> bool:
        """Take a line, at once. ``False``: it cannot keep up, and is to be detached."""


@dataclass(slots=True)
class _Waiting:
    question: Question
    digest: str
    line: bytes
    ended: anyio.Event = field(default_factory=anyio.Event)
    outcome: Answer | Unanswered | None = None


class Desk:
    """Holds the questions of one gateway. For one event loop: nothing here locks, as nothing here waits but `ask`.

    # INVARIANT: an outcome is set once, and only `answer` sets an `Answer`; tests/approvals/test_desk.py
    """

    def __init__(self, *, clock: Callable[[], datetime], limit: int = MAX_WAITING) -> None:
        self._clock = clock
        self._limit = limit
        self._consoles: list[Console] = []
        self._waiting: dict[str, _Waiting] = {}
        self._ended: OrderedDict[str, Unanswered | None] = OrderedDict()
        self._sessions: dict[object, SessionStatus] = {}

    @property
    def attached(self) -> bool:
        """Whether a human could answer now."""
        return bool(self._consoles)

    async def ask(self, question: Question) -> Answer | Unanswered:
        """Show the question on every console and wait for one answer, no longer than the question lives.

        Returns at once if no console is attached. Cancelling withdraws the question from all consoles.

        :raises BadRequest: the question cannot be bound or shown, or its id is in use.
        :raises LimitExceeded: it is too long to be shown.
        """
        if not self._consoles:
            return Unanswered.NOBODY_ATTACHED
        remaining = (question.expires_at - self._clock()).total_seconds()
        if remaining <= 0:
            return Unanswered.EXPIRED
        if question.id in self._waiting or question.id in self._ended:
            raise BadRequest("This question was asked before.")
        waiting = _Waiting(question, question.digest, encode_to_console(Asked(question=question)))
        if self._is_full(waiting):
            return Unanswered.TOO_MANY
        self._waiting[question.id] = waiting
        try:
            self._tell(waiting.line)
            with anyio.move_on_after(remaining):
                await waiting.ended.wait()
            if waiting.outcome is None:
                self._end(waiting, Unanswered.EXPIRED)
        finally:
            self._end(waiting, Unanswered.WITHDRAWN)
        return waiting.outcome or Unanswered.WITHDRAWN

    def answer(self, answer: Answer) -> Refusal | None:
        """Accept an answer, or say why not. A refused answer changes nothing."""
        waiting = self._waiting.get(answer.question_id)
        if waiting is None:
            if answer.question_id not in self._ended:
                return Refusal.UNKNOWN_QUESTION
            late = self._ended[answer.question_id] is Unanswered.EXPIRED
            return Refusal.EXPIRED if late else Refusal.ALREADY_ENDED
        if answer.digest != waiting.digest:
            return Refusal.DIGEST_MISMATCH
        if self._clock() >= waiting.question.expires_at:
            return Refusal.EXPIRED
        self._end(waiting, answer)
        return None

    def attach(self, console: Console) -> None:
        """Show a console the sessions and all that waits; it counts from now on."""
        self._consoles.append(console)
        lines = [self._sessions_line(), *(one.line for one in self._waiting.values())]
        if not all(console.send(line) for line in lines):
            self.detach(console)

    def detach(self, console: Console) -> None:
        """Forget a console. With the last one every waiting question ends: nobody is left to answer it."""
        if console in self._consoles:
            self._consoles.remove(console)
        if not self._consoles:
            for waiting in list(self._waiting.values()):
                self._end(waiting, Unanswered.CONSOLE_DETACHED)

    def publish(self, connection: object, status: SessionStatus) -> None:
        """Say what the session of a live connection has seen. Costs nothing while no console is attached."""
        if self._sessions.get(connection) != status:
            self._sessions[connection] = status
            self._tell_sessions()

    def retract(self, connection: object) -> None:
        """The connection has ended."""
        if self._sessions.pop(connection, None) is not None:
            self._tell_sessions()

    def _tell_sessions(self) -> None:
        if self._consoles:
            self._tell(self._sessions_line())

    def _sessions_line(self) -> bytes:
        distinct = {status.id: status for status in self._sessions.values()}
        return encode_to_console(Sessions(sessions=tuple(distinct.values())))

    def _is_full(self, waiting: _Waiting) -> bool:
        size = len(waiting.line) + sum(len(one.line) for one in self._waiting.values())
        return len(self._waiting) >= self._limit or size > MAX_WAITING_BYTES

    def _end(self, waiting: _Waiting, outcome: Answer | Unanswered) -> None:
        """Set the outcome, unless there is one, and take the question off all consoles."""
        if waiting.outcome is not None:
            return
        waiting.outcome = outcome
        question_id = waiting.question.id
        del self._waiting[question_id]
        self._ended[question_id] = outcome if isinstance(outcome, Unanswered) else None
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        waiting.ended.set()
        if isinstance(outcome, Answer):
            ended = Ended(question_id=question_id, verdict=outcome.verdict, approver=outcome.approver)
        else:
            ended = Ended(question_id=question_id, unanswered=outcome)
        self._tell(encode_to_console(ended))

    def _tell(self, line: bytes) -> None:
        for console in list(self._consoles):
            if not console.send(line):
                self.detach(console)
