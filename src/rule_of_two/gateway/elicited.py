"""Asking through the client (MCP elicitation), where the operator turned that on: weaker than the console.

The client's host can answer in its user's name (a hook, say), and the answer is signed by nobody. So it is a channel
only where `approvals.channels` names it, the client profile has it and no console is attached; the receipt says so; and
policy can keep calls from it (`context.channel`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import anyio
from msgspec import Struct, field

from rule_of_two.approvals.answer import Answer, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.judge import Given, Judge
from rule_of_two.approvals.pending import MAX_OF_SESSION
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.render import View
from rule_of_two.approvals.spans import line_text
from rule_of_two.errors import StoreError
from rule_of_two.wire.handler import RemoteError

REQUEST: Final = "rule-of-two"
"""The key of our question among those of an ``input_required`` result."""
_WIDTH: Final = 76
_MOST_LINES: Final = 60
"""A client's dialogue is not made for reading more, so what is longer is not asked there."""
_MOST_WAITING: Final = 32

_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "decision": {
            "type": "string",
            "title": "Let exactly this call pass, once?",
            "enum": ["no", "yes"],
            "default": "no",
        }
    },
    "required": ["decision"],
}


class Elicits(Protocol):
    """A client that can be asked, or that came back with an answer."""

    @property
    def elicitation(self) -> bool:
        """Whether it says that its user can be asked."""

    @property
    def elicited(self) -> tuple[str, Any] | None:
        """The question's id and what the client brought back for it, if this request is a repetition."""

    @property
    def comes_back(self) -> bool:
        """Whether it is asked with the result of its request instead of being kept waiting."""

    async def elicit(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask its user now.

        :raises RemoteError: it refused, or cannot be asked.
        """


class AskedWithResult(Struct, frozen=True):
    """The client is asked with the result of its request; it comes back with the answer."""

    question: Question
    params: Mapping[str, Any]


class Elicited(Struct):
    """Questions that go through the client. ``approver`` is how its user is called on receipts."""

    judge: Judge
    approver: str
    clock: Callable[[], datetime]
    _waiting: dict[str, Question] = field(default_factory=dict)
    _asking: list[str] = field(default_factory=list)
    """The sessions of the questions that are before the client's user now."""

    def can_ask(self, client: Elicits | None) -> bool:
        """Whether there is a client that can be asked."""
        return client is not None and (client.elicitation or client.elicited is not None)

    def came_back(self, client: Elicits, fingerprint: str) -> Question | None:
        """The question that this very call was answered with before."""
        if client.elicited is None:
            return None
        question = self._waiting.get(client.elicited[0])
        return question if question is not None and question.fingerprint == fingerprint else None

    def params_of(self, question: Question) -> dict[str, Any] | None:
        """What the client shows; ``None``: policy wants more than that channel, or it is too long for it."""
        if question.needs > 1 or self.judge.refuses(question, self._answer(question, Choice.YES)) is not None:
            return None
        lines = [line_text(line).rstrip() for line in View(question).page(_WIDTH, self.clock()).lines]
        if len(lines) > _MOST_LINES:
            return None
        message = "\n".join(("rule-of-two asks before one session combines [A], [B] and [C]:", "", *lines))
        return {"mode": "form", "message": message, "requestedSchema": _SCHEMA}

    async def ask(
        self, question: Question, params: dict[str, Any], client: Elicits, seconds: float
    ) -> Given | AskedWithResult | Unanswered:
        """Ask the client's user. Where the client is kept waiting: for at most ``seconds``, and no more of one session
        at once than at a console."""
        if client.comes_back:
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            self._waiting[question.id] = question
            return AskedWithResult(question, params)
        if self._asking.count(question.session) >= MAX_OF_SESSION:
            return Unanswered.TOO_MANY
        response: dict[str, Any] = {}
        self._asking.append(question.session)
        try:
            with anyio.move_on_after(seconds):
                response = await client.elicit(params)
        except RemoteError:
            return Unanswered.NOBODY_ATTACHED
        finally:
            self._asking.remove(question.session)
        return await self._given(question, response)

    async def take(self, question: Question, client: Elicits) -> Given | Unanswered:
        """What the client brought back for a question, once, also when it brings it twice at the same time."""
        if self._waiting.pop(question.id, None) is None:
            return Unanswered.USED
        return await self._given(question, client.elicited[1] if client.elicited else None)

    async def _given(self, question: Question, response: Any) -> Given | Unanswered:
        action = response.get("action") if isinstance(response, dict) else None
        if action not in ("accept", "decline"):  # a tuple: what cannot be hashed can still be compared
            return Unanswered.EXPIRED
        content = response.get("content")
        yes = action == "accept" and isinstance(content, dict) and content.get("decision") == "yes"
        answer = self._answer(question, Choice.YES if yes else Choice.NO)
        if self.judge.refuses(question, answer) is not None:
            return Unanswered.NOBODY_ATTACHED
        try:
            await self.judge.record(question, answer)
        except StoreError:
            return Unanswered.NOT_RECORDED
        return Given(question, (answer,))

    def _answer(self, question: Question, choice: Choice) -> Answer:
        return Answer.to(question, choice, approver=self.approver, now=self.clock(), channel="elicitation")
