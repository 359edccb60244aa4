"""The screen: pages, pauses and plain text, with and without a person at it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pyte
import pytest
from rich.console import Console

from rule_of_two.approvals.spans import Span, Style
from rule_of_two.demo.screen import WIDEST, Paper, Screen
from rule_of_two.demo.stage import StoryError
from tests.demo.keys import Keys

LINE = (Span("[bold]x[/bold] :smile: "), Span("http://evil.example", Style.QUOTED))
PLAIN = "[bold]x[/bold] :smile: http://evil.example"


class Out(io.StringIO):
    """What a terminal would get."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def console(out: Out, **more: int) -> Console:
    return Console(file=out, width=more.get("width", 80), height=24, highlight=False, _environ={"TERM": "xterm"})


@pytest.fixture
def keys() -> Iterator[Keys]:
    made = Keys()
    yield made
    made.close()


def test_no_markup_emoji_or_link_is_read_in_a_text() -> None:
    out = Out(terminal=False)
    Screen(console(out), None).show([LINE])
    assert out.getvalue() == PLAIN


def test_colour_stands_around_a_text_and_never_in_it() -> None:
    out = Out(terminal=True)
    Screen(console(out), None).show([LINE])
    assert "[bold]x[/bold] :smile: " in out.getvalue()
    assert "\x1b[" in out.getvalue()


def test_pages_without_a_person_follow_each_other_behind_a_rule() -> None:
    out = Out(terminal=False)
    screen = Screen(console(out), None)
    for word in ("one", "two"):
        screen.turn()
        screen.show([(Span(word),)])
    screen.close()
    assert out.getvalue() == f"one\n\n{'─' * 79}\n\ntwo\n"
    assert screen.height is None


def test_a_page_at_a_terminal_begins_at_the_top_and_keeps_the_last_one_in_the_history(
    keys: Keys,
) -> None:
    out = Out(terminal=True)
    screen = Screen(console(out), keys)
    screen.turn()
    screen.show([(Span("one"),)])
    assert out.getvalue() == "\n" * 24 + "\x1b[Hone"
    assert screen.height == 24


def test_nothing_of_the_last_page_stays_on_the_next_one(keys: Keys) -> None:
    out = Out(terminal=True)
    screen = Screen(console(out), keys)
    for lines in range(1, 26):
        screen.turn()
        screen.show([(Span(f"{lines} of a longer line"),)] * lines)
    screen.turn()
    screen.show([(Span("end"),)])
    shown = pyte.HistoryScreen(80, 24, history=1000)
    pyte.Stream(shown).feed(out.getvalue().replace("\n", "\r\n"))
    assert [line.rstrip() for line in shown.display] == ["end"] + [""] * 23
    assert len(shown.history.top) == 1 + sum(range(1, 26))


async def test_a_pause_ends_with_a_key_and_forgets_what_was_typed_before(keys: Keys) -> None:
    screen = Screen(console(Out(terminal=True)), keys)
    screen.show([(Span("word " * 400),)])
    keys.press("early")
    ended: list[bool] = []

    async def pause() -> None:
        await screen.pause()
        ended.append(True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pause)
        await anyio.wait_all_tasks_blocked()
        assert not ended
        keys.press(" ")
        with anyio.fail_after(20):
            while not ended:
                await anyio.lowlevel.checkpoint()


async def test_a_pause_ends_by_itself(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.demo.screen._LEAST_SECONDS", 0)
    out = Out(terminal=True)
    with anyio.fail_after(20):
        await Screen(console(out), keys).pause()
    assert "press a key to go on, or wait 0 s" in out.getvalue()


async def test_without_a_person_nothing_pauses() -> None:
    out = Out(terminal=False)
    await Screen(console(out), None).pause()
    assert out.getvalue() == ""


def test_lines_are_never_wider_than_can_be_read() -> None:
    assert Screen(console(Out(terminal=False), width=300), None).width == WIDEST
    assert Screen(console(Out(terminal=False), width=60), None).width == 60


def test_a_reader_that_is_gone_ends_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(StoryError, match="nobody reads"):
            Screen(Paper(), None).show([LINE])
