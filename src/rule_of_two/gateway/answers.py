"""What becomes of an answer or a command of a person's: checked, written down, and done to the session."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct, field

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.choice import APPROVING, REFUSING, Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.grants import in_step
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.receipts import deed, receipt_text, signed_command_text
from rule_of_two.audit.journal import Journal
from rule_of_two.errors import BadRequest
from rule_of_two.gateway.blueprint import enrolled_approvers, principal_of, sources_of
from rule_of_two.gateway.config import Config
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.gateway.timing import timestamp, utc_now
from rule_of_two.model import Approver, Facts, SessionView, Tier
from rule_of_two.sessions import deeds
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.labels import view_of_session
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import SessionRecord, find_session
from rule_of_two.store.database import Database
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state

_MOST_RENEWALS: Final = 100


def _nothing(session: str, *, acting_only: bool) -> None:
    """Before a desk listens."""


class Answers(Struct):
    """The judge of one gateway process (:class:`~rule_of_two.approvals.judge.Judge`)."""

    approvers: Approvers
    rules: Rulebook
    journal: Journal
    state: Database
    boundaries: Boundaries
    clock: Callable[[], datetime]
    tenant: str
    """Whose sessions this gateway serves: those of others are none of its people's business."""
    void: Callable[..., None] = field(default=_nothing)
    """Told when a session changed so that what waits in it is over: ``void(session, acting_only=…)``."""

    @property
    def tier(self) -> Tier:
        """What an answer is worth at most."""
        return self.approvers.tier

    def refuses(self, question: Question, answer: Answer) -> Refusal | None:
        """Why this answer does not count. Refusing needs no right but to be somebody.

        # INVARIANT: what approves is signed by an enrolled key where there are any, and policy lets its owner say so;
        # tests/attacks/test_forged_receipts.py.
        """
        who: Approver | Refusal
        if answer.channel == "elicitation":
            who = Approver(answer.approver, question.user, question.tenant)
        else:
            who = self.approvers.who(answer)
        if isinstance(who, Refusal):
            return who
        if answer.verdict is not Choice.NO and self._open(question.session) is None:
            return Refusal.UNKNOWN_SESSION
        if answer.verdict in REFUSING:
            return None if who.tenant == question.tenant else Refusal.NOT_ENTITLED
        return self._unsuitable(question, answer) or self._unentitled(who, question, answer)

    def _unsuitable(self, question: Question, answer: Answer) -> Refusal | None:
        """Why a grant is not one for this question, given now."""
        if answer.verdict is not Choice.GRANT:
            return None
        if answer.grant is None or not answer.grant.fits(question):
            return Refusal.DIGEST_MISMATCH
        return None if in_step(answer.answered_at, self.clock()) else Refusal.CLOCK

    def _unentitled(self, who: Approver, question: Question, answer: Answer) -> Refusal | None:
        """Why policy does not let this person say so. A new session is one of the deeds to sessions too."""
        now = self.clock()
        may = self.may_say(who, question, answer.verdict, answer.channel, now)
        if may and answer.verdict is Choice.NEW:
            may = self.rules.rights.may_manage(who, _view(question), choice=Choice.NEW, now=now)
        return None if may else Refusal.NOT_ENTITLED

    def may_say(self, who: Approver, question: Question, choice: Choice, channel: str, now: datetime) -> bool:
        """Whether policy lets this person say it."""
        facts = Facts(question.action, question.upstream, question.name, question.labels, question.targets)
        return self.rules.rights.may_answer(
            who, facts, _view(question), choice=str(choice), channel=channel, approvals=question.needs, now=now
        )

    def may_give(self, who: Approver, facts: Facts, view: SessionView, now: datetime) -> bool:
        """Whether policy lets this person give a standing yes."""
        return self.rules.rights.may_answer(
            who, facts, view, choice=Choice.GRANT, channel="console", approvals=1, now=now
        )

    def may_grant(self, question: Question) -> bool:
        """Whether policy lets any of the approvers give a standing yes."""
        now = self.clock()
        return any(self.may_say(who, question, Choice.GRANT, "console", now) for who in self.approvers.enrolled)

    def quiet_for(self, session: str) -> timedelta | None:
        """How long nothing of a session is asked yet, because people refused several times in a row.

        :raises StoreError: the state cannot be read.
        """
        now = self.clock()
        return self.state.read(lambda db: deeds.quiet_for(db, session, now))

    async def record(self, question: Question, answer: Answer) -> None:
        """Journal the answer, then do to the session what it says.

        :raises StoreError: it could not be, so it does not count.
        """
        await self.journal.answer(question.decision, question.session, _answer_body(question, answer, self.tier))
        now = self.clock()
        if answer.verdict in APPROVING:
            await self.state.write(lambda db: deeds.accept(db, question.session))
        elif answer.verdict is Choice.NO:
            if await self.state.write(lambda db: deeds.refuse(db, question.session, now)):
                await self._changed(question.session, Choice.FREEZE, f"refused too often; last by {answer.approver}")
        elif answer.verdict is not Choice.WITHOUT:  # which does nothing to the session, and refuses nobody anything
            await self._do(question.session, answer.verdict, receipt_text(answer), by=answer.approver)

    def refuses_command(self, command: Command) -> Refusal | None:
        """Why this command does not count."""
        who = self.approvers.who(command)
        if isinstance(who, Refusal):
            return who
        record, now = self._open(command.session), self.clock()
        if record is None or record.tenant != self.tenant:
            return Refusal.UNKNOWN_SESSION
        if command.choice is Choice.NEW:
            if not self.approvers and record.tier != Tier.ADVISORY:  # its own gateway would not go on in it
                return Refusal.UNSIGNED
            if not in_step(command.commanded_at, now):
                return Refusal.CLOCK
        may = self.rules.rights.may_manage(who, record.view, choice=str(command.choice), now=now)
        return None if may else Refusal.NOT_ENTITLED

    def _open(self, session: str) -> SessionRecord | None:
        """A session that has not ended."""
        record = find_session(self.state, session)
        return record if record is not None and record.ended_at is None else None

    async def carry_out(self, command: Command) -> str | None:
        """Journal the command and do it; the session as it goes on.

        :raises StoreError: it could not be.
        """
        await self.journal.event("command", command.session, command_body(command, self.tier))
        return await self._do(command.session, command.choice, signed_command_text(command), by=command.approver)

    async def _do(self, session: str, choice: Choice, signed: str, *, by: str) -> str | None:
        if choice is Choice.NEW:
            created = await self.boundaries.renew(session, began_by=signed)
            if created is not None:
                await self.journal.event("session", created, {"event": "new", "instead_of": session, "by": by})
                self.void(session, acting_only=False)
            return created
        await self.state.write(lambda db: _DEEDS[choice](db, session))
        await self._changed(session, choice, by)
        return session

    async def _changed(self, session: str, choice: Choice, by: str) -> None:
        await self.journal.event("session", session, {"event": str(choice), "by": by})
        self.void(session, acting_only=choice is Choice.DROP)

    def began_rightly(self, db: sqlite3.Connection, old: str, new: str) -> bool:
        """Whether ``new`` stands in place of ``old``, directly or by others between, by the word of people who may.

        # INVARIANT: where approvers are enrolled, no row that somebody wrote gives a connection a clean session, be it
        # alive or new; tests/attacks/test_forged_receipts.py and test_approvals_sessions.py.
        """
        if not self.approvers:
            return True
        for _ in range(_MOST_RENEWALS):
            row = db.execute("SELECT began_by FROM sessions WHERE id = ?", (new,)).fetchone()
            try:
                word = deed("" if row is None or row[0] is None else row[0])
            except BadRequest:
                return False
            if not self._may_begin(db, word):
                return False
            if word.session == old:
                return True
            new = word.session
        return False

    def _may_begin(self, db: sqlite3.Connection, word: Answer | Command) -> bool:
        """Whether it is somebody's word for a new session who might say it, then and of that session."""
        said, at = (word.choice, word.commanded_at) if isinstance(word, Command) else (word.verdict, word.answered_at)
        who, view = self.approvers.who(word), view_of_session(db, word.session)
        if said is not Choice.NEW or view is None or isinstance(who, Refusal):
            return False
        return self.rules.rights.may_manage(who, view, choice=Choice.NEW, now=at)


@contextmanager
def opened_answers(config: Config | None, file: Path, state: Path) -> Iterator[Answers]:
    """A judge outside a gateway. Without a configuration nobody is enrolled, and the default policies hold.

    :raises ConfigurationError: an approver's key is wrong.
    :raises PolicyError: the policies do not validate.
    :raises StoreError: the state or the journal cannot be opened.
    """
    own = config or Config(version=1, servers={})
    principal, client = principal_of(own), own.client
    policies = sources_of(own, file.parent).load()
    rules = Rulebook(policies, principal, client)
    enrolled = () if config is None else enrolled_approvers(config, file)
    with closing(open_state(state)) as database, closing(JournalStore(state)) as store:
        yield Answers(
            Approvers(enrolled, claimed_tenant=principal.tenant),
            rules,
            Journal(store, timestamp, policy_version=lambda: rules.version, principal=principal, client=client),
            database,
            Boundaries(database, Presence(state), timestamp),
            utc_now,
            principal.tenant,
        )


def _view(question: Question) -> SessionView:
    """The session that a question is asked in, as it was then."""
    return SessionView(question.session, {label: origin.call for label, origin in question.held.items()})


_DEEDS: dict[Choice, Callable[[sqlite3.Connection, str], None]] = {
    Choice.DROP: deeds.drop,
    Choice.FREEZE: deeds.freeze,
}


def _answer_body(question: Question, answer: Answer, tier: Tier) -> dict[str, Any]:
    """Everything that is needed to verify the signature again, and what it was worth."""
    return {
        "question": question.id,
        "answer": answer.verdict,
        "approver": answer.approver,
        "digest": answer.digest,
        "assurance": assurance(answer, tier),
        "tier": Tier.ADVISORY if answer.signature is None else tier,
        "needs": question.needs,
        "receipt": orjson.loads(receipt_text(answer)),
    }


def command_body(command: Command, tier: Tier) -> dict[str, Any]:
    """The journal's entry of a command."""
    return {
        "command": command.choice,
        "by": command.approver,
        "assurance": "signed" if command.signature and tier is not Tier.ADVISORY else "unsigned, advisory",
        "receipt": orjson.loads(signed_command_text(command)),
    }


def assurance(answer: Answer, tier: Tier) -> str:
    """What an answer is worth, in words for receipts (DESIGN "Assurance tiers")."""
    if answer.channel == "elicitation":
        return "through the client, unsigned: weaker than the console"
    if answer.signature is None or tier is Tier.ADVISORY:
        return "unsigned, advisory"
    return f"signed, {tier}"
