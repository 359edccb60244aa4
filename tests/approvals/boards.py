"""For tests of what a console knows: boards with questions on screen, and keys pressed at a moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.items import Deed, Item
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    GatewayHello,
    SessionStatus,
)
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.approvals.spans import line_text
from tests.approvals import samples
from tests.approvals.samples import NOW

READY = 100 + SETTLE_SECONDS


EVERY = tuple(choice for choice in Choice if choice is not Choice.WITHOUT)


CONFIRMED = (Choice.DROP, Choice.GRANT, Choice.NEW)


def a_question(**members: Any) -> Question:
    """One that lives long enough for every test."""
    return samples.a_question(**{"wait": timedelta(hours=9), **members})


def asked(board: Board, question: Question, gateway: str = "g1") -> None:
    board.hear(gateway, Asked(question=question))


def on_screen(board: Board, *, read: bool = True, at: float = 100) -> Item:
    """The selected question, painted at ``at``."""
    assert board.selected is not None
    board.painted(board.showing, at)
    board.selected.read = read
    return board.selected


def press(board: Board, choice: Choice = Choice.YES, at: float = READY, late: float = 0) -> Deed | None:
    """``late``: by how many seconds the wall clock has moved more than the monotonic one."""
    return Keypad(board).press(choice, at=at, now=NOW + timedelta(seconds=at - READY + late))


def said(board: Board) -> str:
    """What the console says."""
    return " ".join(map(line_text, board.words))


def begun(board: Board, choice: Choice) -> Item:
    """A confirmation that has been on screen long enough: at 200 the next key counts."""
    item = on_screen(board)
    press(board, choice)
    assert board.confirmation.of is choice
    board.confirmation.terms_read = True
    board.painted(board.showing, 199)
    return item


def status(number: int = 1, **members: object) -> SessionStatus:
    return SessionStatus(id=f"s-{number}", client="claude", held=frozenset(("A",)), **members)  # type: ignore[arg-type]  # members of a status, passed on


def a_board() -> Board:
    """One that a gateway is attached to."""
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    return board
