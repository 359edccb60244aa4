"""``rule-of-two demo``: the whole story in a terminal, with real servers."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from typing import Final

import anyio
import click

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.spans import clip
from rule_of_two.demo.approver import Approver
from rule_of_two.demo.keyboard import Keyboard, open_keyboard
from rule_of_two.demo.screen import Paper, Screen
from rule_of_two.demo.servers import PACKAGES, Servers, find_servers
from rule_of_two.demo.stage import StoryError, first_of, set_up
from rule_of_two.demo.story import Story

_ANSWERS: Final = {"y": Choice.YES, "n": Choice.NO}
_LONGEST: Final = 1000
"""Cells of what is said of a story that went wrong: a tool's text may be in it, so it is escaped and counted."""


@click.command()
@click.option("--fast", is_flag=True, help="No pauses: go on at once. The question still waits for a key.")
@click.option("--answer", type=click.Choice(list(_ANSWERS)), help="Answer the question by script, not by a key.")
@click.option(
    "--server",
    "given",
    multiple=True,
    metavar="NAME=COMMAND",
    help=f"How a real server is started ({', '.join(PACKAGES)}); otherwise by npx and uvx.",
)
def demo(fast: bool, answer: str | None, given: tuple[str, ...]) -> None:
    """A poisoned page, a private file, and a mail that would carry it away: you are asked.

    The agent is a script; the servers, the gateway, the question and its answer are real. Everything happens in a
    temporary folder: your configuration, state and files are not touched. Without a terminal nothing pauses and the
    answer is no. Exit 1: something happened that the story does not tell.

    \b
    Example:
      rule-of-two demo
      rule-of-two demo --fast --answer n
    """
    servers = find_servers(given)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks our frames still tells the story
    told, failure = False, ""
    with open_keyboard() as keyboard:
        try:
            told = anyio.run(_play, servers, keyboard, fast, None if answer is None else _ANSWERS[answer])
        except* StoryError as errors:
            failure = clip(str(first_of(errors)), _LONGEST)
        except* EOFError:
            failure = "the terminal is gone"
    if failure:
        click.echo(f"rule-of-two: {failure}", err=True)
        sys.exit(1)
    if not told:
        click.echo("Stopped. Nothing is left behind.", err=True)
        raise click.Abort


@contextmanager
def _signals() -> Iterator[AsyncIterator[signal.Signals] | None]:
    """What ends the story early, as it arrives; ``None`` on Windows, where Ctrl-C interrupts it."""
    if sys.platform == "win32":
        yield None
        return
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        yield signals


async def _play(servers: Servers, keyboard: Keyboard | None, fast: bool, scripted: Choice | None) -> bool:
    """Tell the story. ``False``: a signal ended it, and everything that it had started is gone."""
    told = False
    with (
        _signals() as signals,
        set_up(servers) as stage,
        closing(Screen(Paper(), None if fast else keyboard)) as screen,
    ):
        approver = Approver(stage.state, screen, keyboard, scripted)
        async with anyio.create_task_group() as tasks:

            async def end_on_signal(signals: AsyncIterator[signal.Signals]) -> None:
                async for _ in signals:
                    tasks.cancel_scope.cancel()

            if signals is not None:
                tasks.start_soon(end_on_signal, signals)
            tasks.start_soon(approver.run)
            await Story(stage, screen, approver).play()
            told = True
            tasks.cancel_scope.cancel()
    return told
