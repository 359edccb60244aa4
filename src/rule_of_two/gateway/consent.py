"""Asking a human about one exact call: the question, its record in the journal, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
from msgspec import Struct

from rule_of_two.approvals.answer import Unanswered, canonical_targets
from rule_of_two.approvals.arrival import Arrival
from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given, StillWaiting
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.question import JournalHead, Origin, Question
from rule_of_two.audit.journal import Journal
from rule_of_two.audit.journal import Origin as CallOrigin
from rule_of_two.errors import BadRequest, Code, LimitExceeded
from rule_of_two.gateway.elicited import AskedWithResult, Elicited, Elicits
from rule_of_two.gateway.flight import Call
from rule_of_two.gateway.results import Refused
from rule_of_two.model import Decision, Label, Outcome, Principal, SessionView, Tier, Verdict
from rule_of_two.records import replace

RECHECKS: Final = 3
"""How often a person is asked again because the session gained a label while they read."""
RECHECKED: Final = "the session changed each time while a person was asked."
PROGRESS_SECONDS: Final = 10.0
"""How often a client that gave a progress token is told that its call still waits."""

_CODES: Final = {
    Unanswered.NOBODY_ATTACHED: Code.APPROVAL_REQUIRED,
    Unanswered.CONSOLE_DETACHED: Code.APPROVAL_REQUIRED,
    Unanswered.EXPIRED: Code.APPROVAL_EXPIRED,
    Unanswered.WITHDRAWN: Code.APPROVAL_EXPIRED,
    Unanswered.USED: Code.APPROVAL_EXPIRED,
    Unanswered.SESSION_CHANGED: Code.APPROVAL_EXPIRED,
    Unanswered.POLICIES_CHANGED: Code.APPROVAL_EXPIRED,
    Unanswered.NOT_RECORDED: Code.STORE_ERROR,
    Unanswered.TOO_MANY: Code.LIMIT_EXCEEDED,
}
_WHY: Final = {
    Unanswered.POLICIES_CHANGED: "the operator's policies changed while a person was asked; made again, it is decided "
    "anew.",
}
_REFUSED: Final = {
    Choice.NO: (Code.APPROVAL_DENIED, ""),
    Choice.FREEZE: (Code.SESSION_FROZEN, ""),
    Choice.NEW: (
        Code.APPROVAL_EXPIRED,
        "a person started a new session, as this is a new conversation; what the old one asked for is refused.",
    ),
}


class Holdable(Protocol):
    """How long a call can wait."""

    @property
    def hold_seconds(self) -> float | None:
        """How long it can be held because of what its client can take; ``None``: as the profile says."""

    @property
    def hears_progress(self) -> bool:
        """Whether the client can be told that it still waits."""


class Caller(Holdable, Elicits, Protocol):
    """The client whose call waits."""

    async def still_waiting(self) -> None:
        """Tell it so."""


class Patience(Struct, frozen=True):
    """How long calls are held: ``wait`` seconds, ``progress`` seconds where the client hears that they wait.
    ``pending`` is how long a question lives."""

    wait: float
    progress: float
    pending: timedelta

    def hold(self, caller: Holdable | None) -> float:
        """Seconds to hold a call of this caller's."""
        if caller is not None and caller.hold_seconds is not None:
            return min(caller.hold_seconds, self.wait)
        return max(self.wait, self.progress) if caller is not None and caller.hears_progress else self.wait


class Consent(Struct, frozen=True):
    """Asks the humans at the desk of this gateway.

    ``may_grant`` says whether anybody could give the call of a question a standing yes.
    """

    desk: Desk
    journal: Journal
    client: str
    principal: Principal
    patience: Patience
    clock: Callable[[], datetime]
    origin_of: Callable[[int], CallOrigin]
    quiet_for: Callable[[str], timedelta | None]
    may_grant: Callable[[Question], bool]
    secrets: tuple[str, ...] = ()
    elicited: Elicited | None = None
    """Where the client is a channel."""

    def reaches(self, session: str) -> bool:
        """Whether anybody could be asked now about what a call of a session brings.

        # INVARIANT: that is never put before a client, who would be told what is not released to it;
        # tests/attacks/test_release_gate.py.

        :raises StoreError: that cannot be found out.
        """
        return self._at_consoles and self.quiet_for(session) is None

    @property
    def _at_consoles(self) -> bool:
        return self.desk.attached or self.desk.holds_answers

    async def ask(self, call: Call, asking: Decision, caller: Caller | None, arrival: Arrival | None = None) -> Given:
        """Put the call before a human and wait for the answer: enough times yes, or *drop C*. With an ``arrival`` it is
        about what came back, and to withhold it, or a part of it, is an answer too.

        The question is journalled before it is shown. A call that was held for as long as its client can take gets a
        ticket; repeated after the yes, it runs on it.

        :raises Refused: there was no such answer, or the call cannot be bound to one or shown.
        :raises StoreError: the question could not be journalled, so there is no approval.
        """
        channel = self.elicited if self.elicited is not None and self.elicited.can_ask(caller) else None
        channel = channel if arrival is None else None
        if channel is None and not self._at_consoles:
            raise await self._unanswered(call, asking, Unanswered.NOBODY_ATTACHED)
        quiet = self.quiet_for(asking.session)
        if quiet is not None:
            self.desk.audience.turned_away(asking.session)
            await self._note(asking, "backed_off")
            left = int(quiet.total_seconds()) + 1
            detail = f"people refused several times in a row, so nothing is asked for {left} s."
            raise _refused(call, asking, Code.APPROVAL_DENIED, detail)
        held = {label: self._origin(brought_by) for label, brought_by in asking.held.items()}
        head = self.journal.head()
        outcome: Given | StillWaiting | AskedWithResult | Unanswered
        try:
            # Canonical text of a long call takes a while; other calls go on meanwhile.
            question, shown = await anyio.to_thread.run_sync(self._question, call, asking, held, arrival, head)
            if self.desk.attached or channel is None or caller is None:
                outcome = await self._at_the_desk(asking, question, shown, caller)
            else:
                outcome = await self._through_the_client(asking, question, shown, channel, caller)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._note(asking, Unanswered.WITHDRAWN)
            raise
        except (BadRequest, LimitExceeded) as error:
            await self._note(asking, str(error))
            raise _refused(call, asking, error.code, f"it cannot be put before a person. {error}") from error
        if isinstance(outcome, Unanswered):
            raise await self._unanswered(call, asking, outcome)
        if isinstance(outcome, (StillWaiting, AskedWithResult)):
            ticket = outcome.question.id
            await self._note(asking, "pending", ticket=ticket)
            refused = _refused(call, replace(asking, ticket=ticket), Code.APPROVAL_PENDING)
            refused.elicit = outcome.params if isinstance(outcome, AskedWithResult) else None
            raise refused
        return self._judged(call, asking, outcome)

    async def _at_the_desk(
        self, asking: Decision, question: Question, shown: dict[str, Any], caller: Caller | None
    ) -> Given | StillWaiting | Unanswered:
        number, known = asking.number or 0, self.desk.known(question)
        if known is not None:
            await self.journal.question(number, asking.session, _joined(known))
        if known is None or self.desk.known(question) is not known:
            # INVARIANT: what is shown is journalled before, also when the question that this call was to join ended
            # while that was written; tests/attacks/test_approvals_journal.py.
            await self.journal.question(number, asking.session, shown)
        return await self._wait(question, caller)

    async def _through_the_client(
        self, asking: Decision, question: Question, shown: dict[str, Any], channel: Elicited, caller: Caller
    ) -> Given | AskedWithResult | Unanswered:
        """Ask the client's own user, where nobody is at a console."""
        known = channel.came_back(caller, question.fingerprint)
        if known is not None:
            await self.journal.question(asking.number or 0, asking.session, _joined(known))
            return await channel.take(known, caller)
        params = channel.params_of(question) if caller.elicitation else None
        if params is None:
            return Unanswered.NOBODY_ATTACHED
        await self.journal.question(asking.number or 0, asking.session, {**shown, "channel": "elicitation"})
        return await channel.ask(question, params, caller, self.patience.wait)

    async def _wait(self, question: Question, caller: Caller | None) -> Given | StillWaiting | Unanswered:
        hold = self.patience.hold(caller)
        if caller is None or not caller.hears_progress:
            return await self.desk.ask(question, hold)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_keep_telling, caller)
            outcome = await self.desk.ask(question, hold)
            tasks.cancel_scope.cancel()
        return outcome

    def _judged(self, call: Call, asking: Decision, given: Given) -> Given:
        """What people said, if it lets the call go on.

        :raises Refused: it does not.
        """
        verdict = given.last.verdict
        if verdict in _REFUSED and not (verdict is Choice.NO and given.question.arrival is not None):
            raise _refused(call, asking, *_REFUSED[verdict])
        if verdict in APPROVING and not still_valid(given, self.clock()):
            raise _refused(call, asking, Code.APPROVAL_EXPIRED)
        return given

    async def _unanswered(self, call: Call, asking: Decision, why: Unanswered) -> Refused:
        await self._note(asking, why)
        return _refused(call, asking, _CODES[why], _WHY.get(why, ""))

    async def _note(self, asking: Decision, why: str, **more: str) -> None:
        await self.journal.answer(asking.number or 0, asking.session, {"answer": None, "reason": why, **more})

    def _question(
        self,
        call: Call,
        asking: Decision,
        held: dict[Label, Origin],
        arrival: Arrival | None,
        head: JournalHead,
    ) -> tuple[Question, dict[str, Any]]:
        """The question, and what the journal keeps of it: all that is bound and shown, with secrets hidden."""
        messages = (*asking.messages, *(one.sentence for one in call.passed))
        question = Question.about(
            call.facts,
            Verdict(Outcome.ASK, None, asking.policies, messages, approvals=asking.approvals),
            session=asking.session,
            client=self.client,
            arguments=call.arguments,
            forwarded=call.forwarded,
            held=held,
            pin=call.pin,
            policy_version=asking.policy_version,
            now=self.clock(),
            wait=self.patience.pending,
            secret_pointers=call.secret_pointers,
            call_keys=call.call_keys,
            user=self.principal.user,
            tenant=self.principal.tenant,
            offers=_offers(arrival),
            decision=asking.number or 0,
            tier=self.desk.tier,
            arrival=arrival,
            head=head,
        )
        if arrival is None and not call.passed and self._grantable(question):
            question = replace(question, offers=(*question.offers, Choice.GRANT))
        return question, shown_of(question, self.secrets)

    def _grantable(self, question: Question) -> bool:
        signed, one_person = self.desk.tier is not Tier.ADVISORY, question.needs == 1
        targets = canonical_targets(question.targets)
        if not signed or not one_person or targets is None:
            return False
        # The terms of a grant are signed, and so they are written down as they are.
        masks = Masks(question.arguments, question.secret_pointers, self.secrets)
        return all(masks.hide(value) == value for _, value in targets) and self.may_grant(question)

    def _origin(self, number: int) -> Origin:
        origin = self.origin_of(number)
        at = datetime.fromisoformat(origin.at) if origin.at else datetime.fromtimestamp(0, UTC)
        return Origin(call=number, name=origin.what, shown=origin.where, at=at)


def said_yes(given: Given, view: SessionView, version: str, now: datetime) -> int:
    """How many said yes that counts at ``now``, with the session as it is and under the policies of ``version``."""
    question = given.question
    same = view.after.keys() == question.held.keys() and question.policy_version == version
    return len(given.answers) if same and still_valid(given, now) else 0


def still_valid(given: Given, now: datetime) -> bool:
    """Whether it is a yes, by as many as it takes, that covers the call that was asked about, at ``now``."""
    return len(given.answers) >= given.question.needs and all(
        answer.approves(given.question, now=now) for answer in given.answers
    )


def _offers(arrival: Arrival | None) -> tuple[Choice, ...]:
    parts = (Choice.WITHOUT,) if arrival is not None and arrival.without is not None else ()
    return (Choice.YES, Choice.DROP, *parts, Choice.NO, Choice.FREEZE, Choice.NEW)


def shown_of(question: Question, secrets: tuple[str, ...]) -> dict[str, Any]:
    """What the journal keeps of a question: the members that its digest binds, and what else was shown.

    ``masked`` says that something is hidden in it, so that the digest cannot be computed from it again.
    """
    masks = Masks(question.arguments, question.secret_pointers, secrets)
    arguments, forwarded = question.arguments, question.forwarded
    shown_arguments, shown_forwarded = masks.masked(arguments), masks.masked(forwarded)
    return {
        "question": question.id,
        "digest": question.digest,
        "shown": question.shown,
        "action": question.action,
        "upstream": question.upstream,
        "name": question.name,
        "pin": question.pin,
        "arguments": shown_arguments,
        "forwarded": shown_forwarded,
        "masked": shown_arguments != arguments or shown_forwarded != forwarded,
        "held": {label: origin.call for label, origin in question.held.items()},
        "adds": sorted(question.adds),
        "policy_version": question.policy_version,
        "nonce": question.nonce,
        "expires_at": question.expires_at.isoformat(timespec="microseconds"),
        "needs": question.needs,
        "offers": question.offers,
        "tier": question.tier,
        **({} if question.arrival is None else {"arrival": question.arrival.bound}),
        **({} if question.head is None else {"head": question.head}),
    }


def _joined(question: Question) -> dict[str, Any]:
    """The journal's word that a question was asked before about the very same call."""
    return {"question": question.id, "digest": question.digest, "joins": question.decision}


async def _keep_telling(caller: Caller) -> None:
    while True:
        await anyio.sleep(PROGRESS_SECONDS)
        await caller.still_waiting()


def _refused(call: Call, asking: Decision, code: Code, detail: str = "") -> Refused:
    """The refusal. Its outcome stays ask while a person could still say yes to the same call."""
    open_still = {Code.APPROVAL_REQUIRED, Code.APPROVAL_EXPIRED, Code.APPROVAL_PENDING}
    outcome = Outcome.ASK if code in open_still else Outcome.DENY
    return Refused(replace(asking, outcome=outcome, code=code), call.facts, detail)
