"""The questions of all gateways that wait, which of them is on screen, and from which side. No I/O."""

from __future__ import annotations

from enum import StrEnum

from rule_of_two.approvals import sentences
from rule_of_two.approvals.items import Item
from rule_of_two.approvals.messages import Asked, Ended, Refused, Waits
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.sentences import ours
from rule_of_two.approvals.spans import BLANK, Line


class Face(StrEnum):
    """What the screen shows of the selected question."""

    QUESTION = "question"
    ARGUMENTS = "arguments"
    WHY = "why"
    ITEMS = "items"
    """The list of what came back, with its marks."""
    TEXT = "text"
    """One item of it."""
    TERMS = "terms"
    """Of the grant that a second key would sign."""


class QuestionList:
    """What waits, the oldest first. With ``follows`` the next question takes the place of one that ended, and a first
    one is shown when it comes."""

    def __init__(self, *, follows: bool) -> None:
        self.items: list[Item] = []
        self.selected: Item | None = None
        self.face = Face.QUESTION
        self.ending: Line = BLANK
        """How the last question ended, until another one is shown."""
        self._follows = follows

    @property
    def picks(self) -> Picks | None:
        """The marks on what came back, where they are on screen."""
        shown = self.selected is not None and self.face in {Face.ITEMS, Face.TEXT}
        return self.selected.picks if shown and self.selected is not None else None

    def hear(self, gateway: str, message: Asked | Waits | Ended | Refused) -> Line:
        """Take in what a gateway said; what a person is to be told of it, if anything."""
        if isinstance(message, Asked):
            self._add(Item(gateway, message.question))
            return BLANK
        told: Line = BLANK
        for item in [one for one in self.items if (one.gateway, one.question.id) == (gateway, message.question_id)]:
            if isinstance(message, Ended):
                told = self._end(item, sentences.ending(item.question, message))
            elif isinstance(message, Waits):
                told = _counts(item, message)
            else:
                item.sent = None
        return ours(message.reason.sentence) if isinstance(message, Refused) else told

    def detach(self, gateway: str) -> Line:
        """A gateway is gone, with its questions; how the last of them ended."""
        told: Line = BLANK
        for item in [one for one in self.items if one.gateway == gateway]:
            told = self._end(item, sentences.gateway_gone(item.question))
        return told

    def step(self, step: int) -> None:
        """Show the next (1) or previous (-1) question."""
        if self.selected is not None:
            self._show(self.items[(self.items.index(self.selected) + step) % len(self.items)])

    def choose(self, place: int) -> bool:
        """Show the question at ``place`` (from 0). ``False``: there is none."""
        if not 0 <= place < len(self.items):
            return False
        self._show(self.items[place])
        return True

    def turn(self, face: Face) -> None:
        """Show another side of the selected question, or go back to the question itself."""
        self.face = Face.QUESTION if self.face is face else face

    def _add(self, item: Item) -> None:
        self.items.append(item)
        self.items.sort(key=lambda one: (one.question.created_at, one.question.id))
        if self.selected is None and self._follows:
            self._show(item)

    def _end(self, item: Item, ending: Line) -> Line:
        self.ending = ending
        place = self.items.index(item)
        self.items.remove(item)
        if item is self.selected:
            self._show(self.items[min(place, len(self.items) - 1)] if self.items and self._follows else None)
        return ending

    def _show(self, item: Item | None) -> None:
        self.selected = item
        self.ending = self.ending if item is None else BLANK
        self.face = Face.QUESTION


def _counts(item: Item, message: Waits) -> Line:
    """How a question stands by now; whose yes it has got."""
    before = item.waits.approvers if item.waits is not None else ()
    item.waits = message
    if len(message.approvers) <= len(before):
        return BLANK
    item.sent = None
    return (
        *ours("A yes counts, by "),
        sentences.name(message.approvers[-1]),
        *ours("; another approver is needed."),
    )
