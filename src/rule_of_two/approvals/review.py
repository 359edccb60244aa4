"""The withheld items of all gateways as a console looks at them: which one, and whether it was read. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from rule_of_two.approvals.messages import Endorsed, Withheld
from rule_of_two.approvals.withheld import Shelf, WithheldItem


@dataclass(frozen=True, slots=True)
class Kept:
    """An item, and the gateway that held it back."""

    gateway: str
    withheld: WithheldItem

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.gateway, self.withheld.item.id


class Review:
    """What was held back, the newest first. ``open``: the chosen item's text is on screen."""

    def __init__(self) -> None:
        self.rows: tuple[Kept, ...] = ()
        self.open = False
        self.read: set[tuple[str, str]] = set()
        """Items the end of whose text has been on screen."""
        self._shelves: dict[str, Shelf] = {}
        self._chosen: tuple[str, str] | None = None

    @property
    def chosen(self) -> Kept | None:
        """The newest one, until another was chosen or when that one is gone."""
        return next((row for row in self.rows if row.key == self._chosen), self.rows[0] if self.rows else None)

    def show(self, *, text: bool) -> None:
        """Show the chosen item's text, or the list."""
        self._chosen = self._chosen if self.chosen is None else self.chosen.key
        self.open = text and self.chosen is not None

    def hear(self, gateway: str, message: Withheld | Endorsed) -> None:
        """More was held back, or an item was endorsed."""
        shelf = self._shelves.setdefault(gateway, Shelf())
        if isinstance(message, Withheld):
            shelf.put(message.items)
        else:
            shelf.take(message.item_id)
        self._list()

    def detach(self, gateway: str) -> None:
        """A gateway is gone, with what it held back."""
        self._shelves.pop(gateway, None)
        self._list()

    def step(self, step: int) -> None:
        """Choose the next (1) or previous (-1) item, and no further than the ends."""
        if self.chosen is not None:
            self.choose(min(max(self.rows.index(self.chosen) + step, 0), len(self.rows) - 1))

    def choose(self, place: int) -> bool:
        """Choose the item at ``place`` (from 0). ``False``: there is none."""
        if not 0 <= place < len(self.rows):
            return False
        self._chosen = self.rows[place].key
        return True

    def _list(self) -> None:
        """What a person has chosen stays so also when newer items come."""
        kept = [Kept(gateway, one) for gateway, shelf in self._shelves.items() for one in shelf.items]
        self.rows = tuple(sorted(kept, key=lambda row: row.withheld.at, reverse=True))
        keys = {row.key for row in self.rows}
        self.read &= keys
        self._chosen = self._chosen if self._chosen in keys else None
        self.open = self.open and self._chosen is not None
