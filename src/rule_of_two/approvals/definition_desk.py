"""The gateway's side of what servers changed: shown on all consoles; a person's word for a definition counts once."""

from __future__ import annotations

import anyio

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.audience import Audience
from rule_of_two.approvals.changes import ChangeShelf, ServerChanges
from rule_of_two.approvals.definition_answer import DefinitionAnswer
from rule_of_two.approvals.judge import Judge, Settler
from rule_of_two.approvals.messages import Changed, Settled
from rule_of_two.errors import StoreError
from rule_of_two.model import Tier


class DefinitionDesk:
    """Of one gateway. Without a ``settler`` nobody can accept a changed definition; it can be looked at."""

    def __init__(self, audience: Audience, judge: Judge, settler: Settler | None) -> None:
        self._audience = audience
        self._judge = judge
        self._settler = settler
        self._shelf = ChangeShelf()

    @property
    def changes(self) -> tuple[ServerChanges, ...]:
        """What servers offer that nobody accepted so."""
        return tuple(self._shelf.items)

    @property
    def told(self) -> tuple[Changed, ...]:
        """What a console is told of it that has just attached."""
        return tuple(Changed(changes=one) for one in self._shelf.items)

    def changed(self, changes: ServerChanges) -> None:
        """Keep what waits of a server, instead of what did. Consoles are told at once, or after a pause if this server
        changes again and again."""
        if self._shelf.put(changes.bounded()):
            self.tell()

    def tell(self) -> None:
        """Tell consoles what is due, also of servers that change again and again."""
        for one in self._shelf.due(anyio.current_time()):
            self._audience.tell(Changed(changes=one))

    async def settle(self, answer: DefinitionAnswer) -> Refusal | None:
        """Accept a person's word for a changed definition, or say why not.

        # INVARIANT: it is for exactly the definition that was on screen, in place of exactly the one that is accepted,
        # by somebody who may, and once; tests/approvals/test_definition_desk.py.
        """
        kept = self._shelf.find(answer.subject)
        if kept is None:
            return Refusal.UNKNOWN_CHANGE
        if self._settler is None:
            return Refusal.NOT_OFFERED
        change = next(one for one in kept.changes if kept.subject(one) == answer.subject)
        try:
            refusal = self._settler.refuses(answer, kept.server)
            if refusal is not None:
                return refusal
            done = await self._settler.settle(answer, change.new)
        except StoreError:
            return Refusal.NOT_RECORDED
        signed = self._judge.tier is not Tier.ADVISORY
        if done:
            self._shelf.take(answer.subject)
            told = Settled(subject=answer.subject, verdict=answer.verdict, approver=answer.approver, signed=signed)
            self._audience.tell(told)
        return None if done else Refusal.UNKNOWN_CHANGE
