"""The withheld items of all gateways as a console looks at them. No I/O."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from rule_of_two.approvals import sentences
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Vouched
from rule_of_two.approvals.messages import Endorsed, Withheld
from rule_of_two.approvals.spans import Line
from rule_of_two.approvals.withheld import Shelf, WithheldItem
from rule_of_two.approvals.withheld_view import review_lines, withheld_lines


class Kept(Struct, frozen=True):
    """An item, and the gateway that held it back."""

    gateway: str
    withheld: WithheldItem

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.gateway, self.withheld.item.id


class Review(Aside[Kept]):
    """What was held back, the newest first."""

    letter = "h"
    what = "what was held back"
    settling = (("e", "endorse"),)
    can_refuse = False
    elsewhere = "This key endorses an item that was held back: h shows what was."
    read_first = "Read its text to the end first"
    sending = "Sending your endorsement."

    def __init__(self) -> None:
        super().__init__()
        self._shelves: dict[str, Shelf] = {}

    @property
    def summary(self) -> str:
        """How many items."""
        return f"{len(self.rows):,} held back"

    def hear(self, gateway: str, message: Withheld | Endorsed) -> None:
        """More was held back, or an item was endorsed."""
        shelf = self._shelves.setdefault(gateway, Shelf())
        if isinstance(message, Withheld):
            shelf.put(message.items)
        else:
            shelf.take(message.item_id)
        self._sort()

    def detach(self, gateway: str) -> None:
        """A gateway is gone, with what it held back."""
        self._shelves.pop(gateway, None)
        self._sort()

    def list_lines(self, width: int, now: datetime) -> tuple[list[Line], int]:
        """All items in short."""
        return review_lines(self, width, now)

    def row_lines(self, row: Kept, width: int, now: datetime) -> list[Line]:
        """One item and its text."""
        return withheld_lines(row.withheld, width, now)

    def confirmation(self, row: Kept, verdict: Verdict) -> Line:  # an item is not refused
        """What a second key would endorse."""
        return sentences.vouching(row)

    def deed(self, row: Kept, verdict: Verdict) -> Vouched:  # as above
        """An endorsement."""
        return Vouched(row.gateway, row.withheld)

    def _sort(self) -> None:
        kept = [Kept(gateway, one) for gateway, shelf in self._shelves.items() for one in shelf.items]
        self._list(sorted(kept, key=lambda row: row.withheld.at, reverse=True))
