"""The console in plain lines: the same rules, and nothing that a screen reader would stumble over."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.judge import Endorser
from rule_of_two.approvals.plain_console import PlainConsole
from rule_of_two.approvals.plain_voice import plain
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import Span, Style
from tests.approvals.consoles import Clocks, Room, a_fresh_question, room, status, until
from tests.terminal import flat


class Reader:
    """A person who hears what is said, and types."""

    def __init__(self, console: PlainConsole, out: io.StringIO, clocks: Clocks) -> None:
        self.console = console
        self.clocks = clocks
        self.columns = 80
        self._out = out
        self._heard = 0

    async def hears(self, words: str) -> str:
        """All that was said since the last line, once ``words`` were."""
        await until(lambda: words in self.told())
        return self.told()

    def since(self) -> str:
        return self._out.getvalue()[self._heard :]

    def types(self, line: str, after: float = 1) -> bool:
        """Type a line after reading for so many seconds."""
        self._heard = len(self._out.getvalue())
        self.clocks.seconds += after
        return self.console.typed(line)

    def told(self) -> str:
        """Without line breaks, and the bars of texts that go on."""
        return flat(self.since().replace("\n: ", "\n"))


@asynccontextmanager
async def scene(state: Path, *, endorser: Endorser | None = None) -> AsyncIterator[tuple[Room, Reader]]:
    clocks, out = Clocks(), io.StringIO()
    console = PlainConsole(
        state,
        Signer("alice"),
        out,
        columns=lambda: reader.columns,
        now=clocks.now,
        monotonic=clocks.monotonic,
    )
    reader = Reader(console, out, clocks)
    typed, lines = anyio.create_memory_object_stream[str]()
    async with room(state, clock=clocks.now, endorser=endorser) as gateway, anyio.create_task_group() as tasks:
        tasks.start_soon(console.run, lines)
        await reader.hears("Gateway g1 is attached.")
        yield gateway, reader
        tasks.cancel_scope.cancel()
    typed.close()
    lines.close()


async def asked(gateway: Room, reader: Reader, **members: object) -> Question:
    reader.clocks.seconds += 1
    return await gateway.ask(a_fresh_question(reader.clocks.now(), **members))  # type: ignore[arg-type]  # passed on


@pytest.mark.parametrize(
    ("keys", "choice"),
    [
        ("y", Choice.YES),
        ("n", Choice.NO),
        ("f", Choice.FREEZE),
        ("dd", Choice.DROP),
        ("ss", Choice.NEW),
        ("gg", Choice.GRANT),
    ],
)
async def test_each_key_answers_the_question_that_was_read_out(state: Path, keys: str, choice: Choice) -> None:
    async with scene(state) as (gateway, reader):
        question = await asked(gateway, reader)
        text = await reader.hears("Keys: y once")
        assert "Question 1 of 1, from gateway g1:" in text
        for key in keys:
            reader.types(key)
        answer = await gateway.answered(question)
        assert (answer.verdict, answer.digest) == (choice, question.digest)
        await reader.hears("by alice (unsigned, advisory).")


async def test_a_line_typed_just_after_a_question_came_does_not_answer_it(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        question = await asked(gateway, reader)
        await reader.hears("Keys:")
        for _ in range(5):
            reader.types("y", after=0.1)
            assert "only just appeared" in reader.told()
        assert question.id not in gateway.outcomes


async def test_what_is_half_typed_when_a_question_ends_reaches_no_other_one(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        first = await asked(gateway, reader)
        await reader.hears("Keys:")
        second = await asked(gateway, reader, name="other")
        await reader.hears("Another question waits, about mail · other. Type 2")
        gateway.withdraw(first)
        await reader.hears("1 question waiting. Enter reads out the first.")
        third = await asked(gateway, reader, name="third")
        await reader.hears("mail · third")
        reader.types("y", after=60)
        assert "Nothing is shown" in reader.told()
        assert not {second.id, third.id} & gateway.outcomes.keys()
        reader.types("")
        assert "mail · other" in reader.told()
        reader.types("n")
        assert (await gateway.answered(second)).verdict is Choice.NO


async def test_long_arguments_are_read_out_in_pages_and_to_their_end_before_a_yes(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        question = await asked(gateway, reader, arguments={"body": "line\n" * 50})
        await reader.hears("Keys: press a first")
        reader.types("y")
        assert "Read the arguments to their end first" in reader.told()
        reader.types("a")
        assert "Page 1 of 3 of the arguments:" in reader.told()
        reader.types("a 2")
        assert "Page 2 of 3" in reader.told()
        for wrong in ("a 0", "a 4", "a x"):
            reader.types(wrong)
            assert "There is no such page; of the arguments there are 3 pages." in reader.told()
        reader.types("y")
        assert question.id not in gateway.outcomes
        reader.types("a last")
        assert "end of arguments, sha256" in reader.told()
        assert "Keys: y once" in reader.told()
        reader.types("y")
        assert (await gateway.answered(question)).verdict is Choice.YES


async def test_the_terms_of_a_grant_are_read_out_whenever_they_change(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        question = await asked(gateway, reader)
        await reader.hears("Keys:")
        reader.types("g")
        assert "5 calls, this one included, within 15 minutes" in reader.told()
        reader.types("g 2 30")
        assert "2 calls, this one included, within 30 minutes" in reader.told()
        for wrong in ("g 0 5", "g 5", "g 101 5", "g a b", "y 2 3"):
            reader.types(wrong)
            assert "Only g has numbers" in reader.told()
        reader.types("x")
        assert "Left. Nothing was sent." in reader.told()
        reader.types("g 2 30")
        assert question.id not in gateway.outcomes
        reader.types("g")
        grant = (await gateway.answered(question)).grant
        assert grant is not None
        assert (grant.uses, grant.minutes) == (2, 30)


async def test_sessions_are_announced_listed_and_commanded(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        gateway.desk.audience.publish(1, status(1, "A"))
        gateway.desk.audience.publish(2, status(2, "AB"))
        await reader.hears("Session s-2 of claude-code holds [A][B][ ].")
        reader.types("f")
        assert "Nothing is shown" in reader.told()
        reader.types("l 2")
        assert "> 2/2 [A][B][ ]" in reader.told()
        reader.types("f")
        assert "Freeze session s-2?" in reader.told()
        reader.types("f")
        await reader.hears("Done: session s-2 is frozen.")
        assert [(one.session, one.choice) for one in gateway.judge.commands] == [("s-2", Choice.FREEZE)]
        gateway.desk.audience.publish(2, status(2, "AB", frozen=True))
        await reader.hears("Session s-2 of claude-code holds [A][B][ ], frozen.")
        gateway.desk.audience.retract(2)
        await reader.hears("Session s-2 has ended.")
        reader.types("l 7")
        assert "There is no such session" in reader.told()


async def test_how_the_question_stands_is_said_when_it_changes(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        await gateway.ask(a_fresh_question(reader.clocks.now()), seconds=0.01)
        await reader.hears("Note: the agent was told to come back")


async def test_q_is_asked_twice_while_calls_wait(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        await asked(gateway, reader)
        await reader.hears("Keys:")
        assert reader.types("q")
        assert reader.types("w")
        assert reader.types("q")
        assert "Type q again to leave" in reader.told()
        assert not reader.types("q")


async def test_on_a_narrow_terminal_nobody_says_yes_and_anybody_no(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        reader.columns = 49
        question = await asked(gateway, reader)
        await reader.hears("Keys: press a first")
        for key in "ydgs":
            reader.types(key)
            assert "Make the terminal at least 50 wide." in reader.told()
        reader.types("n")
        assert (await gateway.answered(question)).verdict is Choice.NO


async def test_a_clock_that_jumps_makes_the_person_read_again(state: Path) -> None:
    async with scene(state) as (gateway, reader):
        question = await asked(gateway, reader)
        await reader.hears("Keys:")
        reader.types("d")
        reader.clocks.ahead += timedelta(hours=-1)
        reader.types("d")
        assert "The clock has jumped" in reader.told()
        assert question.id not in gateway.outcomes
        reader.clocks.ahead += timedelta(hours=1)


@pytest.mark.parametrize("line", ["?", "yes", "99", "w", "a", "\x1b[A", ""])
async def test_what_cannot_be_done_is_said(state: Path, line: str) -> None:
    async with scene(state) as (_, reader):
        assert reader.types(line)
        assert reader.told()


def test_frames_are_ascii_and_text_that_is_not_ours_is_left_as_it_is() -> None:
    line = (Span("│ ", Style.FRAME), Span("┊ ", Style.FRAME), Span("│ ─ ▸", Style.QUOTED))
    assert plain(line) == "| : │ ─ ▸"
    assert plain((Span("╭─ exact arguments ───", Style.FRAME),)) == "-- exact arguments"
