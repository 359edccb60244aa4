"""A state machine drives the real pipeline (Cedar, SQLite, journal, desk) against a naive model of the Rule of Two.

Calls start, wait for a human, fly, land in every way, are cancelled; the gateway crashes and starts again; people start
new sessions, drop C and freeze. The model is a dozen lines that know nothing of reservations, transactions or Cedar.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.grants import Grants
from rule_of_two.approvals.messages import Asked, decode_to_console
from rule_of_two.approvals.question import Question
from rule_of_two.audit.journal import Journal
from rule_of_two.audit.why import origin_of
from rule_of_two.gateway.consent import Consent, Patience
from rule_of_two.gateway.enforcement import Enforcement
from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.protected import ProtectedPaths
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.rulebook import Rulebook
from rule_of_two.model import NONE, Action, Facts, Labels, Principal, labels_in
from rule_of_two.policy.load import load_policies
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.presence import Presence
from rule_of_two.sessions.repository import ConnectionSession
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state
from rule_of_two.wire.peer import ConnectionLost, NotSent, RemoteError
from tests.approvals.samples import Lenient

LABELS: st.SearchStrategy[Labels] = st.frozensets(st.sampled_from(("A", "B", "C")))
KEY = SessionKey("alice", "acme", "generic", "/work")
POLICIES = load_policies(("default",), relative_to=Path("/"))
START = datetime(2026, 11, 22, 10, tzinfo=UTC)


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


@dataclass
class Model:
    """The Rule of Two as one would explain it: what was seen, what is under way, what was given up."""

    held: set[str] = field(default_factory=set)
    flying: list[Labels] = field(default_factory=list)
    dropped: bool = False
    frozen: bool = False

    def after(self, labels: Labels) -> set[str]:
        return self.held.union(*self.flying) | labels

    def before(self) -> set[str]:
        return self.held.union(*self.flying)

    def may_pass(self, labels: Labels, *, approved: bool) -> bool:
        if self.frozen or (self.dropped and "C" in labels):
            return False
        completes = self.after(labels) == set("ABC") and (self.before() != set("ABC") or "C" in labels)
        return approved or self.dropped or not completes


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.time = START
        self.calls: list[Running] = []
        self.models: dict[str, Model] = {}
        self.landed = 0
        self.count = 0
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
        rules = Rulebook(POLICIES, Principal(), "generic")
        journal = Journal(
            self.store, self.stamp, policy_version=lambda: rules.version, principal=Principal(), client="generic"
        )
        self.view = ConnectionSession(self.state, self.attached.connection, self.stamp)
        self.pipeline = Enforcement(
            session=self.view,
            rules=rules,
            journal=journal,
            consent=Consent(
                self.desk,
                journal,
                client="generic",
                principal=Principal(),
                patience=Patience(3600, 3600, timedelta(hours=1)),
                clock=self.clock,
                origin_of=partial(origin_of, self.store),
                quiet_for=lambda session: None,
                may_grant=lambda question: False,
            ),
            desk=self.desk,
            protected=ProtectedPaths(()),
            principal=Principal(),
            client="generic",
            clock=self.clock,
            grants=Grants(
                Approvers((), claimed_tenant="acme"),
                lambda: rules.version,
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

    async def start(self, labels: Labels) -> Running:
        call = Running(labels, self.session, asyncio.get_running_loop().create_future())
        facts = Facts(Action.CALL_TOOL, "rec", "tool", labels)

        async def send(flight: Flight) -> dict[str, Any]:
            # INVARIANT: the model agrees with every call at the moment when it is sent.
            model = self.models[flight.decision.session]
            assert flight.decision.session == call.session
            assert model.may_pass(labels, approved=call.approved), (model, labels)
            model.flying.append(labels)
            call.sent = True
            return await call.reply

        self.count += 1  # identical calls would share a question
        asked = self.console.total
        asking = Call(facts, {"number": self.count}, {}, pin=None, facts_now=lambda: facts)
        call.task = asyncio.create_task(self.pipeline.run(asking, send))
        await self.until_it_waits(call, asked)
        return call

    async def until_it_waits(self, call: Running, asked: int) -> None:
        """Go on until the call was sent, was refused, or waits for a person."""
        assert call.task is not None
        async with asyncio.timeout(10):
            while not (call.sent or call.task.done() or self.console.total > asked):  # noqa: ASYNC110  # not one event
                await asyncio.sleep(0)

    async def end(self, calls: list[Running]) -> None:
        tasks = [call.task for call in calls if call.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def land(self, call: Running, joined: Labels) -> None:
        model = self.models[call.session]
        model.flying.remove(call.labels)
        model.held |= joined
        self.calls.remove(call)
        self.landed += 1

    @rule(labels=LABELS)
    def call(self, labels: Labels) -> None:
        call = self.runner.run(self.start(labels))
        expected = self.model_allows(call)
        assert call.sent is expected, (self.model, labels)
        if call.sent or not call.task or not call.task.done():
            self.calls.append(call)
        else:
            with refused_only():
                call.task.result()

    def model_allows(self, call: Running) -> bool:
        model = self.models[call.session]
        flying = list(model.flying)
        if call.sent:
            model.flying.remove(call.labels)
        allowed = model.may_pass(call.labels, approved=False)
        model.flying[:] = flying
        return allowed

    @precondition(lambda self: any(call.sent for call in self.calls))
    @rule(data=st.data(), how=st.sampled_from(("result", "error")))
    def hand_over(self, data: st.DataObject, how: str) -> None:
        self.finish(data, how)

    @precondition(lambda self: any(call.sent for call in self.calls))
    @rule(data=st.data(), how=st.sampled_from(("lost", "not_sent", "cancelled")))
    def fail(self, data: st.DataObject, how: str) -> None:
        self.finish(data, how)

    def finish(self, data: st.DataObject, how: str) -> None:
        call = data.draw(st.sampled_from([call for call in self.calls if call.sent]))
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

    @precondition(lambda self: any(not call.sent for call in self.calls))
    @rule(data=st.data(), verdict=st.sampled_from((Choice.YES, Choice.NO)))
    def answer(self, data: st.DataObject, verdict: Choice) -> None:
        """A human answers the oldest question; a call that is asked anew waits again."""
        question = self.console.asked.pop(0)
        call = next(call for call in self.calls if not call.sent)
        # A yes counts for the labels that were shown, in the session that asked.
        shown = set(question.held) == self.models[call.session].before() and call.session == self.session
        call.approved = verdict is Choice.YES and shown
        self.runner.run(self.give(call, question, verdict))
        assert call.task is not None
        if call.task.done():
            with refused_only():
                call.task.result()
            self.calls.remove(call)
            assert not call.sent
        elif not call.sent:
            # It is asked anew, behind the others.
            call.approved = False
            self.calls.remove(call)
            self.calls.append(call)

    async def give(self, call: Running, question: Question, verdict: Choice) -> None:
        answer = Answer(
            question_id=question.id,
            session=question.session,
            digest=question.digest,
            shown=question.shown,
            verdict=verdict,
            approver="alice",
            answered_at=self.clock(),
        )
        asked = self.console.total
        assert await self.desk.answer(answer) is None
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


@contextmanager
def refused_only() -> Iterator[None]:
    """A call may be refused, fail with its upstream's error, or be cancelled; anything else is a bug."""
    try:
        yield
    except (Refused, RemoteError, asyncio.CancelledError):
        return


TestMachine = pytest.mark.timeout(300)(Machine.TestCase)
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
