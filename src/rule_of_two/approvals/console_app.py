"""The console: a terminal in which a human reads questions and answers them.

Draws what :mod:`~.board`, :mod:`~.render` and :mod:`~.console_text` say. Every text goes to the terminal as a finished
span: no markup of any kind is parsed, whoever wrote the text.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size

from rule_of_two.approvals import console_text
from rule_of_two.approvals.board import Board, Face
from rule_of_two.approvals.change_list import ChangeList, ChangeRow
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import REFUSING, Choice
from rule_of_two.approvals.console_widgets import Lines, Paper
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.definition_view import change_lines, row_lines
from rule_of_two.approvals.items import Deed, Item
from rule_of_two.approvals.messages import ToConsole
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.render import NARROWEST
from rule_of_two.approvals.review import Review
from rule_of_two.approvals.sentences import KEY_OF, ours
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import Line
from rule_of_two.approvals.withheld_view import review_lines, withheld_lines
from rule_of_two.escape import visible

LIST_LINES: Final = 3
"""Waiting questions that are listed at once, one on a low terminal; the list moves with the selection."""

_LOW: Final = 25
"""Lines of a terminal that has no room to spare."""

SHORTEST: Final = 12
"""Lines of a terminal below which nobody can say yes: the question would not be readable."""

_FEWEST_ARGUMENT_LINES: Final = 4
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
        Binding("h", "look_back"),
        Binding("e", "endorse"),
        Binding("c", "look_at_changes"),
        Binding("p", "accept"),
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
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=True)
        self.board = Board()
        self._state = state
        self._signer = signer
        self._now = now
        self._monotonic = monotonic
        self._client = DeskClient(state, self._hear)
        self._end: int | None = None
        """The line that has to be on screen before the arguments, or the terms, count as read."""
        self._drawn = 0
        """What of :attr:`Board.showing` was drawn last."""
        self._place: int | None = None
        """The line to have in sight once the page is drawn."""
        self._stale = False
        self._rings = False
        self._turned = False
        """Something else is to be read than what was drawn, so from its beginning."""
        self._row: tuple[tuple[object, ...], int, list[Line]] | None = None
        """The row of changed definitions that was laid out last, its width, and its lines."""

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
        self.run_worker(self._client.run(), exit_on_error=True)
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
            return self.board.terms is not None
        if action == "step":
            return self._has_marker()
        return True

    def action_press(self, choice: str) -> None:
        """A key that answers the question on screen, or is done to the chosen session."""
        said = Choice(choice)
        if self._is_too_small() and said not in REFUSING:
            self.board.notice = ours(f"Make the terminal at least {NARROWEST} by {SHORTEST}.")
            self.draw()
            return
        face = self.board.face
        self._send(self.board.press(said, at=self._monotonic(), now=self._now()))
        if self.board.face is not face:
            self.query_one(Paper).scroll_home(animate=False)
        self.draw()

    def action_endorse(self) -> None:
        """Vouch for the item that was held back."""
        if self._is_too_small():
            self.board.notice = ours(f"Make the terminal at least {NARROWEST} by {SHORTEST}.")
        else:
            self._send(self.board.endorse(at=self._monotonic(), now=self._now()))
        self.draw()

    def action_accept(self) -> None:
        """Accept what is on screen of what servers changed."""
        if self._is_too_small():
            self.board.notice = ours(f"Make the terminal at least {NARROWEST} by {SHORTEST}.")
        else:
            self._send(self.board.settle(Verdict.ACCEPT, at=self._monotonic(), now=self._now()))
        self.draw()

    def _send(self, deed: Deed | None) -> None:
        if deed is not None and not self._signer.send(deed, self._client, self._now()):
            self.board.not_sent(deed)

    def action_adjust(self, uses: int, minutes: int) -> None:
        """Other terms of a grant."""
        self.board.adjust(uses=uses, minutes=minutes)
        self._from_the_top()

    def action_turn(self, face: str) -> None:
        """All arguments, or why; the same key goes back."""
        self.board.turn(Face(face))
        self._from_the_top()

    def action_close(self) -> None:
        """Leave what is to be confirmed, else go back to the question."""
        left = self.board.leave()
        if not left and self.board.reviewing:
            self.board.look_back(on=self.board.review.open)
        elif not left and self.board.changing:
            self.board.look_at_changes(on=self.board.changes.open)
        elif not left:
            self.board.turn(self.board.face)
            self.board.list_sessions(on=False)
        self._from_the_top()

    def action_look(self) -> None:
        """The item that the marker is at, or the list again."""
        if self.board.reviewing:
            self.board.look_back(on=True, text=not self.board.review.open)
            self._from_the_top()
        elif self.board.changing:
            self.board.look_at_changes(on=True, text=not self.board.changes.open)
            self._from_the_top()
        elif self.board.picking is not None:
            self.board.turn(Face.ITEMS if self.board.face is Face.TEXT else Face.TEXT)
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

    def action_look_back(self) -> None:
        """What was held back, or the question again."""
        self.board.look_back()
        self._from_the_top()

    def action_look_at_changes(self) -> None:
        """What servers changed, or the question again."""
        self.board.look_at_changes()
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
            self.query_one(Paper).scroll_home(animate=False)
        board, now, width = self.board, self._now(), self.size.width
        around = self._around(now)
        self.query_one("#header", Lines).show([console_text.header(board, self._signer, width)])
        for part, lines in around.items():
            self.query_one(f"#{part}", Lines).show(lines)
        rows = self.size.height - 1 - sum(map(len, around.values()))
        self.query_one(Paper).show(self._page(width - 1, rows, now))
        if self._place is not None:
            self.query_one(Paper).keep_in_sight(self._place)
            self._place = None
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
        self.board.tick(self._monotonic(), self._now())
        self.draw()

    def _follow_terminal(self) -> None:
        """Lay out anew for the size that the terminal has, also when its word of a change was lost."""
        if self.is_headless or sys.__stdin__ is None:
            return
        with suppress(OSError, ValueError):
            size = Size(*os.get_terminal_size(sys.__stdin__.fileno()))
            if size != self.size:
                self.post_message(Resize(size, size))

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

    def _page(self, width: int, rows: int, now: datetime) -> Sequence[Line]:
        """What is to be read. The question itself is laid out to fit on the screen."""
        item, face = self.board.selected, self.board.face
        self._end = None
        if self.board.aside is not None:
            return self._aside(width, now)
        if item is None or self.board.listing:
            return console_text.panel(self.board, visible(str(self._state)), width, rows)
        if face is Face.QUESTION:
            return self._question(item, width, rows, now)
        if face is Face.WHY:
            return item.view.why(width, now)
        if item.picks is not None and face in {Face.ITEMS, Face.TEXT}:
            return self._came_back(item, item.picks, width)
        terms = self.board.terms
        lines = item.view.arguments(width) if terms is None else item.view.terms(terms, width)
        if item.picks is None:  # of what came back, the list is what has to be read
            self._end = len(lines) - 1
        return lines

    def _came_back(self, item: Item, picks: Picks, width: int) -> Sequence[Line]:
        """The list, or one item's text."""
        if self.board.face is Face.TEXT:
            return item.view.item(picks, width)
        lines, self._place = item.view.items(picks, width)
        self._end = len(lines) - 1
        return lines

    def _aside(self, width: int, now: datetime) -> Sequence[Line]:
        """What is on screen instead of a question."""
        if self.board.changing:
            return self._changed(self.board.changes, width)
        return self._held_back(self.board.review, width, now)

    def _held_back(self, review: Review, width: int, now: datetime) -> Sequence[Line]:
        """The list, or one item's text."""
        if review.open and review.chosen is not None:
            text = withheld_lines(review.chosen.withheld, width, now)
            self._end = len(text) - 1
            return text
        lines, self._place = review_lines(review, width, now)
        return lines

    def _changed(self, changes: ChangeList, width: int) -> Sequence[Line]:
        """The list, or one row's changes."""
        if changes.open and changes.chosen is not None:
            lines = self._laid_out(changes.chosen, width)
            self._end = len(lines) - 1
            return lines
        lines, self._place = change_lines(changes, width)
        return lines

    def _laid_out(self, row: ChangeRow, width: int) -> list[Line]:
        """Once for all times that it is drawn: it can be long."""
        if self._row is None or self._row[:2] != (row.key, width):
            self._row = (row.key, width, row_lines(row, width))
        return self._row[2]

    def _question(self, item: Item, width: int, rows: int, now: datetime) -> Sequence[Line]:
        notes = console_text.notes(item, self.board, self._signer)
        besides = len(item.view.page(width, now, argument_lines=1, notes=notes).lines) - 1
        limit = max(_FEWEST_ARGUMENT_LINES, rows - besides)
        page = item.view.page(width, now, argument_lines=limit, notes=notes)
        self._end = page.arguments_end
        return page.lines

    def _look(self, showing: int) -> None:
        """After the screen was drawn: note what a human can see by now."""
        if not self.is_running:
            return
        board = self.board
        board.painted(showing, self._monotonic())
        seen = self._end is not None and self.query_one(Paper).last_visible() >= self._end
        if not seen or showing != board.showing or self._is_too_small():
            return
        if board.reviewing:
            board.review.read |= set() if board.review.chosen is None else {board.review.chosen.key}
        elif board.changing:
            board.changes.read |= set() if board.changes.chosen is None else {board.changes.chosen.key}
        elif board.terms is not None:
            board.terms_read = True
        elif board.selected is not None and not board.selected.read:
            board.selected.read = True
            self.query_one("#keys", Lines).show(console_text.keys(board, self.size.width))

    def _has_marker(self) -> bool:
        """Whether a list is on screen in which the arrow keys choose."""
        board = self.board
        if board.aside is not None:
            return not board.aside.open
        return board.listing or board.face is Face.ITEMS

    def _is_too_small(self) -> bool:
        return self.size.width < NARROWEST or self.size.height < SHORTEST

    def _from_the_top(self) -> None:
        if not self._has_marker():
            self.query_one(Paper).scroll_home(animate=False)
        self.draw()
