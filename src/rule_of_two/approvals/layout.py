"""What there is to read on the full-screen console now, as lines. No I/O."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals import console_text
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.items import Item
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.question_list import Face
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import Line

_FEWEST_ARGUMENT_LINES: Final = 4


class Sheet(Struct, frozen=True):
    """``end``: the line that has to be on screen before it counts as read, if it can. ``place``: the line to have in
    sight."""

    lines: Sequence[Line]
    end: int | None = None
    place: int | None = None

    @classmethod
    def whole(cls, lines: Sequence[Line], place: int | None = None) -> Sheet:
        """One that is read when its last line was on screen."""
        return cls(lines, len(lines) - 1, place)


class Layout:
    """Lays out what is on ``board``, for who answers as ``signer``. ``state``: where gateways are looked for."""

    def __init__(self, board: Board, signer: Signer, state: str) -> None:
        self._board = board
        self._signer = signer
        self._state = state
        self._row: tuple[Hashable, int, list[Line]] | None = None
        """The row of a list that was laid out last, its width, and its lines."""

    def sheet(self, width: int, rows: int, now: datetime) -> Sheet:
        """What is to be read. The question itself is laid out to fit into so many ``rows``."""
        board = self._board
        if board.aside is not None:
            return self._aside(board.aside, width, now)
        item = board.shown
        if item is None:
            return Sheet(console_text.panel(board, self._state, width, rows))
        if board.face is Face.QUESTION:
            return self._question(item, width, rows, now)
        if board.face is Face.WHY:
            return Sheet(item.view.why(width, now))
        if board.picking is not None:
            return self._came_back(item, board.picking, width)
        terms = board.confirmation.terms
        lines = item.view.arguments(width) if terms is None else item.view.terms(terms, width)
        # Of what came back, the list is what has to be read.
        return Sheet.whole(lines) if item.picks is None else Sheet(lines)

    def _question(self, item: Item, width: int, rows: int, now: datetime) -> Sheet:
        notes = console_text.notes(item, self._board, self._signer)
        besides = len(item.view.page(width, now, argument_lines=1, notes=notes).lines) - 1
        limit = max(_FEWEST_ARGUMENT_LINES, rows - besides)
        page = item.view.page(width, now, argument_lines=limit, notes=notes)
        return Sheet(page.lines, page.arguments_end)

    def _came_back(self, item: Item, picks: Picks, width: int) -> Sheet:
        """The list, or one item's text."""
        if self._board.face is Face.TEXT:
            return Sheet(item.view.item(picks, width))
        return Sheet.whole(*item.view.items(picks, width))

    def _aside(self, aside: Aside[Any], width: int, now: datetime) -> Sheet:
        """The list, or one row of it: that is laid out once for all times that it is drawn, as it can be long."""
        row = aside.chosen
        if not aside.open or row is None:
            lines, place = aside.list_lines(width, now)
            return Sheet(lines, place=place)
        if self._row is None or self._row[:2] != (row.key, width):
            self._row = (row.key, width, aside.row_lines(row, width, now))
        return Sheet.whole(self._row[2])
