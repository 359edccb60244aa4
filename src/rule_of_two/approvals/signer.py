"""Who answers at this console: makes answers and commands, signs them with the unlocked key, and says what that is
worth."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer, DefinitionSubject, Verdict
from rule_of_two.approvals.endorsement import Endorsement
from rule_of_two.approvals.items import Deed, Ordered, Said, Settles, Vouched
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.spans import clip
from rule_of_two.model import Tier


class Signer:
    """``key`` ``None``: the name is only a claim, and nothing is signed."""

    def __init__(self, approver: str, key: ApproverKey | None = None) -> None:
        self.approver = approver
        self.key = key

    def send(self, deed: Deed, client: DeskClient, now: datetime) -> bool:
        """Send what the human said. ``False``: that gateway is gone, so nothing was approved or done."""
        if isinstance(deed, Said):
            return client.answer(deed.item.gateway, self.answer(deed, now))
        if isinstance(deed, Vouched):
            return client.endorse(deed.gateway, deed.withheld.item.id, self.endorsement(deed, now))
        if isinstance(deed, Settles):
            answers = [self.definition_answer(one, deed.verdict, now) for one in deed.row.subjects]
            return not [one for one in answers if not client.settle(deed.row.gateway, one)]
        return client.command(deed.gateway, self.command(deed, now))

    def answer(self, said: Said, now: datetime) -> Answer:
        """The answer, signed where there is a key."""
        question = said.item.question
        answer = Answer.to(question, said.choice, approver=self.approver, now=now, grant=said.grant, items=said.items)
        return answer.signed(self.key)

    def command(self, ordered: Ordered, now: datetime) -> Command:
        """The command, signed where there is a key."""
        return Command.to(ordered.session, ordered.choice, approver=self.approver, now=now).signed(self.key)

    def endorsement(self, vouched: Vouched, now: datetime) -> Endorsement:
        """The endorsement, signed where there is a key."""
        return Endorsement.to(vouched.withheld.subject, approver=self.approver, now=now).signed(self.key)

    def definition_answer(self, subject: DefinitionSubject, verdict: Verdict, now: datetime) -> DefinitionAnswer:
        """The answer to a changed definition, signed where there is a key."""
        return DefinitionAnswer.to(subject, verdict, approver=self.approver, now=now).signed(self.key)

    def standing(self, tiers: Collection[Tier]) -> str:
        """For the header: who signs, and what that is worth at gateways of these tiers."""
        if self.key is None:
            return "unsigned, advisory"
        worth = "/".join(sorted(set(tiers)))
        advisory = ", advisory" if set(tiers) == {Tier.ADVISORY} else ""
        return f"signed by {clip(self.approver, 12)}{advisory}{f' ({worth})' if worth else ''}"

    def note(self, tier: Tier) -> str | None:
        """What a human must know of an answer to a question of this tier; ``None`` where the header says it all."""
        if self.key is None and tier is not Tier.ADVISORY:
            return "this gateway takes signed answers only: open the console with your key"
        if self.key is not None and tier is Tier.ADVISORY:
            return "no approver is enrolled at this gateway: your answer is advisory"
        return None
