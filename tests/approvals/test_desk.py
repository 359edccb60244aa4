"""The desk accepts one answer: by an attached console, to a question that waits, with its digest, in time, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given, StillWaiting
from rule_of_two.approvals.messages import Asked, Ended, Sessions, SessionStatus, ToConsole, Waits, decode_to_console
from rule_of_two.approvals.question import Question
from rule_of_two.errors import BadRequest
from rule_of_two.records import replace
from tests.approvals.samples import NOW, WAIT, Clock, Lenient, a_question, a_release, an_answer

HOUR = 3600.0


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
    def statuses(self) -> list[Waits]:
        return [message for message in self.heard if isinstance(message, Waits)]

    @property
    def endings(self) -> list[Ended]:
        return [message for message in self.heard if isinstance(message, Ended)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Desk:
    return Desk(clock=clock, judge=Lenient())


class Asking:
    """A question that is being asked, and what came of it."""

    outcome: Given | StillWaiting | Unanswered | None = None
    scope: anyio.CancelScope


@asynccontextmanager
async def asking(desk: Desk, question: Question) -> AsyncIterator[Asking]:
    """Ask in the background; at the end the outcome is there, or it was cancelled."""
    result = Asking()

    async def ask() -> None:
        with anyio.CancelScope() as result.scope:
            result.outcome = await desk.ask(question, HOUR)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        yield result


async def test_without_a_console_an_ask_returns_at_once(desk: Desk) -> None:
    assert not desk.attached
    assert await desk.ask(a_question(), HOUR) is Unanswered.NOBODY_ATTACHED


@pytest.mark.parametrize("choice", [choice for choice in Choice if choice is not Choice.GRANT])
async def test_an_answer_reaches_the_one_who_asked(desk: Desk, choice: Choice) -> None:
    offers = tuple(choice for choice in Choice if choice is not Choice.WITHOUT)
    console, question = Listener(), a_release() if choice is Choice.WITHOUT else a_question(offers=offers)
    desk.attach(console)
    async with asking(desk, question) as asked:
        assert console.asked == [question]
        answer = an_answer(question, choice)
        assert await desk.answer(answer) is None
    assert asked.outcome == Given(question, (answer,))
    assert console.endings == [Ended(question_id=question.id, verdict=choice, approver="alice")]


async def test_replay_an_answer_counts_once(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, Choice.NO)) is None
        assert await desk.answer(an_answer(question, Choice.YES)) is Refusal.ALREADY_ENDED
    assert isinstance(asked.outcome, Given)
    assert asked.outcome.last.verdict is Choice.NO
    with pytest.raises(BadRequest, match="before"):
        await desk.ask(question, HOUR)


async def test_replay_an_old_yes_does_not_answer_the_same_call_asked_again(desk: Desk) -> None:
    first = a_question()
    desk.attach(Listener())
    async with asking(desk, first):
        await desk.answer(an_answer(first))
    again = a_question()
    async with asking(desk, again) as asked:
        assert await desk.answer(an_answer(first)) is Refusal.ALREADY_ENDED
        assert await desk.answer(an_answer(first, question_id=again.id)) is Refusal.DIGEST_MISMATCH
        asked.scope.cancel()
    assert asked.outcome is None


async def test_one_byte_changed_an_answer_for_other_arguments_is_refused(desk: Desk) -> None:
    question = a_question()
    changed = replace(question, arguments_json=question.arguments_json.replace("Alice", "Alicf"))
    console = Listener()
    desk.attach(console)
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, digest=changed.digest)) is Refusal.DIGEST_MISMATCH
        assert console.endings == []
        assert await desk.answer(an_answer(question)) is None
    assert isinstance(asked.outcome, Given)


async def test_late_an_answer_after_expiry_is_refused(desk: Desk, clock: Clock) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        clock.now = question.expires_at
        assert await desk.answer(an_answer(question)) is Refusal.EXPIRED
    assert asked.outcome is Unanswered.EXPIRED


async def test_late_an_answer_given_a_moment_before_expiry_counts(desk: Desk, clock: Clock) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        clock.now = question.expires_at - timedelta(microseconds=1)
        assert await desk.answer(an_answer(question)) is None
    assert isinstance(asked.outcome, Given)


async def test_a_question_that_nobody_answers_expires(desk: Desk) -> None:
    question = a_question(wait=timedelta(milliseconds=20))
    console = Listener()
    desk.attach(console)
    assert await desk.ask(question, HOUR) is Unanswered.EXPIRED
    assert console.endings == [Ended(question_id=question.id, unanswered=Unanswered.EXPIRED)]
    assert await desk.answer(an_answer(question)) is Refusal.EXPIRED


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
    assert await desk.ask(a_question(), HOUR) is Unanswered.EXPIRED
    assert console.asked == []


async def test_unknown_an_answer_to_nothing_is_refused(desk: Desk) -> None:
    desk.attach(Listener())
    assert await desk.answer(an_answer(a_question())) is Refusal.UNKNOWN_QUESTION


async def test_a_yes_sent_before_the_question_is_asked_does_not_count(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    assert await desk.answer(an_answer(question)) is Refusal.UNKNOWN_QUESTION
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
    assert await desk.answer(an_answer(question)) is Refusal.ALREADY_ENDED


async def test_two_consoles_at_once_the_first_answer_wins_and_the_other_sees_it(desk: Desk) -> None:
    consoles = [Listener(), Listener()]
    question = a_question()
    for console in consoles:
        desk.attach(console)
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, Choice.NO, approver="bob")) is None
        assert await desk.answer(an_answer(question, Choice.YES, approver="alice")) is Refusal.ALREADY_ENDED
    assert asked.outcome == Given(question, (an_answer(question, Choice.NO, approver="bob"),))
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
        await desk.answer(an_answer(question))
    assert isinstance(asked.outcome, Given)


async def test_a_console_that_cannot_keep_up_is_dropped_and_the_others_go_on(desk: Desk) -> None:
    slow, quick = Listener(room=1), Listener()
    desk.attach(slow)
    desk.attach(quick)
    question = a_question()
    async with asking(desk, question) as asked:
        assert slow.asked == []
        assert await desk.answer(an_answer(question)) is None
    assert isinstance(asked.outcome, Given)


async def test_a_console_that_takes_nothing_does_not_attach(desk: Desk) -> None:
    desk.attach(Listener(room=0))
    assert not desk.attached


async def test_when_the_only_console_cannot_keep_up_the_question_ends_at_once(desk: Desk) -> None:
    desk.attach(Listener(room=1))
    assert await desk.ask(a_question(), HOUR) is Unanswered.CONSOLE_DETACHED


async def test_a_question_that_cannot_be_bound_is_never_shown(desk: Desk) -> None:
    console = Listener()
    desk.attach(console)
    with pytest.raises(BadRequest):
        await desk.ask(a_question(name="\ud800"), HOUR)
    assert console.asked == []


async def test_sessions_are_shown_and_repeated_only_when_they_change(desk: Desk) -> None:
    early, late = Listener(), Listener()
    desk.attach(early)
    status = SessionStatus(id="s", client="c", held=frozenset(("A",)))
    desk.audience.publish("a", status)
    desk.audience.publish("a", status)
    desk.attach(late)
    assert early.heard == [Sessions(sessions=()), Sessions(sessions=(status,))]
    assert late.heard == [Sessions(sessions=(status,))]


async def test_identical_calls_wait_for_one_answer_and_one_of_them_gets_it(desk: Desk) -> None:
    console, first = Listener(), a_question()
    desk.attach(console)
    async with asking(desk, first) as one, asking(desk, a_question()) as two:
        assert console.asked == [first]
        assert console.statuses[-1] == Waits(question_id=first.id, calls=2)
        await desk.answer(an_answer(first))
    outcomes = [one.outcome, two.outcome]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Given", "Unanswered"]
    assert Unanswered.USED in outcomes


async def test_a_refusal_is_for_all_identical_calls(desk: Desk) -> None:
    first = a_question()
    desk.attach(Listener())
    async with asking(desk, first) as one, asking(desk, a_question()) as two:
        answer = an_answer(first, Choice.NO)
        await desk.answer(answer)
    assert one.outcome == two.outcome == Given(first, (answer,))


async def test_one_of_two_identical_calls_that_gives_up_leaves_the_question_to_the_other(desk: Desk) -> None:
    console, first = Listener(), a_question()
    desk.attach(console)
    async with asking(desk, first) as one, asking(desk, a_question()) as two:
        one.scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert console.endings == []
        await desk.answer(an_answer(first))
    assert isinstance(two.outcome, Given)


async def test_calls_of_other_sessions_do_not_share_an_answer(desk: Desk) -> None:
    console = Listener()
    desk.attach(console)
    async with asking(desk, a_question()) as one, asking(desk, a_question(session="s-other")) as two:
        assert len(console.asked) == 2
        await desk.answer(an_answer(console.asked[0]))
        two.scope.cancel()
    assert isinstance(one.outcome, Given)
    assert two.outcome is None


async def test_a_call_that_comes_back_after_the_yes_runs_on_it_once(desk: Desk) -> None:
    console, first = Listener(), a_question()
    desk.attach(console)
    assert await desk.ask(first, 0) == StillWaiting(first)
    assert console.statuses[-1] == Waits(question_id=first.id, calls=0)
    answer = an_answer(first)
    assert await desk.answer(answer) is None
    assert await desk.ask(a_question(), HOUR) == Given(first, (answer,))
    async with asking(desk, a_question()) as again:
        assert len(console.asked) == 2
        again.scope.cancel()


async def test_a_call_that_comes_back_before_the_answer_waits_on_the_same_question(desk: Desk) -> None:
    console, first = Listener(), a_question()
    desk.attach(console)
    await desk.ask(first, 0)
    async with asking(desk, a_question()) as again:
        assert console.asked == [first]
        await desk.answer(an_answer(first))
    assert isinstance(again.outcome, Given)


async def test_a_yes_that_nobody_comes_back_for_expires(desk: Desk, clock: Clock) -> None:
    first = a_question()
    desk.attach(Listener())
    await desk.ask(first, 0)
    await desk.answer(an_answer(first))
    clock.now = first.expires_at
    async with asking(desk, a_question(now=clock.now)) as again:
        assert again.outcome is None
        again.scope.cancel()


async def test_a_question_with_a_ticket_leaves_the_consoles_when_its_time_is_up(desk: Desk, clock: Clock) -> None:
    console, first = Listener(), a_question()
    desk.attach(console)
    await desk.ask(first, 0)
    clock.now = first.expires_at
    desk.tidy()
    assert console.endings == [Ended(question_id=first.id, unanswered=Unanswered.EXPIRED)]


async def test_a_yes_is_gone_when_its_call_was_cancelled_at_the_same_moment(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        asked.scope.cancel()
        await desk.answer(an_answer(question))
    async with asking(desk, a_question()) as again:
        assert again.outcome is None
        again.scope.cancel()


async def test_two_people_have_to_say_yes_and_one_twice_is_one(desk: Desk) -> None:
    console = Listener()
    question = replace(a_question(), needs=2)
    desk.attach(console)
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question)) is None
        assert console.statuses[-1].approvers == ("alice",)
        assert await desk.answer(an_answer(question)) is Refusal.ANSWERED_BEFORE
        assert asked.outcome is None
        assert await desk.answer(an_answer(question, approver="bob")) is None
    assert isinstance(asked.outcome, Given)
    assert [answer.approver for answer in asked.outcome.answers] == ["alice", "bob"]


async def test_one_no_is_enough_where_two_would_have_to_say_yes(desk: Desk) -> None:
    question = replace(a_question(), needs=2)
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        await desk.answer(an_answer(question))
        no = an_answer(question, Choice.NO, approver="bob")
        await desk.answer(no)
    assert asked.outcome == Given(question, (no,))


async def test_what_is_not_offered_cannot_be_answered(desk: Desk) -> None:
    question = a_question(offers=(Choice.YES, Choice.NO))
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question, Choice.FREEZE)) is Refusal.NOT_OFFERED
        assert await desk.answer(an_answer(question, channel="elicitation")) is Refusal.NOT_OFFERED
        assert asked.outcome is None
        asked.scope.cancel()


async def test_an_answer_that_cannot_be_written_down_approves_nothing(clock: Clock) -> None:
    judge = Lenient()
    judge.fails = True
    desk = Desk(clock=clock, judge=judge)
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        assert await desk.answer(an_answer(question)) is Refusal.NOT_RECORDED
    assert asked.outcome is Unanswered.NOT_RECORDED


async def test_two_answers_at_once_while_the_first_is_written_down(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    refusals: list[Refusal | None] = []

    async def answer(choice: Choice) -> None:
        refusals.append(await desk.answer(an_answer(question, choice)))

    async with asking(desk, question) as asked, anyio.create_task_group() as tasks:
        tasks.start_soon(answer, Choice.YES)
        tasks.start_soon(answer, Choice.NO)
    assert refusals.count(None) == 1
    assert refusals.count(Refusal.ALREADY_ENDED) == 1
    assert isinstance(asked.outcome, Given)


async def test_a_session_that_a_person_changed_ends_what_waits_in_it_and_forgets_what_was_approved(desk: Desk) -> None:
    acting = a_question()
    reading = a_question(name="read", labels=frozenset(("A",)))
    approved = a_question(name="approved")
    desk.attach(Listener())
    await desk.ask(approved, 0)
    await desk.answer(an_answer(approved))
    async with asking(desk, acting) as one, asking(desk, reading) as two:
        desk.void(acting.session, acting_only=True)
        await anyio.wait_all_tasks_blocked()
        assert one.outcome is Unanswered.SESSION_CHANGED
        assert two.outcome is None
        desk.void(acting.session)
    assert two.outcome is Unanswered.SESSION_CHANGED
    async with asking(desk, a_question(name="approved")) as again:
        assert again.outcome is None
        again.scope.cancel()


async def test_other_policies_end_what_waits_and_forget_what_was_approved_under_those_of_before(desk: Desk) -> None:
    console, waiting, approved = Listener(), a_question(), a_question(name="approved")
    desk.attach(console)
    await desk.ask(approved, 0)
    await desk.answer(an_answer(approved))
    async with asking(desk, waiting) as asked:
        desk.rules_changed(waiting.policy_version)
        await anyio.wait_all_tasks_blocked()
        assert asked.outcome is None
        desk.rules_changed("ef" * 32)
    assert asked.outcome is Unanswered.POLICIES_CHANGED
    assert console.endings[-1].unanswered is Unanswered.POLICIES_CHANGED
    assert await desk.answer(an_answer(waiting)) is Refusal.ALREADY_ENDED
    assert not desk.holds_answers
    assert await desk.ask(a_question(name="late"), HOUR) is Unanswered.POLICIES_CHANGED
    async with asking(desk, a_question(name="approved", policy_version="ef" * 32)) as again:
        assert again.outcome is None
        again.scope.cancel()


async def test_a_yes_that_other_policies_overtake_says_so(desk: Desk) -> None:
    question = a_question()
    desk.attach(Listener())
    async with asking(desk, question) as asked:
        await desk.answer(an_answer(question))
        desk.rules_changed("ef" * 32)
    assert asked.outcome is Unanswered.POLICIES_CHANGED


async def test_a_first_yes_of_two_that_is_written_down_while_policies_change_leaves_no_question(desk: Desk) -> None:
    question = replace(a_question(), needs=2)
    desk.attach(Listener())
    async with asking(desk, question) as asked, anyio.create_task_group() as tasks:
        tasks.start_soon(desk.answer, an_answer(question, approver="alice"))
        await anyio.lowlevel.checkpoint()
        desk.rules_changed("ef" * 32)
        assert asked.outcome is None
    assert asked.outcome is Unanswered.POLICIES_CHANGED
    assert await desk.answer(an_answer(question, approver="bob")) is Refusal.ALREADY_ENDED


def test_no_answer_can_come_from_a_database() -> None:
    """The gateway's side of approvals does not even load one."""
    script = "import sys, rule_of_two.approvals.channel; sys.exit(bool({'sqlite3', 'sqlite_utils'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


STEPS = st.one_of(
    st.sampled_from((("attach",), ("detach",), ("ask",))),
    st.tuples(st.just("answer"), st.integers(0, 5), st.sampled_from((Choice.YES, Choice.NO)), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


class Model:
    """What may become of questions, said as plainly as possible."""

    def __init__(self) -> None:
        self.consoles = 0
        self.now = NOW
        self.outcomes: dict[str, Choice | Unanswered | None] = {}
        self.expiries: dict[str, datetime] = {}

    def waiting(self) -> list[str]:
        return [question_id for question_id, outcome in self.outcomes.items() if outcome is None]

    def tidy(self) -> None:
        """Whoever comes next finds that time is up."""
        self.end([one for one in self.waiting() if self.expiries[one] <= self.now], Unanswered.EXPIRED)

    def ask(self, question: Question) -> None:
        self.tidy()
        self.expiries[question.id] = question.expires_at
        if not self.consoles:
            self.outcomes[question.id] = Unanswered.NOBODY_ATTACHED
        else:
            self.outcomes[question.id] = Unanswered.TOO_MANY if len(self.waiting()) >= 3 else None

    def answer(self, question: Question, choice: Choice, *, honest: bool) -> None:
        self.tidy()
        if self.outcomes[question.id] is None and honest:
            self.outcomes[question.id] = choice

    def end(self, question_ids: list[str], reason: Unanswered) -> None:
        for question_id in question_ids:
            self.outcomes[question_id] = self.outcomes[question_id] or reason


@given(st.lists(STEPS, max_size=25))
@example([("attach",), ("ask",), ("wait", 5), ("wait", 40), ("answer", 0, Choice.YES, False)])
@example([("attach",), ("ask",), ("wait", 45), ("ask",)])
@settings(deadline=None)
def test_any_mix_of_events_ends_as_the_plainest_model_says(steps: list[tuple[Any, ...]]) -> None:
    anyio.run(_play, steps)


async def _play(steps: list[tuple[Any, ...]]) -> None:
    clock, model = Clock(), Model()
    desk = Desk(clock=clock, judge=Lenient(), limit=3)
    consoles: list[Listener] = []
    questions: list[Question] = []
    scopes: dict[str, anyio.CancelScope] = {}
    outcomes: dict[str, Choice | Unanswered] = {}

    async def ask(question: Question) -> None:
        with anyio.CancelScope() as scopes[question.id]:
            outcome = await desk.ask(question, HOUR)
            assert not isinstance(outcome, StillWaiting)
            outcomes[question.id] = outcome.last.verdict if isinstance(outcome, Given) else outcome
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
                questions.append(a_question(now=clock.now, arguments={"number": len(questions)}))
                model.ask(questions[-1])
                tasks.start_soon(ask, questions[-1])
            elif step == "answer" and questions:
                question = questions[values[0] % len(questions)]
                honest = values[2]
                await desk.answer(an_answer(question, values[1], **({} if honest else {"digest": "0" * 64})))
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
