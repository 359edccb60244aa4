"""What a desk needs to know of an answer: who may say what, what becomes of it, and what came out."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer
from rule_of_two.approvals.endorsement import Endorsement
from rule_of_two.approvals.question import Question
from rule_of_two.model import Tier


class Judge(Protocol):
    """Who may say what, and what becomes of it."""

    @property
    def tier(self) -> Tier:
        """What an answer is worth at most."""

    def refuses(self, question: Question, answer: Answer) -> Refusal | None:
        """Why this answer does not count: it is unsigned, forged, policy does not let its approver say so, or the
        session has ended.

        :raises StoreError: it cannot be found out.
        """

    async def record(self, question: Question, answer: Answer) -> None:
        """Write the answer down and do to the session what it says.

        :raises StoreError: it could not be, so it does not count.
        """

    def refuses_command(self, command: Command) -> Refusal | None:
        """Why this command does not count.

        :raises StoreError: it cannot be found out.
        """

    async def carry_out(self, command: Command) -> str | None:
        """Write the command down and do it; the session as it goes on. ``None``: there is no such session.

        :raises StoreError: it could not be done.
        """


class Endorser(Protocol):
    """Who may vouch for what, and what becomes of it."""

    def refuses(self, endorsement: Endorsement) -> Refusal | None:
        """Why it does not count.

        :raises StoreError: it cannot be found out.
        """

    async def give(self, endorsement: Endorsement) -> None:
        """Write it down, so that it counts from now on.

        :raises StoreError: it could not be.
        """


class Settler(Protocol):
    """Who may accept which changed definition, and what becomes of it."""

    def refuses(self, answer: DefinitionAnswer, server: str) -> Refusal | None:
        """Why it does not count. ``server`` is what the configuration calls the upstream.

        :raises StoreError: it cannot be found out.
        """

    async def settle(self, answer: DefinitionAnswer, new: str | None) -> bool:
        """Write it down and do it; ``new`` is the definition that it is about. ``False``: what is accepted is another
        one by now, or this very answer was given before.

        :raises StoreError: it could not be.
        """


class Given(Struct, frozen=True):
    """What people answered to ``question``: as many times yes as it needs, or one answer of another kind."""

    question: Question
    answers: tuple[Answer, ...]

    @property
    def last(self) -> Answer:
        """The answer that ended the question."""
        return self.answers[-1]


class StillWaiting(Struct, frozen=True):
    """Nobody has answered yet. The question stays, and so does a later yes, until it expires."""

    question: Question
