"""The console: a terminal in which a human reads questions and answers them.

Draws what :mod:`~.board` and :mod:`~.render` say. Every text goes to the terminal as a finished span: no markup of any
kind is parsed, whoever wrote the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.board import Board, Face, Item
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.console_widgets import Lines, Paper
from rule_of_two.approvals.messages import SessionStatus, ToConsole
from rule_of_two.approvals.render import NARROWEST, NOT_YET, QUESTION_KEYS, keys_lines
from rule_of_two.approvals.spans import BLANK, Line, Span, Style, clip, line_width, wrap
from rule_of_two.escape import visible

LIST_LINES: Final = 3
"""Waiting questions that are listed at once, one on a low terminal; the list moves with the selection."""

_LOW: Final = 20
"""Lines of a terminal that has no room to spare."""

SHORTEST: Final = 12
"""Lines of a terminal below which nobody can say yes: the question would not be readable."""

_FEWEST_ARGUMENT_LINES: Final = 4
_LEAVE: Final = "Calls are waiting; without a console they are refused. Press q again to leave."


class ConsoleApp(App[None]):
    """The whole terminal."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { layout: vertical; } Paper { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer('yes')", "once"),
        Binding("n", "answer('no')", "no"),
        Binding("a", "turn('arguments')", "all arguments"),
        Binding("w", "turn('why')", "why"),
        Binding("escape", "close", "back"),
        Binding("q,ctrl+c,ctrl+q", "leave", "quit", priority=True),
        Binding("tab,right", "select(1)", "next", priority=True),
        Binding("shift+tab,left", "select(-1)", "previous", priority=True),
    ]

    def __init__(
        self,
        state: Path,
        *,
        approver: str,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=True)
        self._state = state
        self._approver = approver
        self._now = now
        self._monotonic = monotonic
        self.board = Board()
        self._client = DeskClient(state, self._hear)
        self._arguments_end: int | None = None

    def compose(self) -> ComposeResult:
        """Header, list, question, notice, keys."""
        yield Lines(id="header")
        yield Lines(id="list")
        yield Paper(id="paper")
        yield Lines(id="notice")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        """Begin to look for gateways."""
        self.query_one(Paper).focus()
        self.set_interval(1, self.draw)
        self.run_worker(self._client.run(), exit_on_error=True)
        self.draw()

    def on_resize(self) -> None:
        """Lay everything out again."""
        self.call_after_refresh(self.draw)

    def on_paper_scrolled(self) -> None:
        """The end of the arguments may have come into sight."""
        if self.board.selected is not None:
            self._look(self.board.selected)

    def action_answer(self, choice: str) -> None:
        """y or n, for the question on screen."""
        if self._is_too_small():
            self.board.notice = f"Make the terminal at least {NARROWEST} by {SHORTEST}."
            self.draw()
            return
        item = self.board.answer(Choice(choice), at=self._monotonic(), now=self._now())
        if item is not None:
            answer = Answer(
                question_id=item.question.id,
                digest=item.question.digest,
                verdict=Choice(choice),
                approver=self._approver,
                answered_at=self._now(),
            )
            if not self._client.answer(item.gateway, answer):
                self.board.not_sent(item)
        self.draw()

    def action_turn(self, face: str) -> None:
        """All arguments, or why; the same key goes back."""
        self.board.turn(Face(face))
        self._from_the_top()

    def action_close(self) -> None:
        """Back to the question."""
        self.board.turn(self.board.face)
        self._from_the_top()

    def action_select(self, step: int) -> None:
        """Another question."""
        self.board.select(step)
        self._from_the_top()

    def action_leave(self) -> None:
        """Quit; asked twice while calls wait, as leaving refuses them."""
        if self.board.items and self.board.notice != _LEAVE:
            self.board.notice = _LEAVE
            self.draw()
        else:
            self.exit()

    def draw(self) -> None:
        """Show the board as it is now."""
        board, now, width = self.board, self._now(), self.size.width
        item = board.selected
        self.query_one("#header", Lines).show([self._header(width)])
        self.query_one("#list", Lines).show(self._list(width, now))
        self.query_one("#notice", Lines).show(_notice(board.notice, width))
        self.query_one("#keys", Lines).show(self._keys())
        paper = self.query_one(Paper)
        if item is None:
            paper.show(self._empty(width))
            return
        paper.show(self._page(item, width - 1, now))
        self.call_after_refresh(self._look, item)

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        selected = self.board.selected
        if self.board.hear(gateway, message):
            self.bell()
        if self.board.selected is not selected:
            self.query_one(Paper).scroll_home(animate=False)
        self.draw()

    def _page(self, item: Item, width: int, now: datetime) -> Sequence[Line]:
        """The side of the question that is turned up. The question itself is laid out to fit on the screen."""
        self._arguments_end = None
        if self.board.face is Face.WHY:
            return item.view.why(width, now)
        if self.board.face is Face.ARGUMENTS:
            lines = item.view.arguments(width)
            self._arguments_end = len(lines) - 1
            return lines
        around = (*self._list(width, now), *_notice(self.board.notice, width), *self._keys())
        rows = self.size.height - 1 - len(around)
        besides = len(item.view.page(width, now, argument_lines=1).lines) - 1
        page = item.view.page(width, now, argument_lines=max(_FEWEST_ARGUMENT_LINES, rows - besides))
        self._arguments_end = page.arguments_end
        return page.lines

    def _look(self, item: Item) -> None:
        """After the screen was drawn: note what a human can see by now."""
        self.board.painted(item, self._monotonic())
        seen = self._arguments_end is not None and self.query_one(Paper).last_visible() >= self._arguments_end
        if seen and item is self.board.selected and not item.read and not self._is_too_small():
            item.read = True
            self.query_one("#keys", Lines).show(self._keys())

    def _is_too_small(self) -> bool:
        return self.size.width < NARROWEST or self.size.height < SHORTEST

    def _from_the_top(self) -> None:
        self.query_one(Paper).scroll_home(animate=False)
        self.draw()

    def _header(self, width: int) -> Line:
        """Gateways and sessions; what does not fit is counted."""
        sessions = [session for group in self.board.sessions.values() for session in group]
        count = len(self.board.sessions)
        spans = [Span(f" rule-of-two console  {count} gateway{'' if count == 1 else 's'} ", Style.HEADLINE)]
        for number, session in enumerate(sessions):
            more = Span(f"  +{len(sessions) - number}", Style.DIM)
            room = width - line_width(spans) - (more.width if number + 1 < len(sessions) else 0)
            held = Span(_held(session), Style.LABEL)
            names = (f" {clip(session.client, 20)} {clip(session.id, 12)} ", f" {clip(session.client, 20)} ", " ")
            fitting = [name for name in names if Span(name).width + held.width <= room]
            if not fitting:
                return (*spans, more)
            spans += [Span(fitting[0]), held]
        return tuple(spans)

    def _list(self, width: int, now: datetime) -> list[Line]:
        """The waiting questions around the selected one; in other views there is no list."""
        items, selected = self.board.items, self.board.selected
        if selected is None or self.board.face is not Face.QUESTION:
            return []
        place = items.index(selected)
        height = LIST_LINES if self.size.height > _LOW else 1
        first = max(0, min(place - height // 2, len(items) - height))
        lines: list[Line] = []
        for number, item in enumerate(items[first : first + height], first):
            mark = Span(f"{'▸' if item is selected else ' '}{number + 1:>2}/{len(items)} ", Style.KEY_OFF)
            lines.append((mark, *item.view.row(width - mark.width - 1, now)))
        return lines

    def _keys(self) -> list[Line]:
        item = self.board.selected
        if item is None:
            return keys_lines([("q", "quit")], self.size.width)
        keys = list(QUESTION_KEYS) if item.read else [NOT_YET, *QUESTION_KEYS[1:]]
        back = {Face.ARGUMENTS: "a", Face.WHY: "w"}.get(self.board.face)
        keys = [(key, "back") if key == back else (key, text) for key, text in keys]
        if len(self.board.items) > 1:
            keys.append(("tab", "next"))
        return keys_lines(keys, self.size.width)

    def _empty(self, width: int) -> list[Line]:
        count = len(self.board.sessions)
        if count:
            where = "A question appears here at once, and the bell rings."
        else:
            folder = visible(str(self._state))
            where = f"No gateway is running on {folder}. Start one (rule-of-two serve): it is found at once."
        text = (
            "Nothing to decide.",
            "This console waits for calls that would bring untrusted [A], private [B] and acting [C] together.",
            where,
        )
        return [line for paragraph in text for line in (BLANK, *wrap([Span("  " + paragraph)], width - 2, indent="  "))]


def _notice(notice: str, width: int) -> list[Line]:
    return [(Span(" "), *line) for line in wrap([Span(notice, Style.WARNING)], width - 2)] if notice else []


def _held(session: SessionStatus) -> str:
    labels = "".join(f"[{label if label in session.held else ' '}]" for label in "ABC")
    return labels + (" frozen" if session.frozen else " C dropped" if session.dropped else "")
