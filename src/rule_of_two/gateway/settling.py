"""Which answers about definitions count: signed by an enrolled approver whom policy lets give them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.definition_answer import DefinitionAnswer, Verdict, definition_answer_text
from rule_of_two.approvals.grants import in_step
from rule_of_two.errors import BadRequest
from rule_of_two.gateway.answers import Answers
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import Approver, Tier, labels_in
from rule_of_two.store.pins import Pin, PinAnswer, PinStore

_ALL: Final = labels_in("ABC")
ACCEPT: Final = "accept"
"""What policies read as ``context.choice`` of the action `endorse`."""


class Settling(Struct):
    """Judges answers by ``answers``: its approvers, policies and tenant (:class:`~.judge.Settler`). ``settled`` is told
    when one was taken."""

    answers: Answers
    pins: PinStore
    settled: Callable[[], None] = lambda: None

    def refuses(self, answer: DefinitionAnswer, server: str) -> Refusal | None:
        """Why it does not count. Refusing needs no right but to be somebody.

        # INVARIANT: where approvers are enrolled, no definition takes another's place but by the signed word of one of
        # them, as policy lets them; tests/attacks/test_pins.py.
        """
        try:
            who = self.answers.approvers.who(answer)
        except BadRequest:  # it has no canonical form, so nobody can have signed it
            return Refusal.BAD_SIGNATURE
        if isinstance(who, Refusal):
            return who
        now = self.answers.clock()
        wrong = (
            (answer.subject.state != self.pins.state, Refusal.DIGEST_MISMATCH),
            (self.pins.knows(answer.id), Refusal.ALREADY_SETTLED),
            (not in_step(answer.answered_at, now), Refusal.CLOCK),
            (not self._may(who, answer, server, now), Refusal.NOT_ENTITLED),
        )
        return next((refusal for so, refusal in wrong if so), None)

    def _may(self, who: Approver, answer: DefinitionAnswer, server: str, now: datetime) -> bool:
        if answer.verdict is Verdict.REFUSE:
            return who.tenant == self.answers.tenant
        return self.answers.rules.rights.may_endorse(who, server, _ALL, now=now, choice=ACCEPT)

    async def settle(self, answer: DefinitionAnswer, new: str | None) -> bool:
        """Journal an answer that is not refused, and do what it says."""
        subject, at = answer.subject, timestamp()
        signed = answer.signature is not None and self.answers.tier is not Tier.ADVISORY
        accepts = answer.verdict is Verdict.ACCEPT
        pin: Pin | None = None
        if accepts and new is not None:
            by = answer.approver if signed else f"{answer.approver} (unsigned)"
            pin = Pin(subject.kind, subject.name, subject.new, json.loads(new), by, at)
        await self.answers.journal.event("definitions", None, _body(answer, signed=signed))
        done = await self.pins.settle(
            subject.upstream,
            PinAnswer(answer.id, subject.kind, subject.name, subject.new, definition_answer_text(answer), at),
            old=subject.old,
            pin=pin,
            keep=not accepts and subject.old != subject.new,  # what was accepted as first seen is taken back
        )
        self.settled()
        return done


def _body(answer: DefinitionAnswer, *, signed: bool) -> dict[str, Any]:
    """The journal's entry: everything that is needed to verify the signature again."""
    return {
        "event": "answered",
        "verdict": answer.verdict,
        "upstream": answer.subject.upstream,
        "what": f"{answer.subject.kind} {answer.subject.name}".rstrip()[:200],
        "by": answer.approver,
        "assurance": "signed" if signed else "unsigned, advisory",
        "receipt": orjson.loads(definition_answer_text(answer)),
    }
