"""The gateway's side of a question: who is there to ask, what waits, and which answer counts.

Everything that waits is in memory. An answer counts only if an attached console gives it, for a question that waits,
with its digest, in time, by somebody who may, and once. No database, file, environment or MCP message is ever read for
one. Identical calls of a session wait for one answer: a yes is for one of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import anyio

from rule_of_two.approvals.answer import Answer, Refusal, Unanswered
from rule_of_two.approvals.audience import Audience, Console
from rule_of_two.approvals.changes import ChangeShelf, ServerChanges
from rule_of_two.approvals.choice import APPROVING
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer
from rule_of_two.approvals.endorsement import Endorsement
from rule_of_two.approvals.judge import Endorser, Given, Judge, Settler, StillWaiting
from rule_of_two.approvals.messages import (
    Asked,
    Changed,
    Done,
    Ended,
    Endorsed,
    Settled,
    Waits,
    Withheld,
    encode_to_console,
)
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.withheld import Shelf, WithheldItem
from rule_of_two.errors import BadRequest, StoreError
from rule_of_two.model import Tier

MAX_WAITING: Final = 100
MAX_OF_SESSION: Final = 5
"""Questions of one session that may wait. Nobody can read more with care."""

MAX_WAITING_BYTES: Final = 128 * 1024 * 1024
"""Of all questions that wait, as they go over the channel."""

_REMEMBERED: Final = 1000
"""Ended questions that a late answer is told about."""


@dataclass(slots=True, eq=False)
class _Pending:
    question: Question
    fingerprint: str
    digest: str
    shown: str
    line: bytes
    ends_at: float
    """In the event loop's time, which nobody sets back."""
    calls: int = 0
    ticketed: bool = False
    settling: bool = False
    yes: tuple[Answer, ...] = ()
    outcome: Given | Unanswered | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def status(self) -> Waits:
        return Waits(
            question_id=self.question.id,
            calls=self.calls,
            approvers=tuple(answer.approver for answer in self.yes),
            items=self.yes[0].items if self.yes else (),
        )


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
        self._endorser = endorser
        self._settler = settler
        self._shelf = Shelf()
        self._changes = ChangeShelf()
        self._clock = clock
        self._judge = judge
        self._limit = limit
        self.audience = Audience(self._deserted)
        """Who is told of questions, and of how the sessions stand."""
        self._waiting: dict[str, _Pending] = {}
        self._unused: dict[str, _Pending] = {}
        """Answered with yes, while the call that it is for is away; by fingerprint."""
        self._ended: OrderedDict[str, Unanswered | None] = OrderedDict()
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
        pending = self._of_call(fingerprint) or self._put(question, fingerprint)
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
        pending = self._of_call(fingerprint) or self._unused.get(fingerprint)
        return None if pending is None else pending.question

    async def answer(self, answer: Answer) -> Refusal | None:
        """Accept an answer, or say why not. A refused answer changes nothing."""
        self.tidy()
        pending = self._waiting.get(answer.question_id)
        if pending is None:
            if answer.question_id not in self._ended:
                return Refusal.UNKNOWN_QUESTION
            late = self._ended[answer.question_id] is Unanswered.EXPIRED
            return Refusal.EXPIRED if late else Refusal.ALREADY_ENDED
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

    @property
    def withheld(self) -> tuple[WithheldItem, ...]:
        """What policy held back and people can look at, the oldest first: the newest :data:`~.withheld.MOST`."""
        return self._shelf.items

    def withhold(self, items: Iterable[WithheldItem]) -> None:
        """Keep what policy held back, so that people can look at it. What is too much is forgotten, the oldest first.

        :raises BadRequest: a text in it is not Unicode.
        """
        kept = self._shelf.put(items)
        if kept:
            self.audience.tell(Withheld(items=tuple(one.bounded() for one in kept)))

    async def endorse(self, item_id: str, endorsement: Endorsement) -> Refusal | None:
        """Accept a person's word for a withheld item, or say why not.

        # INVARIANT: it is for exactly the item that was on screen, by somebody who may, and once;
        # tests/approvals/test_withheld.py.
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
        signed = self.tier is not Tier.ADVISORY
        self.audience.tell(Endorsed(item_id=item_id, approver=endorsement.approver, signed=signed))
        return None

    @property
    def changes(self) -> tuple[ServerChanges, ...]:
        """What servers offer that nobody accepted so."""
        return tuple(self._changes.items)

    def changed(self, changes: ServerChanges) -> None:
        """Keep what waits of a server, instead of what did. Consoles are told at once, or after a pause if this server
        changes again and again."""
        if self._changes.put(changes.bounded()):
            self._tell_changes()

    def _tell_changes(self) -> None:
        for one in self._changes.due(anyio.current_time()):
            self.audience.tell(Changed(changes=one))

    async def settle(self, answer: DefinitionAnswer) -> Refusal | None:
        """Accept a person's word for a changed definition, or say why not.

        # INVARIANT: it is for exactly the definition that was on screen, in place of exactly the one that is accepted,
        # by somebody who may, and once; tests/approvals/test_settling.py.
        """
        kept = self._changes.find(answer.subject)
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
        signed = self.tier is not Tier.ADVISORY
        if done:
            self._changes.take(answer.subject)
            told = Settled(subject=answer.subject, verdict=answer.verdict, approver=answer.approver, signed=signed)
            self.audience.tell(told)
        return None if done else Refusal.UNKNOWN_CHANGE

    def void(self, session: str, *, acting_only: bool = False) -> None:
        """End the questions of a session, and forget what was approved and not used; with ``acting_only`` those about
        calls that carry C. The question whose answer is being recorded goes on."""

        def concerned(pending: _Pending) -> bool:
            question = pending.question
            return question.session == session and not (acting_only and "C" not in question.labels)

        for pending in [one for one in self._waiting.values() if concerned(one) and not one.settling]:
            self._end(pending, Unanswered.SESSION_CHANGED)
        self._unused = {key: one for key, one in self._unused.items() if not concerned(one)}

    def rules_changed(self, version: str) -> None:
        """Policies of another version are in force: end every question that was asked under others, and forget what was
        approved and not used. The question whose answer is being recorded goes on; its call is decided anew."""
        self._version = version
        for pending in [one for one in self._waiting.values() if self._is_outdated(one.question) and not one.settling]:
            self._end(pending, Unanswered.POLICIES_CHANGED)
        self._unused = {key: one for key, one in self._unused.items() if not self._is_outdated(one.question)}

    def _is_outdated(self, question: Question) -> bool:
        return self._version is not None and question.policy_version != self._version

    def tidy(self) -> None:
        """End what has expired, and tell what was held back of servers that change again and again."""
        self._tell_changes()
        for pending in [one for one in self._waiting.values() if self._is_over(one) and not one.settling]:
            self._end(pending, Unanswered.EXPIRED)
        self._unused = {key: one for key, one in self._unused.items() if not self._is_over(one)}

    def attach(self, console: Console) -> None:
        """Show a console the sessions and all that waits; it counts from now on."""
        waiting = [line for one in self._waiting.values() for line in (one.line, encode_to_console(one.status))]
        if self._shelf.items:
            waiting.append(encode_to_console(Withheld(items=tuple(one.bounded() for one in self._shelf.items))))
        waiting += [encode_to_console(Changed(changes=one)) for one in self._changes.items]
        self.audience.join(console, waiting)

    def detach(self, console: Console) -> None:
        """Forget a console. With the last one every waiting question ends: nobody is left to answer it."""
        self.audience.leave(console)

    def _deserted(self) -> None:
        for pending in list(self._waiting.values()):
            self._end(pending, Unanswered.CONSOLE_DETACHED)

    def _is_over(self, pending: _Pending) -> bool:
        """Whether its time is up, by either clock."""
        return pending.question.expires_at <= self._clock() or pending.ends_at <= anyio.current_time()

    def _of_call(self, fingerprint: str) -> _Pending | None:
        return next((one for one in self._waiting.values() if one.fingerprint == fingerprint), None)

    def _put(self, question: Question, fingerprint: str) -> _Pending | Unanswered:
        if not self.audience:
            return Unanswered.NOBODY_ATTACHED
        remaining = (question.expires_at - self._clock()).total_seconds()
        if remaining <= 0:
            return Unanswered.EXPIRED
        if question.id in self._waiting or question.id in self._ended:
            raise BadRequest("This question was asked before.")
        line = encode_to_console(Asked(question=question))
        pending = _Pending(
            question, fingerprint, question.digest, question.shown, line, anyio.current_time() + remaining
        )
        if self._is_full(pending):
            self.audience.turned_away(question.session)
            return Unanswered.TOO_MANY
        self._waiting[question.id] = pending
        self.audience.send(pending.line)
        return pending

    @contextmanager
    def _waiting_for(self, pending: _Pending) -> Iterator[None]:
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

    def _taken(self, pending: _Pending) -> Given | Unanswered:
        """The outcome for one of the calls that waited: a yes is for the first of them that comes for it."""
        outcome = pending.outcome
        if isinstance(outcome, Given) and outcome.last.verdict in APPROVING:
            if self._unused.pop(pending.fingerprint, None) is pending:
                return outcome
            return Unanswered.POLICIES_CHANGED if self._is_outdated(pending.question) else Unanswered.USED
        return outcome or Unanswered.WITHDRAWN

    def _refuses(self, pending: _Pending, answer: Answer) -> Refusal | None:
        question = pending.question
        bound = (question.session, pending.digest, pending.shown)
        if (answer.session, answer.digest, answer.shown) != bound or not answer.fits(question):
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
            refusal = _not_beside(answer, pending.yes)
        return refusal

    def _tell_of(self, pending: _Pending) -> None:
        if pending.outcome is None:
            self.audience.tell(pending.status)

    def _is_full(self, pending: _Pending) -> bool:
        session = pending.question.session
        of_session = sum(one.question.session == session for one in self._waiting.values())
        size = len(pending.line) + sum(len(one.line) for one in self._waiting.values())
        return len(self._waiting) >= self._limit or of_session >= MAX_OF_SESSION or size > MAX_WAITING_BYTES

    def _end(self, pending: _Pending, outcome: Given | Unanswered) -> None:
        """Set the outcome, unless there is one, and take the question off all consoles."""
        if pending.outcome is not None:
            return
        pending.outcome = outcome
        question_id = pending.question.id
        del self._waiting[question_id]
        self._ended[question_id] = outcome if isinstance(outcome, Unanswered) else None
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        pending.ended.set()
        if isinstance(outcome, Given):
            if outcome.last.verdict in APPROVING:
                self._unused[pending.fingerprint] = pending
            last = outcome.last
            signed = self.tier is not Tier.ADVISORY
            ended = Ended(question_id=question_id, verdict=last.verdict, approver=last.approver, signed=signed)
        else:
            ended = Ended(question_id=question_id, unanswered=outcome)
        self.audience.tell(ended)


def _not_beside(answer: Answer, others: tuple[Answer, ...]) -> Refusal | None:
    """Why a yes does not count beside the ones that other people gave: one each, and all to the same items."""
    if answer.approver in {one.approver for one in others}:
        return Refusal.ANSWERED_BEFORE
    same = all(set(answer.items) == set(one.items) for one in others)
    return None if same else Refusal.OTHER_ITEMS
