"""The gateway's side of a question: who is there to ask, what waits, and which answer counts.

Everything that waits is in memory. An answer counts only if an attached console gives it, for a question that waits,
with its digest, in time, by somebody who may, and once. No database, file, environment or MCP message is ever read for
one. Identical calls of a session wait for one answer: a yes is for one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import anyio

from rule_of_two.approvals.answer import Answer, Refusal, Unanswered
from rule_of_two.approvals.audience import Audience, Console
from rule_of_two.approvals.choice import APPROVING
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_desk import DefinitionDesk
from rule_of_two.approvals.judge import Endorser, Given, Judge, Settler, StillWaiting
from rule_of_two.approvals.messages import Asked, Done, Ended, encode_to_console
from rule_of_two.approvals.pending import MAX_WAITING, Pending, PendingQuestions
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.withheld_desk import WithheldDesk
from rule_of_two.errors import BadRequest, StoreError
from rule_of_two.model import Tier


class Desk:
    """Holds the questions of one gateway. For one event loop: nothing here locks.

    # INVARIANT: an outcome is set once, only `answer` sets a `Given`, and a yes is taken once;
    # tests/approvals/test_desk.py
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        judge: Judge,
        endorser: Endorser | None = None,
        settler: Settler | None = None,
        limit: int = MAX_WAITING,
    ) -> None:
        """Without an ``endorser`` nobody can vouch for what is withheld, and without a ``settler`` nobody can accept a
        changed definition; both can be looked at."""
        self._clock = clock
        self._judge = judge
        self.audience = Audience(self._deserted)
        """Who is told of questions, and of how the sessions stand."""
        self.withheld = WithheldDesk(self.audience, judge, endorser)
        self.definitions = DefinitionDesk(self.audience, judge, settler)
        self._waiting = PendingQuestions(limit)
        self._unused: dict[str, Pending] = {}
        """Answered with yes, while the call that it is for is away; by fingerprint."""
        self._version: str | None = None
        """Of the policies in force, once they were replaced."""

    @property
    def attached(self) -> bool:
        """Whether a human could answer now."""
        return bool(self.audience)

    @property
    def holds_answers(self) -> bool:
        """Whether people said yes to calls that have not come back yet. It counts, whoever is still there."""
        return bool(self._unused)

    @property
    def tier(self) -> Tier:
        """What an answer is worth at most."""
        return self._judge.tier

    async def ask(self, question: Question, seconds: float) -> Given | StillWaiting | Unanswered:
        """Show the question on every console, unless this very call is waited for already, and wait for the answer.

        At most ``seconds``, and no longer than the question lives. An earlier question about the same call takes this
        one's place, with the yes that it may have got meanwhile. Returns at once if no console is attached. Cancelling
        withdraws the question from all consoles, unless another call waits for it.

        :raises BadRequest: the question cannot be bound or shown, or its id is in use.
        :raises LimitExceeded: it is too long to be shown.
        """
        self.tidy()
        if self._is_outdated(question):
            return Unanswered.POLICIES_CHANGED
        fingerprint = question.fingerprint
        unused = self._unused.pop(fingerprint, None)
        if unused is not None and isinstance(unused.outcome, Given):
            return unused.outcome
        pending = self._waiting.of_call(fingerprint) or self._put(question, fingerprint)
        if isinstance(pending, Unanswered):
            return pending
        with self._waiting_for(pending):
            with anyio.move_on_after(max(0.0, min(seconds, pending.ends_at - anyio.current_time()))):
                await pending.ended.wait()
            if pending.outcome is None:
                if not self._is_over(pending):
                    pending.ticketed = True
                    return StillWaiting(pending.question)
                self._end(pending, Unanswered.EXPIRED)
            return self._taken(pending)

    def known(self, question: Question) -> Question | None:
        """The question that waits, or was answered with yes, about the very call that ``question`` is about."""
        fingerprint = question.fingerprint
        pending = self._waiting.of_call(fingerprint) or self._unused.get(fingerprint)
        return None if pending is None else pending.question

    async def answer(self, answer: Answer) -> Refusal | None:
        """Accept an answer, or say why not. A refused answer changes nothing."""
        self.tidy()
        pending = self._waiting.find(answer.question_id)
        if pending is None:
            return self._waiting.refusal_of_late(answer.question_id)
        refusal = self._refuses(pending, answer)
        if refusal is Refusal.UNKNOWN_SESSION:  # another process ended it
            self.void(pending.question.session)
        if refusal is not None:
            return refusal
        pending.settling = True
        try:
            await self._judge.record(pending.question, answer)
        except StoreError:
            self._end(pending, Unanswered.NOT_RECORDED)
            return Refusal.NOT_RECORDED
        finally:
            pending.settling = False
        if answer.verdict in APPROVING:
            pending.yes += (answer,)
            if len(pending.yes) < pending.question.needs:
                if self._is_outdated(pending.question):  # the policies changed while this was recorded
                    self._end(pending, Unanswered.POLICIES_CHANGED)
                else:
                    self.audience.tell(pending.status)
                return None
        answers = pending.yes if answer.verdict in APPROVING else (answer,)
        self._end(pending, Given(pending.question, answers))
        return None

    async def command(self, command: Command) -> Done | Refusal:
        """Carry out what a human does to a session outside a question, or say why not."""
        try:
            refusal = self._judge.refuses_command(command)
            if refusal is not None:
                return refusal
            session = await self._judge.carry_out(command)
        except StoreError:
            return Refusal.NOT_RECORDED
        if session is None:
            return Refusal.UNKNOWN_SESSION
        return Done(command_id=command.id, choice=command.choice, session=session)

    def void(self, session: str, *, acting_only: bool = False) -> None:
        """End the questions of a session, and forget what was approved and not used; with ``acting_only`` those about
        calls that carry C. The question whose answer is being recorded goes on."""

        def concerned(pending: Pending) -> bool:
            question = pending.question
            return question.session == session and not (acting_only and "C" not in question.labels)

        self._drop(concerned, Unanswered.SESSION_CHANGED)

    def rules_changed(self, version: str) -> None:
        """Policies of another version are in force: end every question that was asked under others, and forget what was
        approved and not used. The question whose answer is being recorded goes on; its call is decided anew."""
        self._version = version
        self._drop(lambda pending: self._is_outdated(pending.question), Unanswered.POLICIES_CHANGED)

    def _is_outdated(self, question: Question) -> bool:
        return self._version is not None and question.policy_version != self._version

    def tidy(self) -> None:
        """End what has expired, and tell what was held back of servers that change again and again."""
        self.definitions.tell()
        self._drop(self._is_over, Unanswered.EXPIRED)

    def _drop(self, concerned: Callable[[Pending], bool], outcome: Unanswered) -> None:
        """End these questions but those whose answer is being recorded, and forget what was approved and not used."""
        for pending in self._waiting:
            if concerned(pending) and not pending.settling:
                self._end(pending, outcome)
        self._unused = {key: one for key, one in self._unused.items() if not concerned(one)}

    def attach(self, console: Console) -> None:
        """Show a console the sessions and all that waits; it counts from now on."""
        waiting = [line for one in self._waiting for line in (one.line, encode_to_console(one.status))]
        waiting += map(encode_to_console, self.withheld.told)
        waiting += map(encode_to_console, self.definitions.told)
        self.audience.join(console, waiting)

    def detach(self, console: Console) -> None:
        """Forget a console. With the last one every waiting question ends: nobody is left to answer it."""
        self.audience.leave(console)

    def _deserted(self) -> None:
        for pending in self._waiting:
            self._end(pending, Unanswered.CONSOLE_DETACHED)

    def _is_over(self, pending: Pending) -> bool:
        """Whether its time is up, by either clock."""
        return pending.question.expires_at <= self._clock() or pending.ends_at <= anyio.current_time()

    def _put(self, question: Question, fingerprint: str) -> Pending | Unanswered:
        if not self.audience:
            return Unanswered.NOBODY_ATTACHED
        remaining = (question.expires_at - self._clock()).total_seconds()
        if remaining <= 0:
            return Unanswered.EXPIRED
        if self._waiting.was_asked(question.id):
            raise BadRequest("This question was asked before.")
        line = encode_to_console(Asked(question=question))
        pending = Pending(
            question, fingerprint, question.digest, question.shown, line, anyio.current_time() + remaining
        )
        if not self._waiting.put(pending):
            self.audience.turned_away(question.session)
            return Unanswered.TOO_MANY
        self.audience.send(pending.line)
        return pending

    @contextmanager
    def _waiting_for(self, pending: Pending) -> Iterator[None]:
        """Count a call that waits. When the last one goes without a ticket, the question goes with it."""
        pending.calls += 1
        self._tell_of(pending)
        try:
            yield
        finally:
            pending.calls -= 1
            if pending.calls == 0 and not pending.ticketed:
                self._end(pending, Unanswered.WITHDRAWN)
                self._unused = {key: one for key, one in self._unused.items() if one is not pending}
            else:
                self._tell_of(pending)

    def _taken(self, pending: Pending) -> Given | Unanswered:
        """The outcome for one of the calls that waited: a yes is for the first of them that comes for it."""
        outcome = pending.outcome
        if isinstance(outcome, Given) and outcome.last.verdict in APPROVING:
            if self._unused.pop(pending.fingerprint, None) is pending:
                return outcome
            return Unanswered.POLICIES_CHANGED if self._is_outdated(pending.question) else Unanswered.USED
        return outcome or Unanswered.WITHDRAWN

    def _refuses(self, pending: Pending, answer: Answer) -> Refusal | None:
        question = pending.question
        if not pending.binds(answer):
            return Refusal.DIGEST_MISMATCH
        if pending.settling:
            return Refusal.ALREADY_ENDED
        if answer.verdict not in question.offers or answer.channel != "console":
            return Refusal.NOT_OFFERED
        try:
            refusal = self._judge.refuses(question, answer)
        except StoreError:
            return Refusal.NOT_RECORDED
        if refusal is None and answer.verdict in APPROVING:
            refusal = pending.refuses_yes(answer)
        return refusal

    def _tell_of(self, pending: Pending) -> None:
        if pending.outcome is None:
            self.audience.tell(pending.status)

    def _end(self, pending: Pending, outcome: Given | Unanswered) -> None:
        """Set the outcome, unless there is one, and take the question off all consoles."""
        if pending.outcome is not None:
            return
        question_id = pending.question.id
        self._waiting.end(pending, outcome)
        if isinstance(outcome, Given):
            if outcome.last.verdict in APPROVING:
                self._unused[pending.fingerprint] = pending
            last = outcome.last
            signed = self.tier is not Tier.ADVISORY
            ended = Ended(question_id=question_id, verdict=last.verdict, approver=last.approver, signed=signed)
        else:
            ended = Ended(question_id=question_id, unanswered=outcome)
        self.audience.tell(ended)
