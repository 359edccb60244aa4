"""A state machine drives the real pipeline (Cedar, SQLite, journal, desk) against a naive model of the Rule of Two.

Calls start, wait for a human, fly, land in every way, are cancelled; the gateway crashes and starts again; people start
new sessions, drop C and freeze; other policies are put in force at every moment of a call. The model is in
:mod:`tests.gateway.naive_rule`.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.grants import Grants
from rule_of_two.approvals.messages import Asked, Ended, decode_to_console
from rule_of_two.approvals.pending import MAX_OF_SESSION
from rule_of_two.approvals.question import Question
from rule_of_two.audit.journal import Journal
from rule_of_two.audit.why import origin_of
from rule_of_two.errors import Code
from rule_of_two.gateway.consent import Consent, Patience
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.flight import Call, Changeable, Flight
from rule_of_two.gateway.handles import Handles
from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.model import NONE, Action, Facts, Labels, Principal, StoredResource, labels_in
from rule_of_two.policy.files import DISK
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.ledger import Ledger
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state
from rule_of_two.wire.peer import ConnectionLost, NotSent, RemoteError
from tests.approvals.samples import Lenient
from tests.gateway.naive_rule import RULES, Model, Rules

LABELS: st.SearchStrategy[Labels] = st.frozensets(st.sampled_from(("A", "B", "C")))
KEY = SessionKey("alice", "acme", "generic", "/work")
SCHEMA: Final = {"type": "object", "properties": {"number": {"type": "integer"}, "stamp": {"type": "string"}}}
MOST_QUESTIONS: Final = 3
NOTES: Final = ("/n/one", "/n/two")
SETS: st.SearchStrategy[Rules] = st.sampled_from(list(RULES.values()))
START = datetime(2026, 11, 22, 10, tzinfo=UTC)


def _nothing() -> None:
    """Where nothing happens in between."""


class Console:
    """An attached console that remembers what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.total = 0

    def send(self, line: bytes) -> bool:
        message = decode_to_console(line)
        if isinstance(message, Asked):
            self.asked.append(message.question)
            self.total += 1
        elif isinstance(message, Ended):
            self.asked = [question for question in self.asked if question.id != message.question_id]
        return True


@dataclass
class Running:
    """One call of the machine's. ``sent`` is set by the pipeline when it really forwards."""

    labels: Labels
    session: str
    reply: asyncio.Future[dict[str, Any]]
    task: asyncio.Task[Any] | None = None
    sent: bool = False
    approved: bool = False
    asked: int = 1
    """How often people are, or would be, asked about it."""
    covers: set[str] = field(default_factory=set)
    """What its session had seen when it was sent, with what it could bring: a yes to it covers this."""
    reserves: Labels = NONE
    """What counts against others while it flies."""
    arrived: bool = False
    """What it brought is there, and waits for a person."""
    brings: bool = False
    """What it brings is decided when it is there."""


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.time = START
        self.calls: list[Running] = []
        self.models: dict[str, Model] = {}
        self.notes: dict[str, set[str]] = {name: set() for name in NOTES}
        """What clings to each note, in every session."""
        self.landed = 0
        self.count = 0
        self.in_force, self.changed = RULES["default"], 0
        self.about_to_ask: Callable[[], None] = _nothing
        self.open_gateway()

    def teardown(self) -> None:
        self.runner.run(self.end(self.calls))
        self.close_gateway()
        self.runner.close()
        shutil.rmtree(self.folder)

    def clock(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def stamp(self) -> str:
        return self.clock().isoformat()

    def open_gateway(self) -> None:
        self.state, self.store, self.presence = (
            open_state(self.folder),
            JournalStore(self.folder),
            Presence(self.folder),
        )
        self.elsewhere = open_state(self.folder)  # what a person changes, another process changes
        self.boundaries = Boundaries(self.state, self.presence, self.stamp)
        self.attached = self.runner.run(self.boundaries.attach(KEY, "connection"))
        self.session = self.attached.session
        self.models.setdefault(self.session, Model())
        self.desk, self.console = Desk(clock=self.clock, judge=Lenient()), Console()
        self.desk.attach(self.console)
        rulebook = self.rulebook = Rulebook(self.in_force.policies, Principal(), "generic")
        journal = Journal(
            self.store, self.stamp, policy_version=lambda: rulebook.version, principal=Principal(), client="generic"
        )
        self.view = ConnectionSession(self.state, self.attached.connection, self.stamp)
        self.ledger = Ledger(self.state, self.view.memory, tenant="acme", stores={}, clock=self.stamp)
        self.pipeline = Enforcement(
            handles=Handles(self.clock, uses=5, life=timedelta(minutes=15), takers=()),
            session=self.view,
            rules=rulebook,
            journal=journal,
            consent=Consent(
                self.desk,
                journal,
                client="generic",
                principal=Principal(),
                patience=Patience(3600, 3600, timedelta(hours=1)),
                clock=self.clock,
                origin_of=partial(origin_of, self.store),
                quiet_for=lambda session: self.about_to_ask(),
                may_grant=lambda question: False,
            ),
            desk=self.desk,
            protected=ProtectedPaths(()),
            principal=Principal(),
            client="generic",
            clock=self.clock,
            vouched=lambda upstream, name, items: {},
            ledger=self.ledger,
            grants=Grants(
                Approvers((), claimed_tenant="acme"),
                lambda: rulebook.version,
                self.clock,
                lambda who, facts, view, now: False,
            ),
        )

    def close_gateway(self) -> None:
        self.presence.__exit__(None, None, None)
        self.state.close()
        self.elsewhere.close()
        self.store.close()

    @property
    def model(self) -> Model:
        return self.models[self.session]

    def put(self, rules: Rules) -> None:
        """What the reloader does once files have changed."""
        edition = self.rulebook.edition(rules.policies, DISK)
        if edition.version != self.rulebook.version:
            self.rulebook.put(edition)
            self.desk.rules_changed(edition.version)
        self.in_force, self.changed = rules, self.count

    async def start(
        self,
        labels: Labels,
        meanwhile: Callable[[], None] = _nothing,
        touching: Facts | None = None,
        *,
        waits: bool = False,
        **more: Any,
    ) -> Running:
        """Have a call taken in, and run it; ``meanwhile`` happens between the two. ``touching`` are its own facts,
        where it reads or writes notes: ``labels`` are then with what these bring. ``waits``: it is sent, by what it
        does alone, with nothing reserved. ``more`` is what is known of its result."""
        call = Running(labels, self.session, asyncio.get_running_loop().create_future())
        call.reserves, call.brings = NONE if waits else labels, bool(more.get("brings"))
        facts = touching or Facts(Action.CALL_TOOL, "rec", "tool", labels)

        async def send(flight: Flight) -> dict[str, Any]:
            # INVARIANT: the model agrees with every call at the moment when it is sent.
            model = self.models[flight.decision.session]
            assert flight.decision.session == call.session
            assert flight.decision.policy_version == self.rulebook.version
            assert model.may_pass(call.reserves, self.in_force, approved=call.approved), (model, labels)
            assert ("stamp" in taken_in.arguments) is self.in_force.stamps
            call.covers = model.before() | labels
            model.flying.append(call.reserves)
            call.sent = True
            return await call.reply

        self.count += 1  # identical calls would share a question
        arguments = {"number": self.count}
        changeable = Changeable(lambda arguments: facts, SCHEMA)
        asking = Call(facts, arguments, {"arguments": arguments}, None, lambda: facts, changeable=changeable, **more)
        asked = self.console.total
        taken_in = self.pipeline.obliged(asking)
        meanwhile()
        call.task = asyncio.create_task(self.pipeline.run(taken_in, send))
        await self.until_it_waits(call, asked)
        return call

    async def until_it_waits(self, call: Running, asked: int) -> None:
        """Go on until the call was sent, was refused, or waits for a person."""
        assert call.task is not None
        async with asyncio.timeout(10):
            while not (  # noqa: ASYNC110  # not one event
                (call.sent and not call.arrived) or call.task.done() or self.console.total > asked
            ):
                await asyncio.sleep(0)

    async def end(self, calls: list[Running]) -> None:
        tasks = [call.task for call in calls if call.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def land(self, call: Running, joined: Labels) -> None:
        model = self.models[call.session]
        model.flying.remove(call.reserves)
        model.held |= joined
        self.calls.remove(call)
        self.landed += 1

    @rule(labels=LABELS)
    def call(self, labels: Labels) -> None:
        asks = self.model.asks(labels, self.in_force)
        call = self.runner.run(self.start(labels))
        self.took(call, sent=not asks, waits=asks)

    def took(self, call: Running, *, sent: bool, waits: bool) -> None:
        """A call was sent, or waits, exactly where the model says so; else it was refused."""
        assert call.task is not None
        model, forbidden = self.models[call.session], self.models[call.session].forbids(call.labels)
        assert call.sent is (sent and not forbidden), (model, call.labels)
        if not call.task.done():
            assert call.sent or (waits and not forbidden), (model, call.labels)
            self.calls.append(call)
            return
        assert not waits or forbidden or len(self.of_session) == MAX_OF_SESSION
        with refused_only():
            call.task.result()

    @rule(
        labels=LABELS,
        reads=st.sets(st.sampled_from((*NOTES, "/n")), max_size=2),
        writes=st.sets(st.sampled_from(NOTES), max_size=2),
    )
    def keep_or_recall(self, labels: Labels, reads: set[str], writes: set[str]) -> None:
        """A call that reads and writes notes, and is over before anything else happens."""
        clinging = [self.notes[name] for name in NOTES if reads & {name, "/n"}]
        facts = Facts(Action.CALL_TOOL, "rec", "tool", labels, reads=stored(reads), writes=stored(writes))
        known = labels.union(*(labels_in(one) for one in clinging))
        before, asks = set(self.model.before()), self.model.asks(known, self.in_force)
        call = self.runner.run(self.start(known, touching=facts))
        assert call.sent is not (asks or self.model.forbids(known)), (self.model, known)
        if not call.sent:
            self.runner.run(self.end([call]))
            return
        kept = ((before | known) & {"A", "B"}).union(*(self.notes[name] for name in writes))
        for name in writes:
            self.notes[name] |= kept
        self.calls.append(call)
        self.runner.run(self.settle(call, "result"))
        self.land(call, known)

    @property
    def waiting(self) -> list[Running]:
        return [call for call in self.calls if not call.sent or call.arrived]

    @property
    def flying(self) -> list[Running]:
        return [call for call in self.calls if call.sent and not call.arrived]

    @property
    def of_session(self) -> list[Running]:
        return [call for call in self.waiting if call.session == self.session]

    def lasted(self) -> bool:
        """Whether the policies in force have been for some calls: else nothing would ever wait for long."""
        return self.count > self.changed + 2

    @precondition(lambda self: self.lasted())
    @rule(rules=SETS)
    def policies_change(self, rules: Rules) -> None:
        """What flies goes on, and what waits is refused: nobody can say yes to it any more."""
        others, asked = rules is not self.in_force, list(self.console.asked)
        self.put(rules)
        assert self.console.asked == ([] if others else asked)
        if others:
            self.runner.run(self.expire(self.waiting, asked))

    async def expire(self, calls: list[Running], asked: list[Question]) -> None:
        """All these calls are refused because the policies changed, and a late yes to their questions is too late."""
        for question in asked:
            assert await self.desk.answer(self.says(question, Choice.YES)) is Refusal.ALREADY_ENDED
        for call in calls:
            assert call.task is not None
            await asyncio.wait([call.task], timeout=10)
            error = call.task.exception()
            assert isinstance(error, Refused)
            assert error.decision.code is Code.APPROVAL_EXPIRED
            assert "policies changed" in str(error)
            assert call.sent is call.arrived
            if call.arrived:
                self.land(call, call.reserves)
        self.calls = [call for call in self.calls if call not in calls]

    @precondition(lambda self: self.lasted())
    @rule(labels=LABELS, rules=SETS, moment=st.sampled_from(("taken in", "decided")))
    def policies_change_while_a_call_is_decided(self, labels: Labels, rules: Rules, moment: str) -> None:
        if moment == "taken in":
            self.change_before_the_decision(labels, rules)
        else:
            self.change_before_the_question(labels, rules)

    def change_before_the_decision(self, labels: Labels, rules: Rules) -> None:
        """Those decide that are in force then, and arguments that are not what they demand are not sent."""
        waiting, others, stamped = self.waiting, rules is not self.in_force, self.in_force.stamps
        asks, steady = self.model.asks(labels, rules), stamped is rules.stamps
        call = self.runner.run(self.start(labels, lambda: self.put(rules)))
        if others:
            self.runner.run(self.expire(waiting, []))
        self.took(call, sent=steady and not asks, waits=steady and asks)

    def change_before_the_question(self, labels: Labels, rules: Rules) -> None:
        """It is not put before anybody."""
        waiting, others, asks = self.waiting, rules is not self.in_force, self.model.asks(labels, self.in_force)
        self.about_to_ask = partial(self.put, rules)
        call = self.runner.run(self.start(labels))
        self.about_to_ask = _nothing
        if asks and others and not self.model.forbids(labels):
            self.runner.run(self.expire([*waiting, call], []))
        else:
            self.took(call, sent=not asks, waits=asks)

    @precondition(lambda self: any(not call.brings for call in self.flying))
    @rule(data=st.data(), how=st.sampled_from(("result", "error")))
    def hand_over(self, data: st.DataObject, how: str) -> None:
        self.finish(data.draw(st.sampled_from([call for call in self.flying if not call.brings])), how)

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), how=st.sampled_from(("lost", "not_sent", "cancelled")))
    def fail(self, data: st.DataObject, how: str) -> None:
        self.finish(data.draw(st.sampled_from(self.flying)), how)

    def finish(self, call: Running, how: str) -> None:
        self.runner.run(self.settle(call, how))
        act = call.labels & labels_in("C")
        joined = {"result": call.labels, "error": call.labels, "not_sent": NONE}.get(how, act)
        self.land(call, joined)

    async def settle(self, call: Running, how: str) -> None:
        assert call.task is not None
        match how:
            case "result":
                call.reply.set_result({"content": []})
            case "error":
                call.reply.set_exception(RemoteError(-1, "poison"))
            case "lost":
                call.reply.set_exception(ConnectionLost("gone"))
            case "not_sent":
                call.reply.set_exception(NotSent("gone"))
            case "cancelled":
                call.task.cancel()
        await asyncio.wait([call.task])
        with refused_only():
            call.task.result()

    @precondition(lambda self: self.waiting)
    @rule(verdict=st.sampled_from((Choice.YES, Choice.NO)))
    def answer(self, verdict: Choice) -> None:
        """A human answers the oldest question; a call that is asked anew waits again."""
        question, call = self.console.asked[0], self.waiting[0]
        if call.arrived:
            self.answer_arrived(call, question, verdict)
            return
        # A yes counts for the labels that were shown, in the session that asked.
        shown = set(question.held) == self.models[call.session].before() and call.session == self.session
        call.approved = verdict is Choice.YES and shown
        self.runner.run(self.give(call, question, verdict))
        self.answered(call)

    def answered(self, call: Running) -> None:
        assert call.task is not None
        if call.task.done():
            with refused_only():
                call.task.result()
            self.calls.remove(call)
            assert not call.sent
        elif not call.sent:
            # It is asked anew, behind the others.
            call.approved = False
            call.asked += 1
            self.calls.remove(call)
            self.calls.append(call)

    def answer_arrived(self, call: Running, question: Question, verdict: Choice, *, rules: Rules | None = None) -> None:
        """Answer about what a call brought; other ``rules`` are put in force while that is written down."""
        raise NotImplementedError

    @precondition(lambda self: self.waiting)
    @rule(rules=SETS, answer=st.sampled_from(("no", "yes", "yes, recorded")))
    def policies_change_while_a_question_is_answered(self, rules: Rules, answer: str) -> None:
        if rules is self.in_force:
            return
        if answer == "yes, recorded":
            self.change_before_a_yes_is_used(rules)
        else:
            self.change_while_an_answer_is_recorded(rules, Choice(answer))

    def change_while_an_answer_is_recorded(self, rules: Rules, verdict: Choice) -> None:
        """It approves nothing under others, so its call is decided anew."""
        question, call, *others = self.console.asked[0], *self.waiting
        if call.arrived:
            self.answer_arrived(call, question, verdict, rules=rules)
            self.runner.run(self.expire(others, []))
            return
        stamped, same = self.in_force.stamps, call.session == self.session
        decided = verdict is Choice.YES and same and stamped is rules.stamps
        allowed = decided and self.model.may_pass(call.labels, rules, approved=False)
        anew = decided and not self.model.forbids(call.labels) and call.asked < MOST_QUESTIONS
        self.runner.run(self.give(call, question, verdict, recording=partial(self.put, rules)))
        self.runner.run(self.expire(others, []))
        assert call.sent is allowed
        assert call.task is not None
        assert call.task.done() is not (allowed or anew)
        self.answered(call)

    def change_before_a_yes_is_used(self, rules: Rules) -> None:
        """The call has not gone on yet: it never does."""
        question, waiting = self.console.asked[0], self.waiting
        self.runner.run(self.outdate(question, rules))
        self.runner.run(self.expire(waiting, []))

    async def outdate(self, question: Question, rules: Rules) -> None:
        assert await self.desk.answer(self.says(question, Choice.YES)) is None
        self.put(rules)  # nothing else runs between the two

    def says(self, question: Question, verdict: Choice) -> Answer:
        return Answer(
            question_id=question.id,
            session=question.session,
            digest=question.digest,
            shown=question.shown,
            verdict=verdict,
            approver="alice",
            answered_at=self.clock(),
        )

    async def give(
        self, call: Running, question: Question, verdict: Choice, recording: Callable[[], None] = _nothing
    ) -> None:
        """Answer; ``recording`` happens while the answer is written down."""
        asked = self.console.total
        answering = asyncio.create_task(self.desk.answer(self.says(question, verdict)))
        await asyncio.sleep(0)  # as far as the judge's one checkpoint
        assert not answering.done()
        recording()
        assert await answering is None
        await self.until_it_waits(call, asked)

    @precondition(lambda self: self.calls)
    @rule()
    def crash(self) -> None:
        """SIGKILL: the tasks are gone without a word, and with them what they had reserved."""
        waiting, self.calls = self.calls, []
        old = self.model
        self.close_gateway()
        self.runner.run(self.end(waiting))
        orphan = Model(set(old.before()), [], old.dropped, old.frozen)
        self.open_gateway()
        self.models[self.session] = orphan

    @precondition(lambda self: self.model.before())
    @rule()
    def new_session(self) -> None:
        people = Boundaries(self.elsewhere, self.presence, self.stamp)
        created = self.runner.run(people.renew(self.session, began_by="{}"))
        assert created is not None
        self.session = created
        self.models[created] = Model()

    @precondition(lambda self: self.landed > 5 and not self.model.dropped)
    @rule()
    def drop(self) -> None:
        self.elsewhere.write_now(lambda db: db.execute("UPDATE sessions SET dropped = 1 WHERE id = ?", (self.session,)))
        self.model.dropped = True

    @precondition(lambda self: self.landed > 7 and not self.model.frozen)
    @rule()
    def freeze(self) -> None:
        self.elsewhere.write_now(lambda db: db.execute("UPDATE sessions SET frozen = 1 WHERE id = ?", (self.session,)))
        self.model.frozen = True

    @invariant()
    def the_session_holds_what_the_model_says(self) -> None:
        view = self.view.view()
        assert set(view.held) == self.model.held
        assert set(view.after) == self.model.before()

    @invariant()
    def every_note_brings_what_the_model_says(self) -> None:
        for name in NOTES:
            reading = Facts(Action.CALL_TOOL, "rec", "tool", NONE, reads=stored({name}))
            assert self.ledger.looked_up(reading).labels == self.notes[name]

    @invariant()
    def people_see_what_waits_and_nothing_else(self) -> None:
        assert [question.policy_version for question in self.console.asked] == [self.rulebook.version] * len(
            self.waiting
        )


def stored(names: set[str]) -> tuple[StoredResource, ...]:
    """As a manifest would name them."""
    return tuple(StoredResource("rec", "path", name) for name in sorted(names))


@contextmanager
def refused_only() -> Iterator[None]:
    """A call may be refused, fail with its upstream's error, or be cancelled; anything else is a bug."""
    try:
        yield
    except (Refused, RemoteError, asyncio.CancelledError):
        return


TestMachine = pytest.mark.timeout(300)(Machine.TestCase)
TestMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
