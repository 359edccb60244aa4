"""What servers changed, on a console: listed, read to its end, and settled by the second key."""

from __future__ import annotations

from datetime import timedelta

from rule_of_two.approvals.board import Board
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.definition_answer import (
    Verdict,
)
from rule_of_two.approvals.definition_view import change_lines, row_lines
from rule_of_two.approvals.items import Settles
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Asked,
    Changed,
    GatewayHello,
    Settled,
)
from rule_of_two.approvals.rest import SETTLE_SECONDS
from rule_of_two.approvals.spans import line_text, line_width
from tests.approvals.samples import NOW, a_question
from tests.approvals.test_changes import a_change, of_server
from tests.approvals.test_definition_desk import SUBJECT, WAITING

READY = 100 + SETTLE_SECONDS


def a_board() -> Board:
    board = Board()
    board.hear("g1", GatewayHello(protocol=PROTOCOL, gateway="g1"))
    board.hear("g1", Changed(changes=WAITING))
    return board


def press(board: Board, at: float, verdict: Verdict = Verdict.ACCEPT) -> Settles | None:
    deed = Keypad(board).settle(board.changes, verdict, at=at, now=NOW + timedelta(seconds=at))
    assert deed is None or isinstance(deed, Settles)
    return deed


def said(board: Board) -> str:
    return " ".join(map(line_text, board.words))


def test_it_is_accepted_by_the_second_key_once_it_was_read() -> None:
    board = a_board()
    assert [(row.whole, len(row.changes)) for row in board.changes.rows] == [(True, 2), (False, 1), (False, 1)]
    assert press(board, 10) is None
    assert "c shows what servers changed" in said(board)
    board.look_at(board.changes)
    board.select(1)
    board.painted(board.showing, 100)
    assert press(board, READY) is None
    assert "Read what changed to its end first: enter shows it." in said(board)
    board.look_at(board.changes, on=True, text=True)
    assert board.changes.chosen is not None
    board.changes.read.add(board.changes.chosen.key)
    assert press(board, READY + 1) is None
    assert "Accept the tool send of mail?" in said(board)
    board.painted(board.showing, READY + 2)
    assert press(board, READY + 2.1) is None, "too early"
    deed = press(board, READY + 4)
    assert deed is not None
    assert (deed.verdict, deed.row.subjects) == (Verdict.ACCEPT, (SUBJECT,))
    board.painted(board.showing, READY + 4)
    assert press(board, READY + 6) is None
    assert "on its way" in said(board)


def test_a_refusal_needs_no_reading_but_a_second_key() -> None:
    board = a_board()
    board.look_at(board.changes)
    board.painted(board.showing, 100)
    assert Keypad(board).press(Choice.NO, at=READY, now=NOW + timedelta(seconds=READY)) is None
    assert "Refuse all 2 changes of mail?" in said(board)
    board.painted(board.showing, READY)
    deed = Keypad(board).press(Choice.NO, at=READY + 1, now=NOW + timedelta(seconds=READY + 1))
    assert isinstance(deed, Settles)
    assert (deed.verdict, len(deed.row.subjects)) == (Verdict.REFUSE, 2)


def test_a_definition_that_changes_under_the_key_has_to_be_read_anew() -> None:
    board = a_board()
    board.look_at(board.changes, on=True, text=True)
    assert board.changes.chosen is not None
    board.changes.read.add(board.changes.chosen.key)
    board.painted(board.showing, 100)
    assert press(board, READY) is None
    assert board.confirmation.of is Verdict.ACCEPT
    board.hear("g1", Changed(changes=of_server(a_change(new="Sends all, and more."))))
    assert board.confirmation.of is None
    board.painted(board.showing, READY + 1)
    assert press(board, READY + 2) is None
    assert "Read what changed" in said(board)


def test_keys_that_answer_do_nothing_while_changes_are_looked_at_and_questions_come_first() -> None:
    board = a_board()
    board.look_at(board.changes)
    board.painted(board.showing, 100)
    assert Keypad(board).press(Choice.YES, at=READY, now=NOW + timedelta(seconds=READY)) is None
    assert "neither is on screen now. Here p accepts and n refuses." in said(board)
    board = a_board()
    assert board.hear("g1", Asked(question=a_question()))
    assert (board.selected is not None, board.aside) == (True, None), "a change takes no question's place"


def test_two_gateways_on_one_state_have_each_change_once() -> None:
    board = a_board()
    board.hear("g2", GatewayHello(protocol=PROTOCOL, gateway="g2"))
    board.hear("g2", Changed(changes=WAITING))
    assert board.changes.count == 2
    board.hear("g1", Settled(subject=SUBJECT, verdict=Verdict.ACCEPT, approver="alice", signed=True))
    assert [row.changes[0].name for row in board.changes.rows] == ["read"]
    board.hear("g1", None)
    assert board.changes.count == 1
    board.hear("g2", None)
    assert board.changes.rows == ()


def test_every_line_fits_and_begins_with_a_sign_of_ours() -> None:
    board = a_board()
    for width in (60, 79, 119):
        lines = [*change_lines(board.changes, width)[0], *row_lines(board.changes.rows[0], width)]
        assert all(line_width(line) <= width for line in lines)
        assert all(line_text(line)[0] in " ╭╰├│" for line in row_lines(board.changes.rows[0], width))
