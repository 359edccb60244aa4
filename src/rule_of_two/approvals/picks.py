"""Which items of a result a yes would let in, and which of them a person is at. No I/O."""

from __future__ import annotations

from typing import Final

from rule_of_two.approvals.arrival import MAX_PICKED, Arrival, ArrivedItem

NONE_MARKED: Final = "No item is marked, so a yes would let in none: press r for the rest only, or n to withhold all."
TOO_MANY: Final = f"An answer can name at most {MAX_PICKED} single items: mark fewer of them, or all."


class Picks:
    """The marks on one result. All items that ask are marked in the beginning, and a yes to all names none."""

    def __init__(self, arrival: Arrival) -> None:
        self.arrival = arrival
        self.items = in_order(arrival)
        self.asking = arrival.asking
        self.can_pick = arrival.can_pick
        self.marked = {item.id for item in self.asking}
        self.place = 0
        """Of the item that a person is at."""

    @property
    def current(self) -> ArrivedItem:
        """The item that a person is at."""
        return self.items[self.place]

    @property
    def named(self) -> tuple[str, ...]:
        """The ids that a yes names; none: it is for all."""
        if len(self.marked) == len(self.asking):
            return ()
        return tuple(item.id for item in self.asking if item.id in self.marked)

    @property
    def unusable(self) -> str | None:
        """Why a yes to these marks cannot be sent."""
        if not self.marked:
            return NONE_MARKED
        return TOO_MANY if len(self.named) > MAX_PICKED else None

    def step(self, step: int) -> None:
        """Go to another item, and no further than the ends."""
        self.place = min(max(self.place + step, 0), len(self.items) - 1)

    def choose(self, place: int) -> bool:
        """Go to the item at ``place`` (from 0). ``False``: there is none."""
        if not 0 <= place < len(self.items):
            return False
        self.place = place
        return True

    def toggle(self) -> bool:
        """Mark the item, or take its mark away. ``False``: it has none that could be."""
        if not (self.can_pick and self.current.asks):
            return False
        self.marked ^= {self.current.id}
        return True

    def toggle_all(self) -> bool:
        """Mark all, or none if all are marked. ``False``: nothing can be picked."""
        if not self.can_pick:
            return False
        asking = {item.id for item in self.asking}
        self.marked = set() if self.marked == asking else asking
        return True

    def only(self, places: set[int]) -> bool:
        """Mark exactly the items at these places (from 0). ``False``: not all of them can be marked."""
        chosen = {item.id for place, item in enumerate(self.items) if place in places and item.asks}
        if not self.can_pick or not places or len(chosen) != len(places):
            return False
        self.marked = chosen
        return True


def in_order(arrival: Arrival) -> tuple[ArrivedItem, ...]:
    """The items as they are listed: those that ask first."""
    return (*arrival.asking, *(item for item in arrival.items if not item.asks))
