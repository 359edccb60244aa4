"""The desk accepts one answer: by an attached console, to a question that waits, with its digest, in time, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.approvals import desk as desk_module
from rule_of_two.approvals.answer import Answer, Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.messages import Asked, Ended, Sessions, SessionStatus, ToConsole, decode_to_console
from rule_of_two.approvals.question import Question
from rule_of_two.errors import BadRequest
from tests.approvals.samples import NOW, WAIT, a_question, an_answer


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Listener:
    """A console that only listens. ``room``: how many lines it takes before it cannot keep up."""

    def __init__(self, room: int = 1000) -> None:
        self.heard: list[ToConsole] = []
        self._room = room

    def send(self, line: bytes) -> bool:
        self._room -= 1
        if self._room < 0:
            return False
        self.heard.append(decode_to_console(line))
        return True

    @property
    def asked(self) -> list[Question]:
        return [message.question for message in self.heard if isinstance(message, Asked)]

    @property
    def endings(self) -> list[Ended]:
        return [message for message in self.heard if isinstance(message, Ended)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(clock=clock)


class Asking:
    """A question that is being asked, and what came of it."""

    outcome: Answer | Unanswered | None = None
    scope: anyio.CancelScope


@asynccontextmanager
async def asking(desk: Desk, question: Question) -> AsyncIterator[Asking]:
    """Ask in the background; at the end the outcome is there, or it was cancelled."""
    result = Asking()

    async def ask() -> None:
        with anyio.CancelScope() as result.scope:
            result.outcome = await desk.ask(question)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        yield result


async def test_without_a_console_an_ask_returns_at_once(desk: Desk) -> None:
    assert not desk.attached
    assert await desk.ask(a_question()) is Unanswered.NOBODY_ATTACHED


@pytest.mark.parametrize("choice", Choice)
async def test_an_answer_reaches_the_one_who_asked(desk: Desk, choice: Choice) -> None:
    console, question = Listener(), a_question()
    desk.attach(console)
    async with asking(desk, question) as asked:
        assert console.asked == [question]
        answer = an_answer(question, choice)
        assert desk.answer(answer) is None
    assert asked.outcome == answer
    assert console.endings == [Ended(question_id=question.id, verdict=choice, approver="alice")]


async def test_replay_an_answer_counts_once(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        assert desk.answer(an_answer(question, Choice.NO)) is None
        assert desk.answer(an_answer(question, Choice.YES)) is Refusal.ALREADY_ENDED
    assert isinstance(asked.outcome, Answer)
    assert asked.outcome.verdict is Choice.NO
    with pytest.raises(BadRequest, match="before"):
        await desk.ask(question)


async def test_replay_an_old_yes_does_not_answer_the_same_call_asked_again(desk: Desk) -> None:
    first = a_question()
    desk.attach(Listener())
    async with asking(desk, first):
        desk.answer(an_answer(first))
    again = a_question()
    async with asking(desk, again) as asked:
        assert desk.answer(an_answer(first)) is Refusal.ALREADY_ENDED
        assert desk.answer(an_answer(first, question_id=again.id)) is Refusal.DIGEST_MISMATCH
        asked.scope.cancel()
    assert asked.outcome is None


async def test_one_byte_changed_an_answer_for_other_arguments_is_refused(desk: Desk) -> None:
    question = a_question()
    changed = replace(question, arguments_json=question.arguments_json.replace("Alice", "Alicf"))
    console = Listener()
    desk.attach(console)
    async with asking(desk, question) as asked:
        assert desk.answer(an_answer(question, digest=changed.digest)) is Refusal.DIGEST_MISMATCH
        assert console.endings == []
        assert desk.answer(an_answer(question)) is None
    assert isinstance(asked.outcome, Answer)


async def test_late_an_answer_after_expiry_is_refused(desk: Desk, clock: Clock) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        clock.now = question.expires_at
        assert desk.answer(an_answer(question)) is Refusal.EXPIRED
        asked.scope.cancel()
    assert asked.outcome is None


async def test_late_an_answer_given_a_moment_before_expiry_counts(desk: Desk, clock: Clock) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        clock.now = question.expires_at - timedelta(microseconds=1)
        assert desk.answer(an_answer(question)) is None
    assert isinstance(asked.outcome, Answer)


async def test_a_question_that_nobody_answers_expires(desk: Desk) -> None:
    question = a_question(wait=timedelta(milliseconds=20))
    console = Listener()
    desk.attach(console)
    assert await desk.ask(question) is Unanswered.EXPIRED
    assert console.endings == [Ended(question_id=question.id, unanswered=Unanswered.EXPIRED)]
    assert desk.answer(an_answer(question)) is Refusal.EXPIRED


async def test_clock_jump_a_question_still_ends_when_the_clock_is_set_back(desk: Desk, clock: Clock) -> None:
    question = a_question(wait=timedelta(milliseconds=50))
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        clock.now = NOW - timedelta(days=1)
    assert asked.outcome is Unanswered.EXPIRED


async def test_a_question_that_is_already_over_is_not_shown(desk: Desk, clock: Clock) -> None:
    console = Listener()
    desk.attach(console)
    clock.now = NOW + WAIT
    assert await desk.ask(a_question()) is Unanswered.EXPIRED
    assert console.asked == []


async def test_unknown_an_answer_to_nothing_is_refused(desk: Desk) -> None:
    desk.attach(Listener())
    assert desk.answer(an_answer(a_question())) is Refusal.UNKNOWN_QUESTION


async def test_a_yes_sent_before_the_question_is_asked_does_not_count(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    assert desk.answer(an_answer(question)) is Refusal.UNKNOWN_QUESTION
    async with asking(desk, question) as asked:
        assert asked.outcome is None
        asked.scope.cancel()


async def test_a_cancelled_ask_withdraws_the_question_from_all_consoles(desk: Desk) -> None:
    consoles = [Listener(), Listener()]
    question = a_question()
    for console in consoles:
        desk.attach(console)
    async with asking(desk, question) as asked:
        asked.scope.cancel()
    for console in consoles:
        assert console.endings == [Ended(question_id=question.id, unanswered=Unanswered.WITHDRAWN)]
    assert desk.answer(an_answer(question)) is Refusal.ALREADY_ENDED


async def test_two_consoles_at_once_the_first_answer_wins_and_the_other_sees_it(desk: Desk) -> None:
    consoles = [Listener(), Listener()]
    question = a_question()
    for console in consoles:
        desk.attach(console)
    async with asking(desk, question) as asked:
        assert desk.answer(an_answer(question, Choice.NO, approver="bob")) is None
        assert desk.answer(an_answer(question, Choice.YES, approver="alice")) is Refusal.ALREADY_ENDED
    assert asked.outcome == an_answer(question, Choice.NO, approver="bob")
    for console in consoles:
        assert console.endings == [Ended(question_id=question.id, verdict=Choice.NO, approver="bob")]


async def test_console_dies_the_last_one_takes_the_question_with_it(desk: Desk) -> None:
    first, last = Listener(), Listener()
    desk.attach(first)
    desk.attach(last)
    async with asking(desk, a_question()) as asked:
        desk.detach(first)
        await anyio.wait_all_tasks_blocked()
        assert asked.outcome is None
        desk.detach(last)
        assert not desk.attached
    assert asked.outcome is Unanswered.CONSOLE_DETACHED


async def test_a_console_that_attaches_later_sees_what_waits(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    late = Listener()
    async with asking(desk, question) as asked:
        desk.attach(late)
        assert late.asked == [question]
        desk.answer(an_answer(question))
    assert isinstance(asked.outcome, Answer)


async def test_a_console_that_cannot_keep_up_is_dropped_and_the_others_go_on(desk: Desk) -> None:
    slow, quick = Listener(room=1), Listener()
    desk.attach(slow)
    desk.attach(quick)
    question = a_question()
    async with asking(desk, question) as asked:
        assert slow.asked == []
        assert desk.answer(an_answer(question)) is None
    assert isinstance(asked.outcome, Answer)


async def test_a_console_that_takes_nothing_does_not_attach(desk: Desk) -> None:
    desk.attach(Listener(room=0))
    assert not desk.attached


async def test_when_the_only_console_cannot_keep_up_the_question_ends_at_once(desk: Desk) -> None:
    desk.attach(Listener(room=1))
    assert await desk.ask(a_question()) is Unanswered.CONSOLE_DETACHED


async def test_flood_questions_beyond_the_limit_are_refused_at_once(clock: Clock) -> None:
    desk = Desk(clock=clock, limit=2)
    desk.attach(Listener())
    async with asking(desk, a_question()) as one, asking(desk, a_question()) as two:
        assert await desk.ask(a_question()) is Unanswered.TOO_MANY
        one.scope.cancel()
        await anyio.wait_all_tasks_blocked()
        async with asking(desk, a_question()) as three:
            assert three.outcome is None
            three.scope.cancel()
        two.scope.cancel()


async def test_flood_questions_of_too_many_bytes_are_refused_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.attach(Listener())
    question = a_question(arguments={"body": "x" * 600})
    monkeypatch.setattr(desk_module, "MAX_WAITING_BYTES", 3000)
    async with asking(desk, question) as asked:
        assert await desk.ask(a_question(arguments={"body": "x" * 1200})) is Unanswered.TOO_MANY
        asked.scope.cancel()


async def test_flood_only_the_last_endings_are_remembered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "_REMEMBERED", 2)
    desk.attach(Listener())
    questions = [a_question() for _ in range(3)]
    for question in questions:
        async with asking(desk, question):
            desk.answer(an_answer(question))
    assert [desk.answer(an_answer(question)) for question in questions] == [
        Refusal.UNKNOWN_QUESTION,
        Refusal.ALREADY_ENDED,
        Refusal.ALREADY_ENDED,
    ]


async def test_a_question_that_cannot_be_bound_is_never_shown(desk: Desk) -> None:
    console = Listener()
    desk.attach(console)
    with pytest.raises(BadRequest):
        await desk.ask(a_question(name="\ud800"))
    assert console.asked == []


async def test_sessions_are_shown_and_repeated_only_when_they_change(desk: Desk) -> None:
    early, late = Listener(), Listener()
    desk.attach(early)
    status = SessionStatus(id="s", client="c", held=frozenset(("A",)))
    desk.publish("a", status)
    desk.publish("a", status)
    desk.attach(late)
    assert early.heard == [Sessions(sessions=()), Sessions(sessions=(status,))]
    assert late.heard == [Sessions(sessions=(status,))]


def test_no_answer_can_come_from_a_database() -> None:
    """The gateway's side of approvals does not even load one."""
    script = "import sys, rule_of_two.approvals.channel; sys.exit(bool({'sqlite3', 'sqlite_utils'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


STEPS = st.one_of(
    st.sampled_from((("attach",), ("detach",), ("ask",))),
    st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from(Choice), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


class Model:
    """What may become of questions, said as plainly as possible."""

    def __init__(self) -> None:
        self.consoles = 0
        self.now = NOW
        self.outcomes: dict[str, Choice | Unanswered | None] = {}

    def waiting(self) -> list[str]:
        return [question_id for question_id, outcome in self.outcomes.items() if outcome is None]

    def ask(self, question: Question) -> None:
        if not self.consoles:
            self.outcomes[question.id] = Unanswered.NOBODY_ATTACHED
        else:
            self.outcomes[question.id] = Unanswered.TOO_MANY if len(self.waiting()) >= 3 else None

    def answer(self, question: Question, choice: Choice, *, honest: bool) -> None:
        if self.outcomes[question.id] is None and honest and self.now < question.expires_at:
            self.outcomes[question.id] = choice

    def end(self, question_ids: list[str], reason: Unanswered) -> None:
        for question_id in question_ids:
            self.outcomes[question_id] = self.outcomes[question_id] or reason


@given(st.lists(STEPS, max_size=25))
@settings(deadline=None)
def test_any_mix_of_events_ends_as_the_plainest_model_says(steps: list[tuple[Any, ...]]) -> None:
    anyio.run(_play, steps)


async def _play(steps: list[tuple[Any, ...]]) -> None:
    clock, model = Clock(), Model()
    desk = Desk(clock=clock, limit=3)
    consoles: list[Listener] = []
    questions: list[Question] = []
    scopes: dict[str, anyio.CancelScope] = {}
    outcomes: dict[str, Choice | Unanswered] = {}

    async def ask(question: Question) -> None:
        with anyio.CancelScope() as scopes[question.id]:
            outcome = await desk.ask(question)
            outcomes[question.id] = outcome.verdict if isinstance(outcome, Answer) else outcome
            return
        outcomes[question.id] = Unanswered.WITHDRAWN

    async with anyio.create_task_group() as tasks:
        for step, *values in steps:
            if step == "attach":
                consoles.append(Listener())
                desk.attach(consoles[-1])
                model.consoles += 1
            elif step == "detach" and consoles:
                desk.detach(consoles.pop())
                model.consoles -= 1
                if not consoles:
                    model.end(model.waiting(), Unanswered.CONSOLE_DETACHED)
            elif step == "ask":
                questions.append(a_question(now=clock.now))
                model.ask(questions[-1])
                tasks.start_soon(ask, questions[-1])
            elif step == "answer" and questions:
                question = questions[values[0] % len(questions)]
                honest = values[2]
                desk.answer(an_answer(question, values[1], **({} if honest else {"digest": "0" * 64})))
                model.answer(question, values[1], honest=honest)
            elif step == "cancel" and questions:
                question = questions[values[0] % len(questions)]
                scopes[question.id].cancel()
                model.end([question.id], Unanswered.WITHDRAWN)
            elif step == "wait":
                clock.now = model.now = clock.now + timedelta(seconds=values[0])
            await anyio.wait_all_tasks_blocked()
        for question_id in model.waiting():
            scopes[question_id].cancel()
            model.end([question_id], Unanswered.WITHDRAWN)
    assert outcomes == model.outcomes
