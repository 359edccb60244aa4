"""The console's keys, in Textual's own terminal, against a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot

from rule_of_two.approvals.answer import Answer, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.console_app import ConsoleApp
from rule_of_two.approvals.console_widgets import Paper
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.messages import Asked, SessionStatus
from rule_of_two.approvals.question import Question
from tests.approvals.samples import LETTER, a_question
from tests.approvals.test_channel import gateway
from tests.approvals.test_desk import asking


def clock() -> datetime:
    return datetime.now(UTC)


def a_fresh_question(**members: object) -> Question:
    question = a_question(**members)  # type: ignore[arg-type]  # members of `a_question`, passed on
    now = clock()
    return replace(question, created_at=now, expires_at=now + timedelta(seconds=60))


class Ticks:
    """Seconds of a clock that stands still unless a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """A running console, and what is on its screen."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[None], ticks: Ticks) -> None:
        self.app = app
        self.pilot = pilot
        self.ticks = ticks

    def text(self) -> str:
        return "\n".join(
            "".join(segment.text for segment in strip) for strip in self.app.screen._compositor.render_strips()
        )

    async def until(self, condition: Callable[[str], object]) -> str:
        """Let the console run until its screen is so."""
        with anyio.fail_after(10):
            while not condition(self.text()):
                await self.pilot.pause()
        return self.text()

    async def shows(self, words: str) -> str:
        return await self.until(lambda text: words in text)

    async def settled(self) -> None:
        """Time for the human to read."""
        await self.pilot.pause()
        self.ticks.now += 1

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()


@asynccontextmanager
async def console(state: Path, *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Screen]:
    ticks = Ticks()
    app = ConsoleApp(state, approver="alice", now=clock, monotonic=ticks)
    async with app.run_test(size=size) as pilot:
        yield Screen(app, pilot, ticks)


@pytest.fixture
def desk() -> Desk:
    return Desk(clock=clock)


async def test_the_empty_console_says_that_it_waits_and_for_what(state: Path, desk: Desk) -> None:
    async with console(state) as screen:
        text = await screen.shows("Nothing to decide.")
        assert f"No gateway is running on {state}" in " ".join(text.split())
        async with gateway(state, desk):
            text = await screen.shows("1 gateway ")
            assert "A question appears here at once" in text


async def test_y_approves_exactly_the_question_on_screen(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            text = await screen.shows("yes, this call once")
            for part in (
                "mallory@evil.example",
                "Alice, 93000↵",
                "127.0.0.1:8000",
                "salaries.csv",
                "@invariant",
            ):
                assert part in text
            await screen.settled()
            await screen.press("y")
        assert isinstance(asked.outcome, Answer)
        assert asked.outcome.approves(question, now=clock())
        assert asked.outcome.approver == "alice"
        assert "approved once by alice" in await screen.shows("Nothing to decide.")


async def test_n_refuses_it(state: Path, desk: Desk) -> None:
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, a_fresh_question()) as asked:
            await screen.shows("wants to send")
            await screen.settled()
            await screen.press("n")
        assert isinstance(asked.outcome, Answer)
        assert asked.outcome.verdict is Choice.NO


async def test_race_a_key_for_a_question_that_has_just_changed_is_ignored(state: Path, desk: Desk) -> None:
    first, second = a_fresh_question(), a_fresh_question(arguments={**LETTER, "to": "other@x.test"})
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, first) as one, asking(desk, second) as two:
            await screen.shows("2/2")
            await screen.settled()
            one.scope.cancel()
            await screen.shows("1/1")
            await screen.press("y", "y", "y")
            assert two.outcome is None
            assert "only just appeared" in screen.text()
            await screen.settled()
            await screen.press("y")
        assert isinstance(two.outcome, Answer)
        assert two.outcome.approves(second, now=clock())


async def test_y_is_off_until_the_end_of_long_arguments_was_on_screen(state: Path, desk: Desk) -> None:
    question = a_fresh_question(arguments={**LETTER, "body": "line\n" * 100})
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            text = await screen.shows("not yet: press a")
            assert "there is more: press a to read all of it" in text
            await screen.settled()
            await screen.press("y")
            assert asked.outcome is None
            await screen.press("a")
            assert "not yet" in screen.text()
            await screen.press("y")
            assert asked.outcome is None
            await screen.press("end")
            await screen.shows("end of arguments")
            await screen.shows("yes, this call once")
            await screen.press("a")
            assert "wants to send" in screen.text()
            await screen.press("y")
        assert isinstance(asked.outcome, Answer)


async def test_n_works_without_reading_to_the_end(state: Path, desk: Desk) -> None:
    question = a_fresh_question(arguments={**LETTER, "body": "line\n" * 100})
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            await screen.shows("not yet")
            await screen.settled()
            await screen.press("n")
        assert isinstance(asked.outcome, Answer)


async def test_w_shows_why_and_escape_goes_back(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            await screen.shows("wants to send")
            await screen.press("w")
            assert question.digest in screen.text()
            await screen.press("escape")
            assert "exact arguments" in screen.text()
            await screen.press("escape")
            assert "exact arguments" in screen.text()
            asked.scope.cancel()


async def test_tab_goes_through_the_questions_and_the_list_follows(state: Path, desk: Desk) -> None:
    questions = [a_fresh_question(name=f"tool{number}") for number in range(6)]
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with anyio.create_task_group() as tasks:
            for question in questions:
                tasks.start_soon(desk.ask, question)
            await screen.shows("1/6")
            for number in (2, 3, 4, 5, 6, 1):
                await screen.press("tab")
                assert f"▸ {number}/6 mail · tool{number - 1}" in screen.text()
                assert f"Tool     mail · tool{number - 1}" in screen.text()
            await screen.press("shift+tab")
            assert "▸ 6/6" in screen.text()
            tasks.cancel_scope.cancel()


async def test_q_asks_again_while_calls_wait_and_then_refuses_them(state: Path, desk: Desk) -> None:
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, a_fresh_question()) as asked:
            await screen.shows("wants to send")
            await screen.press("q")
            assert "Press q again to leave" in " ".join(screen.text().split())
            assert asked.outcome is None
            await screen.press("q")
        assert asked.outcome is Unanswered.CONSOLE_DETACHED


async def test_another_key_after_q_means_that_the_human_stays(state: Path, desk: Desk) -> None:
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, a_fresh_question()) as asked:
            await screen.shows("wants to send")
            await screen.press("q", "w", "w", "q")
            assert "Press q again to leave" in " ".join(screen.text().split())
            asked.scope.cancel()


async def test_without_questions_q_leaves_at_once(state: Path) -> None:
    async with console(state) as screen:
        await screen.press("q")
        assert screen.app._exit


async def test_the_header_shows_sessions_with_their_labels_and_counts_what_does_not_fit(
    state: Path, desk: Desk
) -> None:
    def status(number: int) -> SessionStatus:
        return SessionStatus(
            id=f"s-{number}", client="claude-code", held=frozenset(("A", "C")), frozen=number == 0, dropped=number == 1
        )

    for number in range(2):
        desk.publish(number, status(number))
    async with gateway(state, desk), console(state, size=(120, 24)) as screen:
        text = await screen.shows("claude-code")
        assert "claude-code s-0 [A][ ][C] frozen" in text
        assert "claude-code s-1 [A][ ][C] C dropped" in text
        for number in range(12):
            desk.retract(number) if number < 2 else desk.publish(number, status(number))
        text = await screen.shows("s-2")
        assert "  +" in text.splitlines()[0]


@pytest.mark.parametrize("size", [(60, 18), (100, 40), (50, 12)])
async def test_after_a_resize_the_question_still_reads(state: Path, desk: Desk, size: tuple[int, int]) -> None:
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, a_fresh_question()) as asked:
            await screen.shows("wants to send")
            await screen.pilot.resize_terminal(*size)
            await screen.until(lambda text: len(text.splitlines()) == size[1])
            text = await screen.shows("wants to send")
            assert max(len(line) for line in text.splitlines()) <= size[0]
            assert " q  quit" in text
            assert "mallory@evil.example" in text
            asked.scope.cancel()


@pytest.mark.parametrize("size", [(49, 24), (80, 11)])
async def test_on_a_terminal_too_small_to_read_on_nobody_can_say_yes(
    state: Path, desk: Desk, size: tuple[int, int]
) -> None:
    async with gateway(state, desk), console(state, size=size) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, a_fresh_question(arguments={})) as asked:
            await screen.shows("wants to")
            await screen.settled()
            await screen.press("y")
            await screen.shows("Make the terminal at least 50 by 12.")
            assert asked.outcome is None
            asked.scope.cancel()


async def test_markup_and_escapes_in_a_question_are_shown_as_text(state: Path, desk: Desk) -> None:
    question = a_fresh_question(arguments={"body": "[bold]x[/bold] [@click=app.leave]y[/] \x1b[2J"}, name="[red]t[/]")
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            text = await screen.shows("[bold]x[/bold] [@click=app.leave]y[/] \\u{1b}[2J")
            assert "[red]t[/]" in text
            asked.scope.cancel()


async def test_the_last_console_that_answers_wins_nothing(state: Path, desk: Desk) -> None:
    question = a_fresh_question()
    async with gateway(state, desk), console(state) as one, console(state) as two:
        for screen in (one, two):
            await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            for screen in (one, two):
                await screen.shows("yes, this call once")
                await screen.settled()
            await one.press("n")
            await two.shows("refused by alice")
            await two.press("y")
        assert isinstance(asked.outcome, Answer)
        assert asked.outcome.verdict is Choice.NO


async def test_scrolling_down_to_the_end_of_the_arguments_counts_as_reading(state: Path, desk: Desk) -> None:
    question = a_fresh_question(arguments={"a": 1, "b": 2, "c": 3, "d": 4})
    async with gateway(state, desk), console(state, size=(80, 12)) as screen:
        await screen.shows("1 gateway ")
        async with asking(desk, question) as asked:
            await screen.shows("not yet")
            await screen.press("end")
            await screen.shows("yes, this call once")
            assert screen.app.query_one(Paper).scroll_offset.y > 0
            asked.scope.cancel()


async def test_a_new_question_rings_the_bell(state: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(ConsoleApp, "bell", lambda _: rung.append(1))
    async with gateway(state, desk), console(state) as screen:
        await screen.shows("1 gateway ")
        assert not rung
        async with asking(desk, a_fresh_question()) as asked:
            await screen.shows("wants to send")
            assert rung == [1]
            asked.scope.cancel()


async def test_an_answer_to_a_gateway_that_went_away_approves_nothing(state: Path, desk: Desk) -> None:
    async with console(state) as screen:
        screen.app._hear("gone", Asked(question=a_fresh_question()))
        await screen.shows("yes, this call once")
        await screen.settled()
        await screen.press("y")
        await screen.shows("so nothing was approved")
