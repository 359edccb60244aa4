"""What policy held back from an agent, kept for a while so that a person can look at it and vouch for it. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import AwareDatetime, ConfigDict

from rule_of_two.approvals.arrival import ArrivedItem
from rule_of_two.approvals.endorsement import ItemSubject
from rule_of_two.model import Action
from rule_of_two.records import replace

MOST_OF_SESSION: Final = 50
MOST: Final = 200
"""Items that are kept of one session, and in all: the newest."""

MAX_WITHHELD_TEXT: Final = 16 * 1024
"""Characters of one item that are kept to be looked at. What is left out is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldItem:
    """One item that was not handed over: of which session, what it is, since when (UTC), and by which policies."""

    session: str
    upstream: str
    tool: str
    item: ArrivedItem
    at: AwareDatetime
    policies: tuple[str, ...]
    action: Action = Action.CALL_TOOL

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    @property
    def subject(self) -> ItemSubject:
        """What an endorsement of it is about: exactly these contents, under the platform's own name for them."""
        return ItemSubject(upstream=self.upstream, name=self.tool, id=self.item.name, digest=self.item.digest)

    def bounded(self) -> WithheldItem:
        """The same as it can be shown."""
        return replace(self, item=self.item.bounded(MAX_WITHHELD_TEXT))


class Shelf:
    """The newest withheld items, by our id. A new one takes the place of the oldest of its session, or of all."""

    def __init__(self) -> None:
        self._items: dict[str, WithheldItem] = {}

    @property
    def items(self) -> tuple[WithheldItem, ...]:
        """The oldest first."""
        return tuple(self._items.values())

    def put(self, items: Iterable[WithheldItem]) -> tuple[WithheldItem, ...]:
        """Keep these; those of them that are kept when all are there."""
        new: set[str] = set()
        for one in items:
            self._items.pop(one.item.id, None)
            self._items[one.item.id] = one
            new.add(one.item.id)
            of_session = [key for key, other in self._items.items() if other.session == one.session]
            if len(of_session) > MOST_OF_SESSION:
                del self._items[of_session[0]]
            elif len(self._items) > MOST:
                del self._items[next(iter(self._items))]
        return tuple(one for key, one in self._items.items() if key in new)

    def find(self, item_id: str) -> WithheldItem | None:
        """The item, while it is kept."""
        return self._items.get(item_id)

    def take(self, item_id: str) -> None:
        """Forget an item."""
        self._items.pop(item_id, None)
