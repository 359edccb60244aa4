"""The console: a terminal in which a human reads questions and answers them.

Draws what :mod:`~.layout` and :mod:`~.console_text` say of the board. Every text goes to the terminal as a finished
span: no markup of any kind is parsed, whoever wrote the text.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size

from rule_of_two.approvals import console_text
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.console_widgets import Lines, Paper
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.layout import Layout
from rule_of_two.approvals.messages import ToConsole
from rule_of_two.approvals.question_list import Face
from rule_of_two.approvals.render import NARROWEST
from rule_of_two.approvals.seat import Seat, wall
from rule_of_two.approvals.sentences import KEY_OF, ours
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import Line
from rule_of_two.escape import visible

LIST_LINES: Final = 3
"""Waiting questions that are listed at once, one on a low terminal; the list moves with the selection."""

_LOW: Final = 25
"""Lines of a terminal that has no room to spare."""

SHORTEST: Final = 12
"""Lines of a terminal below which nobody can say yes: the question would not be readable."""

_LEAVE: Final = ours("Calls are waiting; without a console they are refused. Press q again to leave.")


class ConsoleApp(App[None]):
    """The whole terminal."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { layout: vertical; } Paper { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"press('{choice}')") for choice, key in KEY_OF.items()),
        Binding("a", "turn('arguments')"),
        Binding("w", "turn('why')"),
        Binding("i", "turn('items')"),
        Binding("enter", "look"),
        Binding("space", "mark(False)"),
        Binding("m", "mark(True)"),
        Binding("l", "list_sessions"),
        Binding("h", "look_at('h')"),
        Binding("e", "accept('h')"),
        Binding("c", "look_at('c')"),
        Binding("p", "accept('c')"),
        Binding("escape", "close"),
        Binding("q,ctrl+c,ctrl+q", "leave", priority=True),
        Binding("up,plus", "adjust(1, 0)", priority=True),
        Binding("down,minus", "adjust(-1, 0)", priority=True),
        Binding("right", "adjust(0, 5)", priority=True),
        Binding("left", "adjust(0, -5)", priority=True),
        Binding("down", "step(1)", priority=True),
        Binding("up", "step(-1)", priority=True),
        Binding("tab,right", "select(1)", priority=True),
        Binding("shift+tab,left", "select(-1)", priority=True),
    ]

    def __init__(
        self,
        state: Path,
        signer: Signer,
        *,
        now: Callable[[], datetime] = wall,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=True)
        self.animation_level = "none"
        self._seat = Seat(
            state, signer, self._hear, follows=True, too_small=self._too_small, now=now, monotonic=monotonic
        )
        self.board = self._seat.board
        self._layout = Layout(self.board, signer, visible(str(state)))
        self._end: int | None = None
        """The line that has to be on screen before what is read counts as read."""
        self._drawn = 0
        """What of :attr:`Board.showing` was drawn last."""
        self._stale = False
        self._rings = False
        self._turned = False
        """Something else is to be read than what was drawn, so from its beginning."""

    def compose(self) -> ComposeResult:
        """Header, list, question or sessions, notice, keys."""
        yield Lines(id="header")
        yield Lines(id="list")
        yield Paper(id="paper")
        yield Lines(id="notice")
        yield Lines(id="keys")

    def on_mount(self) -> None:
        """Begin to look for gateways."""
        self.query_one(Paper).focus()
        self.set_interval(1, self._tick)
        self.run_worker(self._seat.client.run(), exit_on_error=True)
        self._tick()

    def on_resize(self) -> None:
        """Lay everything out again."""
        self.call_after_refresh(self.draw)

    def on_paper_scrolled(self) -> None:
        """The end of the arguments may have come into sight."""
        self._look(self._drawn)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The arrow keys change the terms of a grant, or choose a session or an item, or else scroll and turn to the
        next one."""
        if action == "adjust":
            return self.board.confirmation.terms is not None
        if action == "step":
            return self._has_marker()
        return True

    def action_press(self, choice: str) -> None:
        """A key that answers the question on screen, or is done to the chosen session."""
        face = self.board.face
        self._seat.press(Choice(choice))
        if self.board.face is not face:
            self.query_one(Paper).to_top()
        self.draw()

    def action_accept(self, letter: str) -> None:
        """A yes to what is on screen of one of the lists."""
        self._seat.settle(self.board.asides[letter], Verdict.ACCEPT)
        self.draw()

    def action_adjust(self, uses: int, minutes: int) -> None:
        """Other terms of a grant."""
        self.board.confirmation.adjust(uses=uses, minutes=minutes)
        self._from_the_top()

    def action_turn(self, face: str) -> None:
        """All arguments, or why; the same key goes back."""
        self.board.turn(Face(face))
        self._from_the_top()

    def action_close(self) -> None:
        """Leave what is to be confirmed, else go back: to the list, or to the question."""
        board = self.board
        left = board.leave()
        if not left and board.aside is not None:
            board.look_at(board.aside, on=board.aside.open)
        elif not left:
            board.turn(board.face)
            board.list_sessions(on=False)
        self._from_the_top()

    def action_look(self) -> None:
        """What the marker is at, or the list again."""
        board = self.board
        if board.aside is not None:
            board.look_at(board.aside, on=True, text=not board.aside.open)
            self._from_the_top()
        elif board.picking is not None:
            board.turn(Face.ITEMS if board.face is Face.TEXT else Face.TEXT)
            self._from_the_top()

    def action_mark(self, every: bool) -> None:  # Textual passes it by place
        """Mark an item, or all of them, or take the marks away."""
        if self.board.picking is not None:
            self.board.mark(every=every)
            self.draw()

    def action_list_sessions(self) -> None:
        """The sessions, or the question again."""
        self.board.list_sessions()
        self._from_the_top()

    def action_look_at(self, letter: str) -> None:
        """One of the lists, or the question again."""
        self.board.look_at(self.board.asides[letter])
        self._from_the_top()

    def action_select(self, step: int) -> None:
        """Another question; session or item where those are on screen."""
        if self.board.picking is None:
            self.board.select(step)
        else:
            self.board.go(step)
        self._from_the_top()

    action_step = action_select

    def action_leave(self) -> None:
        """Quit; asked twice while calls wait, as leaving refuses them."""
        if self.board.items and self.board.notice != _LEAVE:
            self.board.leave()
            self.board.notice = _LEAVE
            self.draw()
        else:
            self.exit()

    def draw(self) -> None:
        """Show the board as it is now.

        # INVARIANT: a console that closes draws nothing: its widgets go before the last message comes;
        tests/approvals/test_console_app.py.
        """
        self._stale = False
        if not self.is_running:
            return
        if self._turned:
            self._turned = False
            self.query_one(Paper).to_top()
        board, now, width = self.board, self._seat.now(), self.size.width
        around = self._around(now)
        self.query_one("#header", Lines).show([console_text.header(board, self._seat.signer, width)])
        for part, lines in around.items():
            self.query_one(f"#{part}", Lines).show(lines)
        rows = self.size.height - 1 - sum(map(len, around.values()))
        sheet, paper = self._layout.sheet(width - 1, rows, now), self.query_one(Paper)
        self._end = sheet.end
        paper.show(sheet.lines)
        if sheet.place is not None:
            paper.keep_in_sight(sheet.place)
        self._drawn = board.showing
        self.call_after_refresh(self._look, self._drawn)

    def _around(self, now: datetime) -> dict[str, list[Line]]:
        board, width = self.board, self.size.width
        height = LIST_LINES if self.size.height >= _LOW else 1
        return {
            "list": console_text.questions(board, width, height, now),
            "notice": console_text.words(board, width),
            "keys": console_text.keys(board, width),
        }

    def _tick(self) -> None:
        self._follow_terminal()
        self._seat.tick()
        self.draw()

    def _follow_terminal(self) -> None:
        """Lay out anew for the size that the terminal has, also when its word of a change was lost."""
        size = self._terminal()
        if size != self.size:
            self.post_message(Resize(size, size))

    def _terminal(self) -> Size:
        """The size that the terminal has now, whether or not anything was laid out for it yet."""
        if not self.is_headless and sys.__stdin__ is not None:
            with suppress(OSError, ValueError):
                return Size(*os.get_terminal_size(sys.__stdin__.fileno()))
        return self.size

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        """Many messages in a row are drawn once, and ring once."""
        showing = self.board.showing
        self._rings = self.board.hear(gateway, message) or self._rings
        self._turned = self._turned or self.board.showing != showing
        if not self._stale:
            self._stale = True
            self.call_later(self._draw_heard)

    def _draw_heard(self) -> None:
        if self._rings:
            self.bell()
            self._rings = False
        self.draw()

    def _look(self, showing: int) -> None:
        """After the screen was drawn: note what a human can see by now."""
        if not self.is_running:
            return
        board = self.board
        self._seat.painted(showing)
        seen = self._end is not None and self.query_one(Paper).last_visible() >= self._end
        if seen and showing == board.showing and not self._too_small() and board.seen():
            self.query_one("#keys", Lines).show(console_text.keys(board, self.size.width))

    def _has_marker(self) -> bool:
        """Whether a list is on screen in which the arrow keys choose."""
        board = self.board
        if board.aside is not None:
            return not board.aside.open
        return board.listing or board.face is Face.ITEMS

    def _too_small(self) -> str:
        """Why what is on screen cannot be read, if it cannot.

        # INVARIANT: a yes counts only for what was laid out for the terminal as it is when the key is pressed;
        # tests/attacks/test_console_sizes.py.
        """
        size = self._terminal()
        if min(size.width, self.size.width) < NARROWEST or min(size.height, self.size.height) < SHORTEST:
            return f"Make the terminal at least {NARROWEST} by {SHORTEST}."
        return "" if size == self.size else "The terminal has changed its size: look again."

    def _from_the_top(self) -> None:
        if not self._has_marker():
            self.query_one(Paper).to_top()
        self.draw()
