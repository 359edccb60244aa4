"""A question as a console holds it, and what a human says: to a question, to a session, for a withheld item, or to a
changed definition."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from msgspec import Struct

from rule_of_two.approvals.answer import GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.messages import Waits
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.render import View
from rule_of_two.approvals.withheld import WithheldItem

if TYPE_CHECKING:
    from rule_of_two.approvals.change_list import ChangeRow


class Item(Struct, eq=False):
    """A question that waits at one gateway. ``read``: the end of its arguments, or of the list of what came back, has
    been on screen."""

    gateway: str
    question: Question
    read: bool = False
    sent: Choice | None = None
    waits: Waits | None = None
    _view: View | None = None
    _picks: Picks | None = None

    @property
    def view(self) -> View:
        """Made when it is first shown: a long question costs nothing while it is not."""
        if self._view is None:
            self._view = View(self.question)
        return self._view

    @property
    def picks(self) -> Picks | None:
        """Which items a yes would let in; ``None`` where nothing has come back."""
        if self._picks is None and self.question.arrival is not None:
            self._picks = Picks(self.question.arrival)
        return self._picks


class Said(Struct, frozen=True):
    """A human's answer to a question, to be signed and sent. ``items``: as in an answer."""

    item: Item
    choice: Choice
    grant: GrantTerms | None = None
    items: tuple[str, ...] = ()


class Vouched(Struct, frozen=True):
    """A human's word for a withheld item, to be signed and sent."""

    gateway: str
    withheld: WithheldItem

    @property
    def key(self) -> Hashable:
        """That of the row that it is about."""
        return self.gateway, self.withheld.item.id


class Ordered(Struct, frozen=True):
    """A human's deed to a session, to be signed and sent."""

    gateway: str
    session: str
    choice: Choice


class Settles(Struct, frozen=True):
    """A human's word for one changed definition, or for all of a server, to be signed and sent one by one."""

    row: ChangeRow
    verdict: Verdict

    @property
    def key(self) -> Hashable:
        """That of the row that it is about."""
        return self.row.key


Deed = Said | Ordered | Vouched | Settles
"""Whatever a human does at a console."""
