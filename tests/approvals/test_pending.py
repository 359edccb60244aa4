"""Floods of questions: what waits is bounded, in all and of one session, and so is what is remembered."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from rule_of_two.approvals import pending
from rule_of_two.approvals.answer import Refusal, Unanswered
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Given
from rule_of_two.approvals.messages import Sessions, SessionStatus
from tests.approvals.samples import Clock, Lenient, a_question, an_answer
from tests.approvals.test_desk import HOUR, Listener, asking


async def test_flood_questions_beyond_the_limit_are_refused_at_once() -> None:
    desk = Desk(clock=Clock(), judge=Lenient(), limit=2)
    desk.attach(Listener())
    first, second, third = (a_question(name=f"send_{number}") for number in range(3))
    async with asking(desk, first) as one, asking(desk, second) as two:
        assert await desk.ask(third, HOUR) is Unanswered.TOO_MANY
        one.scope.cancel()
        await anyio.wait_all_tasks_blocked()
        async with asking(desk, a_question(name="send_4")) as three:
            assert three.outcome is None
            three.scope.cancel()
        two.scope.cancel()


async def test_flood_questions_of_too_many_bytes_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(clock=Clock(), judge=Lenient())
    desk.attach(Listener())
    question = a_question(arguments={"body": "x" * 600})
    monkeypatch.setattr(pending, "MAX_WAITING_BYTES", 3000)
    async with asking(desk, question) as asked:
        assert await desk.ask(a_question(arguments={"body": "x" * 1200}), HOUR) is Unanswered.TOO_MANY
        asked.scope.cancel()


async def test_flood_only_the_last_endings_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(clock=Clock(), judge=Lenient())
    monkeypatch.setattr(pending, "_REMEMBERED", 2)
    desk.attach(Listener())
    questions = [a_question() for _ in range(3)]
    for question in questions:
        async with asking(desk, question):
            await desk.answer(an_answer(question))
    assert [await desk.answer(an_answer(question)) for question in questions] == [
        Refusal.UNKNOWN_QUESTION,
        Refusal.ALREADY_ENDED,
        Refusal.ALREADY_ENDED,
    ]


async def test_flood_one_session_cannot_fill_the_desk_and_the_consoles_are_told() -> None:
    desk = Desk(clock=Clock(), judge=Lenient())
    console, other = Listener(), a_question(session="s-other")
    desk.attach(console)
    desk.audience.publish("c", SessionStatus(id="s-7f3a91", client="c", held=frozenset()))
    async with anyio.create_task_group() as tasks:
        for number in range(500):
            tasks.start_soon(desk.ask, a_question(name=f"send_{number}"), HOUR)
        await anyio.wait_all_tasks_blocked()
        assert len(console.asked) == pending.MAX_OF_SESSION
        sessions = [message for message in console.heard if isinstance(message, Sessions)][-1]
        assert sessions.sessions[0].turned_away == 500 - pending.MAX_OF_SESSION
        async with asking(desk, other) as asked:
            assert await desk.answer(an_answer(other)) is None
        assert isinstance(asked.outcome, Given)
        tasks.cancel_scope.cancel()
