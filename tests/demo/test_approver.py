"""The demo as a console: the same question, over the real channel, answered by a script or by a key."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from rich.console import Console

from rule_of_two.approvals.answer import Answer, Unanswered
from rule_of_two.approvals.channel import DeskServer
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given, StillWaiting
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.render import View
from rule_of_two.approvals.spans import line_text
from rule_of_two.demo.approver import SCRIPT, Approver
from rule_of_two.demo.screen import Screen
from tests.approvals.consoles import until, wall
from tests.approvals.samples import Lenient, a_question
from tests.demo.keys import Keys

TITLE = "Asked:"


class Ticks:
    """Clocks that go on by one second whenever the monotonic one is looked at."""

    def __init__(self) -> None:
        self.step = 1.0
        self._seconds = 0.0
        self._start = wall()

    def monotonic(self) -> float:
        self._seconds += self.step
        return self._seconds

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)


@dataclass
class Room:
    """A gateway's desk, an approver that is attached to it, its keys and what it prints."""

    desk: Desk
    out: io.StringIO
    approver: Approver
    keys: Keys
    ticks: Ticks
    answers: list[Answer | Unanswered | StillWaiting] = field(default_factory=list)

    async def ask(self, question: Question) -> None:
        outcome = await self.desk.ask(question, 600)
        self.answers.append(outcome.last if isinstance(outcome, Given) else outcome)

    async def shows(self, words: str) -> None:
        await until(lambda: words in self.out.getvalue())

    async def key(self, key: str, shows: str) -> None:
        """Press a key and wait for what it brings up."""
        self.out.seek(0)
        self.out.truncate()
        self.keys.press(key)
        await self.shows(shows)


@asynccontextmanager
async def room(state: Path, scripted: Choice | None = None) -> AsyncIterator[Room]:
    keys = Keys()
    out = io.StringIO()
    screen = Screen(Console(file=out, width=80, height=24, highlight=False), None)
    ticks = Ticks()
    approver = Approver(state, screen, keys, scripted, monotonic=ticks.monotonic, now=ticks.now)
    desk = Desk(clock=wall, judge=Lenient())
    async with anyio.create_task_group() as tasks:
        await tasks.start(DeskServer(desk, state=state, gateway="g1").run)
        tasks.start_soon(approver.run)
        with anyio.fail_after(20):
            await approver.attached()
        tasks.start_soon(approver.answer, TITLE)
        yield Room(desk, out, approver, keys, ticks)
        tasks.cancel_scope.cancel()
    keys.close()


def a_fresh_question(wait: timedelta = timedelta(minutes=10)) -> Question:
    return a_question(now=wall(), wait=wait)


@pytest.mark.parametrize("choice", [Choice.YES, Choice.NO])
async def test_a_scripted_answer_is_given_and_says_that_it_is_one(state: Path, choice: Choice) -> None:
    question = a_fresh_question()
    async with room(state, choice) as here:
        assert here.approver.person == f"a script that answers {choice}"
        await here.ask(question)
    (answer,) = here.answers
    assert isinstance(answer, Answer)
    assert (answer.verdict, answer.approver, answer.digest) == (choice, SCRIPT, question.digest)
    assert (here.approver.asked, here.approver.choice) == (1, choice)


async def test_the_question_is_shown_as_the_console_shows_it(state: Path) -> None:
    question = a_fresh_question()
    async with room(state, Choice.NO) as here:
        await here.ask(question)
    page = [line_text(line) for line in View(question).page(80, wall()).lines]
    shown = here.out.getvalue().splitlines()
    assert shown[:2] == [f" {TITLE}", ""]
    timeless = [line for line in page if "ago" not in line]
    assert [line for line in shown[2:-1] if "ago" not in line] == timeless
    assert len(timeless) > 10
    assert shown[-1] == " y once  n no  a args  w why"


@pytest.mark.parametrize(("key", "choice"), [("y", Choice.YES), ("n", Choice.NO)])
async def test_a_key_of_the_person_answers(state: Path, key: str, choice: Choice) -> None:
    async with room(state) as here, anyio.create_task_group() as tasks:
        assert here.approver.person == "you"
        tasks.start_soon(here.ask, a_fresh_question())
        await here.shows("w why")
        await here.key(key, f"Sending your {choice}.")
    (answer,) = here.answers
    assert isinstance(answer, Answer)
    assert answer.verdict is choice
    assert answer.approver != SCRIPT
    assert here.approver.choice is choice


async def test_other_keys_turn_the_question_and_answer_nothing(state: Path) -> None:
    async with room(state) as here, anyio.create_task_group() as tasks:
        tasks.start_soon(here.ask, a_fresh_question())
        await here.shows("w why")
        for ignored in ("x", "\x1b[A", "yy"):
            here.keys.press(ignored)
        await here.key("w", "w back")
        assert "Digest" in here.out.getvalue()
        await here.key("a", "a back")
        await here.key("a", "asked by")
        assert here.answers == []
        await here.key("n", "Sending your no.")


async def test_a_key_that_comes_before_the_question_could_be_read_does_not_count(state: Path) -> None:
    async with room(state) as here, anyio.create_task_group() as tasks:
        here.ticks.step = 0.1
        tasks.start_soon(here.ask, a_fresh_question())
        await here.shows("w why")
        await here.key("y", "This has only just appeared.")
        assert here.answers == []
        here.ticks.step = 1.0
        await here.key("y", "Sending your yes.")


async def test_what_was_typed_before_the_question_came_answers_nothing(state: Path) -> None:
    async with room(state) as here, anyio.create_task_group() as tasks:
        here.keys.press("y")
        tasks.start_soon(here.ask, a_fresh_question())
        await here.shows("w why")
        await here.key("n", "Sending your no.")
    assert here.approver.choice is Choice.NO


async def test_a_question_that_is_withdrawn_makes_room_for_the_next_one(state: Path) -> None:
    async with room(state, Choice.NO) as here:
        with anyio.CancelScope() as caller:
            here.approver._screen.pause = caller_gives_up(caller)  # type: ignore[method-assign]  # the moment that is wanted
            await here.ask(a_fresh_question())
        await here.ask(a_fresh_question())
    assert [type(answer) for answer in here.answers] == [Answer]
    assert here.approver.asked == 2


def caller_gives_up(caller: anyio.CancelScope) -> Callable[[], Coroutine[Any, Any, None]]:
    """A pause in which the agent withdraws its call."""

    async def pause() -> None:
        caller.cancel()
        await anyio.lowlevel.checkpoint()

    return pause


async def test_it_knows_when_the_gateway_is_gone(state: Path) -> None:
    desk = Desk(clock=wall, judge=Lenient())
    screen = Screen(Console(file=io.StringIO()), None)
    approver = Approver(state, screen, None, None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(approver.run)
        async with anyio.create_task_group() as gateway:
            await gateway.start(DeskServer(desk, state=state, gateway="g1").run)
            with anyio.fail_after(20):
                await approver.attached()
            gateway.cancel_scope.cancel()
        with anyio.fail_after(20):
            await approver.alone()
        tasks.cancel_scope.cancel()
