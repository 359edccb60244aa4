"""Asking a human about one exact call: the question, its record in the journal, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.to_thread

from rule_of_two.approvals.answer import Answer, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.audit.journal import Journal
from rule_of_two.audit.journal import Origin as CallOrigin
from rule_of_two.errors import BadRequest, Code, LimitExceeded
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.results import Refused
from rule_of_two.model import Decision, Label, Outcome, Verdict

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
    answer: Answer

    def still_valid(self, now: datetime) -> bool:
        """Whether it covers the call that was asked about, at ``now``."""
        return self.answer.approves(self.question, now=now)


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
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._client = client
        self._policy_version = policy_version
        self._wait = wait
        self._clock = clock
        self._origin_of = origin_of
        self._secrets = secrets

    async def ask(self, call: Call, asking: Decision) -> Approval:
        """Put the call before a human and wait for the answer. The question is journalled before it is shown.

        :raises Refused: there was no yes, or the call cannot be bound to one or shown.
        :raises StoreError: the question or its answer could not be journalled, so there is no approval.
        """
        number = asking.number or 0
        if not self._desk.attached:
            await self._journal.answer(number, asking.session, {"answer": None, "reason": Unanswered.NOBODY_ATTACHED})
            raise _refused(call, asking, _CODES[Unanswered.NOBODY_ATTACHED])
        held = {label: self._origin(brought_by) for label, brought_by in asking.held.items()}
        try:
            # Canonical text of a long call takes a while; other calls go on meanwhile.
            question, shown = await anyio.to_thread.run_sync(self._question, call, asking, held)
            await self._journal.question(number, asking.session, shown)
            answer = await self._desk.ask(question)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._journal.answer(number, asking.session, {"answer": None, "reason": Unanswered.WITHDRAWN})
            raise
        except (BadRequest, LimitExceeded) as error:
            await self._journal.answer(number, asking.session, {"answer": None, "reason": str(error)})
            raise _refused(call, asking, error.code, f"it cannot be put before a person. {error}") from error
        if isinstance(answer, Unanswered):
            body = {"question": question.id, "answer": None, "reason": answer}
            await self._journal.answer(number, asking.session, body)
            raise _refused(call, asking, _CODES[answer])
        body = {
            "question": question.id,
            "answer": answer.verdict,
            "approver": answer.approver,
            "digest": answer.digest,
            "signature": answer.signature,
            "assurance": answer.assurance,
        }
        await self._journal.answer(number, asking.session, body)
        if not answer.approves(question, now=self._clock()):
            expired = answer.verdict is Choice.YES
            raise _refused(call, asking, Code.APPROVAL_EXPIRED if expired else Code.APPROVAL_DENIED)
        return Approval(question, answer)

    def _question(self, call: Call, asking: Decision, held: dict[Label, Origin]) -> tuple[Question, dict[str, Any]]:
        """The question, and what the journal keeps of it: all that is shown, with secrets hidden."""
        question = Question.about(
            call.facts,
            Verdict(Outcome.ASK, None, asking.policies, asking.messages),
            session=asking.session,
            client=self._client,
            arguments=call.arguments,
            forwarded=call.forwarded,
            held=held,
            pin=call.pin,
            policy_version=self._policy_version,
            now=self._clock(),
            wait=self._wait,
            secret_pointers=call.secret_pointers,
        )
        masks = Masks(question.arguments, question.secret_pointers, self._secrets)
        shown = {
            "question": question.id,
            "digest": question.digest,
            "arguments": masks.masked(question.arguments),
            "expires_at": question.expires_at.isoformat(),
        }
        return question, shown

    def _origin(self, number: int) -> Origin:
        origin = self._origin_of(number)
        at = datetime.fromisoformat(origin.at) if origin.at else datetime.fromtimestamp(0, UTC)
        return Origin(call=number, name=origin.what, shown=origin.where, at=at)


def _refused(call: Call, asking: Decision, code: Code, detail: str = "") -> Refused:
    """The refusal. Its outcome stays ask while a person could still say yes to the same call."""
    outcome = Outcome.ASK if code in {Code.APPROVAL_REQUIRED, Code.APPROVAL_EXPIRED} else Outcome.DENY
    return Refused(replace(asking, outcome=outcome, code=code), call.facts, detail)
