"""A question as a console holds it, and what a human says: to a question, or to a session."""

from __future__ import annotations

from dataclasses import dataclass

from rule_of_two.approvals.answer import GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Waits
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.render import View


@dataclass(slots=True, eq=False)
class Item:
    """A question that waits at one gateway. ``read``: the end of its arguments has been on screen."""

    gateway: str
    question: Question
    read: bool = False
    sent: Choice | None = None
    waits: Waits | None = None
    _view: View | None = None

    @property
    def view(self) -> View:
        """Made when it is first shown: a long question costs nothing while it is not."""
        if self._view is None:
            self._view = View(self.question)
        return self._view


@dataclass(frozen=True, slots=True)
class Said:
    """A human's answer to a question, to be signed and sent."""

    item: Item
    choice: Choice
    grant: GrantTerms | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """A human's deed to a session, to be signed and sent."""

    gateway: str
    session: str
    choice: Choice
