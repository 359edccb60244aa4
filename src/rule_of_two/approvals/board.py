"""What a console knows: all gateways' questions, the one on screen, and when a key counts. No I/O.

A key counts only for a question that has been on screen for a while: nobody approves what has just taken its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Ended,
    GatewayHello,
    Refused,
    Sessions,
    SessionStatus,
    ToConsole,
)
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.render import View
from rule_of_two.escape import visible

SETTLE_SECONDS: Final = 0.7
"""How long a question must have been on screen, and the answer keys at rest, before one of them counts."""


class Face(StrEnum):
    """What the screen shows of the selected question."""

    QUESTION = "question"
    ARGUMENTS = "arguments"
    WHY = "why"


@dataclass(slots=True)
class Item:
    """A question that waits at one gateway. ``read``: the end of its arguments has been on screen."""

    gateway: str
    question: Question
    read: bool = False
    sent: Choice | None = None
    _view: View | None = None

    @property
    def view(self) -> View:
        """Made when it is first shown: a long question costs nothing while it is not."""
        if self._view is None:
            self._view = View(self.question)
        return self._view


class Board:
    """The console's state. Times are monotonic seconds unless they are datetimes."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.selected: Item | None = None
        self.face = Face.QUESTION
        self.notice = ""
        self._sessions: dict[str, tuple[SessionStatus, ...]] = {}
        self._still_since: float | None = None

    @property
    def sessions(self) -> Mapping[str, tuple[SessionStatus, ...]]:
        """Attached gateways and their sessions."""
        return self._sessions

    def hear(self, gateway: str, message: ToConsole | None) -> bool:
        """Take in what a gateway said; ``None``: it is gone. Returns whether a new question came."""
        if message is None:
            self._sessions.pop(gateway, None)
            self._remove([item for item in self.items if item.gateway == gateway], "its gateway went away")
        elif isinstance(message, GatewayHello):
            self._greet(gateway, message)
        elif isinstance(message, Sessions):
            self._sessions[gateway] = message.sessions
        elif isinstance(message, Asked):
            self._add(Item(gateway, message.question))
            return True
        elif isinstance(message, Ended):
            self._remove(self._find(gateway, message.question_id), _ending(message))
        else:
            self._refused(gateway, message)
        return False

    def select(self, step: int) -> None:
        """Move to the next (1) or previous (-1) question."""
        if self.selected is not None and len(self.items) > 1:
            self._show(self.items[(self.items.index(self.selected) + step) % len(self.items)])
            self.notice = ""

    def turn(self, face: Face) -> None:
        """Show another side of the selected question, or go back to the question itself."""
        if self.selected is not None:
            self.face = Face.QUESTION if self.face is face else face
            self.notice = ""

    def painted(self, item: Item, at: float) -> None:
        """``item`` is on screen at ``at``; the clock of a question that already was goes on."""
        if item is self.selected and self._still_since is None:
            self._still_since = at

    def answer(self, choice: Choice, *, at: float, now: datetime) -> Item | None:
        """The question that this key answers; ``None``, and a notice why, if the key does not count."""
        item = self.selected
        if item is None:
            return None
        if self._still_since is None or at - self._still_since < SETTLE_SECONDS:
            self._still_since = None if self._still_since is None else at  # a held-down key never comes to rest
            self.notice = "This question has only just appeared. Read it, then press the key again."
        elif item.sent is not None:
            self.notice = "Your answer is on its way."
        elif now >= item.question.expires_at:
            self.notice = "Too late: this question has expired, so the call is refused."
        elif choice is Choice.YES and not item.read:
            self.notice = "Read the arguments to their end first: press a, then End."
        else:
            item.sent = choice
            self.notice = "Sending your answer."
            return item
        return None

    def not_sent(self, item: Item) -> None:
        """The answer could not be sent."""
        item.sent = None
        self.notice = "The gateway is gone, so nothing was approved."

    def _greet(self, gateway: str, hello: GatewayHello) -> None:
        if hello.protocol == PROTOCOL:
            self._sessions[gateway] = ()
        else:
            self.notice = f"Gateway {gateway} has another version of rule-of-two: restart it, or use its own console."

    def _find(self, gateway: str, question_id: str) -> list[Item]:
        return [item for item in self.items if item.gateway == gateway and item.question.id == question_id]

    def _refused(self, gateway: str, message: Refused) -> None:
        for item in self._find(gateway, message.question_id):
            item.sent = None
        self.notice = message.reason.sentence

    def _add(self, item: Item) -> None:
        self.items.append(item)
        self.items.sort(key=lambda one: (one.question.created_at, one.question.id))
        if self.selected is None:
            self._show(item)

    def _remove(self, gone: list[Item], what: str) -> None:
        for item in gone:
            self.notice = f"{visible(item.question.upstream)} · {visible(item.question.name[:40])}: {what}."
            place = self.items.index(item)
            self.items.remove(item)
            if item is self.selected:
                self._show(self.items[min(place, len(self.items) - 1)] if self.items else None)

    def _show(self, item: Item | None) -> None:
        self.selected = item
        self.face = Face.QUESTION
        self._still_since = None


def _ending(message: Ended) -> str:
    if message.verdict is Choice.YES:
        return f"approved once by {visible(message.approver or 'someone')} (unsigned, advisory)"
    if message.verdict is Choice.NO:
        return f"refused by {visible(message.approver or 'someone')}"
    return message.unanswered.sentence if message.unanswered is not None else "it ended"
