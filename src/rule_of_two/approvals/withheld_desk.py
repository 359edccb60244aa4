"""The gateway's side of what policy held back: consoles are shown it, and a person's word for an item counts once."""

from __future__ import annotations

from collections.abc import Iterable

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.audience import Audience
from rule_of_two.approvals.endorsement import Endorsement
from rule_of_two.approvals.judge import Endorser, Judge
from rule_of_two.approvals.messages import Endorsed, Withheld
from rule_of_two.approvals.withheld import Shelf, WithheldItem
from rule_of_two.errors import StoreError
from rule_of_two.model import Tier


class WithheldDesk:
    """Of one gateway. Without an ``endorser`` nobody can vouch for what is withheld; it can be looked at."""

    def __init__(self, audience: Audience, judge: Judge, endorser: Endorser | None) -> None:
        self._audience = audience
        self._judge = judge
        self._endorser = endorser
        self._shelf = Shelf()

    @property
    def items(self) -> tuple[WithheldItem, ...]:
        """What policy held back and people can look at, the oldest first: the newest :data:`~.withheld.MOST`."""
        return self._shelf.items

    @property
    def told(self) -> tuple[Withheld, ...]:
        """What a console is told of it that has just attached."""
        kept = tuple(one.bounded() for one in self._shelf.items)
        return (Withheld(items=kept),) if kept else ()

    def withhold(self, items: Iterable[WithheldItem]) -> None:
        """Keep what policy held back, so that people can look at it. What is too much is forgotten, the oldest first.

        :raises BadRequest: a text in it is not Unicode.
        """
        kept = self._shelf.put(items)
        if kept:
            self._audience.tell(Withheld(items=tuple(one.bounded() for one in kept)))

    async def endorse(self, item_id: str, endorsement: Endorsement) -> Refusal | None:
        """Accept a person's word for a withheld item, or say why not.

        # INVARIANT: it is for exactly the item that was on screen, by somebody who may, and once;
        # tests/approvals/test_withheld_desk.py.
        """
        held = self._shelf.find(item_id)
        if held is None:
            return Refusal.UNKNOWN_ITEM
        if endorsement.subject != held.subject:
            return Refusal.DIGEST_MISMATCH
        if self._endorser is None:
            return Refusal.NOT_OFFERED
        try:
            refusal = self._endorser.refuses(endorsement)
            if refusal is not None:
                return refusal
            self._shelf.take(item_id)
            await self._endorser.give(endorsement)
        except StoreError:
            self.withhold((held,))
            return Refusal.NOT_RECORDED
        signed = self._judge.tier is not Tier.ADVISORY
        self._audience.tell(Endorsed(item_id=item_id, approver=endorsement.approver, signed=signed))
        return None
