"""What is handed over of a call's result, once that was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from rule_of_two.gateway.withheld import HANDLE_KEY, withheld_meta
from rule_of_two.model import Decision, Item, Labels


class Released(Struct, frozen=True):
    """What is handed over: the result, the labels that it brings, and the items in it. ``withheld`` are our names for
    the items that are not, a whole result being one, of ``total``."""

    result: dict[str, Any]
    decision: Decision
    labels: Labels
    items: tuple[Item, ...] = ()
    withheld: tuple[str, ...] = ()
    total: int = 0
    texts: tuple[str, ...] = ()
    """Of the items, where they are to be kept."""
    handle: Mapping[str, Any] | None = None
    """What a client is told of a result that the gateway keeps."""

    @property
    def nothing(self) -> bool:
        """Whether all of it is withheld, or kept."""
        return self.handle is not None or 0 < len(self.withheld) == self.total

    @property
    def meta(self) -> dict[str, Any]:
        """What the result says of what it lacks."""
        if self.handle is not None:
            return {HANDLE_KEY: self.handle}
        return withheld_meta(self.withheld, self.total) if self.withheld else {}
