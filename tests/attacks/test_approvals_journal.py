"""What the journal says of approvals is what happened, also when it was written while something else did."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.messages import Asked, decode_to_console
from rule_of_two.approvals.question import Question
from rule_of_two.audit.journal import Journal
from rule_of_two.audit.why import origin_of
from rule_of_two.gateway.consent import Consent, Patience
from rule_of_two.gateway.flight import about
from rule_of_two.gateway.results import Refused
from rule_of_two.gateway.timing import timestamp, utc_now
from rule_of_two.model import Action, Decision, Facts, Held, Outcome, Principal
from rule_of_two.store.journal import JournalStore
from tests.approvals.samples import Lenient, an_answer


class Meanwhile(Journal):
    """A journal that waits for another process before it writes a question, and something happens meanwhile."""

    happens: Callable[[], Awaitable[None]] | None = None

    async def question(self, number: int, session: str, body: dict[str, Any]) -> None:
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        await super().question(number, session, body)


class Shown:
    """A console that keeps what it is shown."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.changed = anyio.Event()

    def send(self, line: bytes) -> bool:
        message = decode_to_console(line)
        if isinstance(message, Asked):
            self.questions.append(message.question)
            self.changed.set()
            self.changed = anyio.Event()
        return True

    async def until(self, count: int) -> Question:
        while len(self.questions) < count:
            await self.changed.wait()
        return self.questions[-1]


async def test_nothing_is_shown_that_was_not_journalled_also_when_what_it_joined_ends_meanwhile(tmp_path: Path) -> None:
    """The second of two identical calls is journalled as joining the question of the first. That one was answered while
    the journal waited, so a new question was shown, of which the journal said nothing."""
    desk, console = Desk(clock=utc_now, judge=Lenient()), Shown()
    desk.attach(console)
    with contextlib.closing(JournalStore(tmp_path)) as store:
        journal = Meanwhile(store, timestamp, policy_version=lambda: "", principal=Principal(), client="generic")
        consent = Consent(
            desk,
            journal,
            client="generic",
            principal=Principal(),
            patience=Patience(30, 30, timedelta(hours=1)),
            clock=utc_now,
            origin_of=partial(origin_of, store),
            quiet_for=lambda session: None,
            may_grant=lambda question: False,
        )
        facts = Facts(Action.CALL_TOOL, "rec", "send", frozenset(("C",)))
        call = about(facts, {"to": "bob"}, forwarded={})
        held: Held = {"A": 0, "B": 0}

        async def ask(number: int) -> None:
            decision = Decision(number, Outcome.ASK, None, "s-1", held, frozenset(("C",)), ())
            with contextlib.suppress(Refused):
                await consent.ask(call, decision, None)

        async def answered() -> None:
            assert await desk.answer(an_answer(console.questions[0], Choice.NO)) is None

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, 1)
            await console.until(1)
            journal.happens = answered
            tasks.start_soon(ask, 2)
            second = await console.until(2)
            bodies = [one.body for one in store.tail(100) if one.kind == "question"]
            tasks.cancel_scope.cancel()
    assert second.digest in {body["digest"] for body in bodies if "arguments" in body}
