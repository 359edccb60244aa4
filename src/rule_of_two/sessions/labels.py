"""What a session holds: reading it, reserving for a call, settling the call. Each function runs in a transaction.

# INVARIANT: nothing here removes a label from a session; `tests/sessions/test_labels.py` holds it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from rule_of_two.errors import StoreError
from rule_of_two.model import Label, Labels, SessionView, labels_in

AMBIENT: Final = 0
"""The call number of labels that no call brought: joined at start by the operator, or from state that was lost."""

_VIEW: Final = (
    "SELECT s.id, s.held_a, s.held_b, s.held_c, s.dropped, s.frozen FROM sessions s "
    "JOIN connections c ON c.session = s.id WHERE c.id = ? AND c.closed_at IS NULL"
)
_JOIN: Final = (
    "UPDATE sessions SET held_a = coalesce(held_a, ?), held_b = coalesce(held_b, ?), held_c = coalesce(held_c, ?) "
    "WHERE id = ?"
)
_ORDER: Final[tuple[Label, ...]] = ("A", "B", "C")


def view_of_connection(db: sqlite3.Connection, connection: str) -> SessionView:
    """The session of a connection, with what other calls have reserved.

    :raises StoreError: the connection is not, or no longer, recorded.
    """
    row = db.execute(_VIEW, (connection,)).fetchone()
    if row is None:
        raise StoreError("this connection is no longer recorded in the state: restart the gateway")
    return _view(db, row)


def view_of_session(db: sqlite3.Connection, session: str) -> SessionView | None:
    """One session by id, or ``None``."""
    row = db.execute("SELECT id, held_a, held_b, held_c, dropped, frozen FROM sessions WHERE id = ?", (session,))
    found = row.fetchone()
    return None if found is None else _view(db, found)


def _view(db: sqlite3.Connection, row: tuple[str, int | None, int | None, int | None, int, int]) -> SessionView:
    session, *held, dropped, frozen = row
    reserved: dict[Label, int] = {}
    for number, labels in db.execute(
        "SELECT number, labels FROM reservations WHERE session = ? ORDER BY number", (session,)
    ):
        for label in _ORDER:
            if label in labels:
                reserved.setdefault(label, number)
    return SessionView(
        id=session,
        held={label: number for label, number in zip(_ORDER, held, strict=True) if number is not None},
        reserved=reserved,
        dropped=bool(dropped),
        frozen=bool(frozen),
    )


def reserve(db: sqlite3.Connection, number: int, session: str, connection: str, labels: Labels, at: str) -> None:
    """Count ``labels`` against every other call of the session until :func:`settle`."""
    db.execute(
        "INSERT INTO reservations (number, session, connection, labels, at) VALUES (?, ?, ?, ?, ?)",
        (number, session, connection, "".join(sorted(labels)), at),
    )


def settle(db: sqlite3.Connection, number: int, session: str, joined: Labels) -> None:
    """End the reservation of call ``number`` and join what it really brought."""
    join(db, session, joined, number)
    db.execute("DELETE FROM reservations WHERE number = ?", (number,))


def join(db: sqlite3.Connection, session: str, labels: Labels, number: int) -> None:
    """Add labels to a session; a label that it holds keeps its first number."""
    if labels:
        db.execute(_JOIN, (*(number if label in labels else None for label in _ORDER), session))


def join_reservations(db: sqlite3.Connection, connection: str) -> None:
    """Take every open reservation of a connection that is gone for something that happened, where its call began."""
    query = "SELECT number, session, labels FROM reservations WHERE connection = ?"
    for number, session, labels in db.execute(query, (connection,)).fetchall():
        settle(db, number, session, labels_in(labels))
