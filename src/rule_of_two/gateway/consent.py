"""Asking a human about one exact call: the question, its record in the journal, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rule_of_two.approvals.answer import Choice, Unanswered
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.audit.journal import Journal
from rule_of_two.audit.journal import Origin as CallOrigin
from rule_of_two.errors import BadRequest, Code
from rule_of_two.gateway.results import Refused
from rule_of_two.model import Decision, Outcome, Verdict

if TYPE_CHECKING:
    from rule_of_two.gateway.enforcement import Call

_CODES = {
    Unanswered.NOBODY_ATTACHED: Code.APPROVAL_REQUIRED,
    Unanswered.CONSOLE_DETACHED: Code.APPROVAL_REQUIRED,
    Unanswered.EXPIRED: Code.APPROVAL_EXPIRED,
    Unanswered.WITHDRAWN: Code.APPROVAL_EXPIRED,
    Unanswered.TOO_MANY: Code.LIMIT_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class Approval:
    """A yes to one question. It is used at once or never."""

    question: Question
    approver: str

    def still_valid(self, now: datetime) -> bool:
        """Whether the question had not expired at ``now``."""
        return now < self.question.expires_at


class Consent:
    """Asks the humans at the desk of this gateway. ``wait`` is how long a call may be held."""

    def __init__(
        self,
        desk: Desk,
        journal: Journal,
        *,
        client: str,
        policy_version: str,
        wait: timedelta,
        clock: Callable[[], datetime],
        origin_of: Callable[[int], CallOrigin],
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._client = client
        self._policy_version = policy_version
        self._wait = wait
        self._clock = clock
        self._origin_of = origin_of

    async def ask(self, call: Call, asking: Decision) -> Approval:
        """Put the call before a human and wait for the answer. The question is journalled before it is shown.

        :raises Refused: there was no yes.
        :raises StoreError: the question or its answer could not be journalled, so there is no approval.
        """
        facts, number = call.facts, asking.number or 0
        question = self._question(call, asking)
        shown = {
            "question": question.id,
            "digest": question.digest,
            "arguments": Masks(question.arguments, question.secret_pointers).masked(question.arguments),
            "expires_at": question.expires_at.isoformat(),
        }
        await self._journal.question(number, asking.session, shown)
        answer = await self._desk.ask(question)
        if isinstance(answer, Unanswered):
            body = {"question": question.id, "answer": None, "reason": answer}
            await self._journal.answer(number, asking.session, body)
            raise Refused(replace(asking, outcome=Outcome.DENY, code=_CODES[answer]), facts)
        await self._journal.answer(
            number,
            asking.session,
            {
                "question": question.id,
                "answer": answer.verdict,
                "approver": answer.approver,
                "digest": answer.digest,
                "signature": answer.signature,
                "assurance": answer.assurance,
            },
        )
        if answer.verdict is not Choice.YES:
            raise Refused(replace(asking, outcome=Outcome.DENY, code=Code.APPROVAL_DENIED), facts)
        return Approval(question, answer.approver)

    def _question(self, call: Call, asking: Decision) -> Question:
        try:
            return Question.about(
                call.facts,
                Verdict(Outcome.ASK, None, asking.policies, asking.messages),
                session=asking.session,
                client=self._client,
                arguments=call.arguments,
                forwarded=call.forwarded,
                held={label: self._origin(number) for label, number in asking.held.items()},
                pin=call.pin,
                policy_version=self._policy_version,
                now=self._clock(),
                wait=self._wait,
                secret_pointers=call.secret_pointers,
            )
        except BadRequest as error:
            refused = replace(asking, outcome=Outcome.DENY, code=Code.BAD_REQUEST)
            raise Refused(refused, call.facts, f"{error}") from error

    def _origin(self, number: int) -> Origin:
        origin = self._origin_of(number)
        at = datetime.fromisoformat(origin.at) if origin.at else datetime.fromtimestamp(0, UTC)
        return Origin(call=number, name=origin.what, shown=origin.where, at=at)
