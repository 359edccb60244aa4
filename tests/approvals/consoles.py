"""For console tests: a gateway's desk on a real socket, questions that wait at it, clocks that a test moves."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from rule_of_two.approvals.answer import Answer, Unanswered
from rule_of_two.approvals.channel import DeskServer
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.judge import Endorser, Given, Settler, StillWaiting
from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.model import labels_in
from rule_of_two.records import replace
from tests.approvals.samples import Lenient, a_question
from tests.terminal import Terminal, terminal

EVERY = tuple(choice for choice in Choice if choice is not Choice.WITHOUT)
SECONDS = 10
"""How long a test waits for what must come."""

LONG = 600.0

PAUSE = SETTLE_SECONDS + 0.2
"""Seconds that a human reads before pressing a key."""


class Clocks:
    """A wall clock and a monotonic one that stand still unless a test moves them."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.ahead = timedelta(0)
        self._start = datetime.now(UTC)

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds - 1000) + self.ahead


def wall() -> datetime:
    return datetime.now(UTC)


def a_fresh_question(now: datetime | None = None, *, needs: int = 1, **members: Any) -> Question:
    """A question of this moment that offers everything and lives for ten minutes."""
    return fresh(a_question(**{"offers": EVERY, **members}), now, needs=needs)


def fresh(question: Question, now: datetime | None = None, *, needs: int = 1) -> Question:
    """The same question, asked at this moment, that lives for ten minutes."""
    created = now or wall()
    moved = created - question.created_at
    held = {label: replace(origin, at=origin.at + moved) for label, origin in question.held.items()}
    expires = created + timedelta(seconds=LONG)
    return replace(question, held=held, created_at=created, expires_at=expires, needs=needs)


def status(number: int, held: str = "AB", **members: Any) -> SessionStatus:
    return SessionStatus(
        **{"id": f"s-{number}", "client": "claude-code", "held": labels_in(held), **members},
    )


@asynccontextmanager
async def seat(
    state: Path,
    *arguments: str,
    size: tuple[int, int] = (80, 24),
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Terminal]:
    """``rule-of-two console`` in a real terminal; unsigned, unless ``arguments`` name a key."""
    words = ["console", "--state", str(state), *arguments]
    if "--key" not in words:
        words.append("--unsigned")
    base = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "RULE_OF_TWO_KEY"}}
    with terminal(words, {**base, **(environment or {})}, size=size, before=before) as shown:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shown.pump)
            yield shown
            tasks.cancel_scope.cancel()


async def reads(shown: Terminal, *keys: bytes) -> None:
    """Press each key after a human's pause."""
    await shown.pressed(*keys, pause=PAUSE)


class Room:
    """A desk, its judge, and what came of the questions that were asked."""

    def __init__(self, desk: Desk, judge: Lenient) -> None:
        self.desk = desk
        self.judge = judge
        self.outcomes: dict[str, Given | StillWaiting | Unanswered] = {}
        self._tasks: anyio.abc.TaskGroup
        self._scopes: dict[str, anyio.CancelScope] = {}

    async def ask(self, question: Question, seconds: float = LONG) -> Question:
        """Let a call wait for an answer; it has reached the desk."""

        async def wait() -> None:
            with anyio.CancelScope() as self._scopes[question.id]:
                self.outcomes[question.id] = await self.desk.ask(question, seconds)

        self._tasks.start_soon(wait)
        await until(lambda: question.id in self.desk._waiting or question.id in self.outcomes)
        return question

    def withdraw(self, question: Question) -> None:
        """The agent gives the call up."""
        self._scopes[question.id].cancel()

    async def outcome(self, question: Question) -> Given | StillWaiting | Unanswered:
        """What came of it."""
        await until(lambda: question.id in self.outcomes)
        return self.outcomes[question.id]

    async def answered(self, question: Question) -> Answer:
        """The answer that ended it."""
        outcome = await self.outcome(question)
        assert isinstance(outcome, Given), outcome
        return outcome.last


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until it is so."""
    with anyio.fail_after(SECONDS):
        while not condition():
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def room(
    state: Path,
    *,
    gateway: str = "g1",
    judge: Lenient | None = None,
    clock: Callable[[], datetime] = wall,
    limit: int = 100,
    endorser: Endorser | None = None,
    settler: Settler | None = None,
) -> AsyncIterator[Room]:
    """A gateway's desk on a socket in ``state``."""
    judge = judge or Lenient()
    made = Room(Desk(clock=clock, judge=judge, endorser=endorser, settler=settler, limit=limit), judge)
    async with anyio.create_task_group() as tasks:
        await tasks.start(DeskServer(made.desk, state=state, gateway=gateway).run)
        made._tasks = tasks
        yield made
        tasks.cancel_scope.cancel()
