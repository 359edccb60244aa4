"""What a session holds: reading it, reserving for a call, settling the call. Each function runs in a transaction.

# INVARIANT: nothing here removes a label from a session; `tests/sessions/test_labels.py` holds it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from rule_of_two.model import Label, Labels, SessionView, labels_in
from rule_of_two.sessions.rows import ORDER, Row, bases_beside, conversations_beside, is_base, row_of_session

AMBIENT: Final = 0
"""The call number of labels that no call brought: joined at start by the operator, or from state that was lost."""

_JOIN: Final = (
    "UPDATE sessions SET held_a = coalesce(held_a, ?), held_b = coalesce(held_b, ?), held_c = coalesce(held_c, ?) "
    "WHERE id = ?"
)


def view_of_session(db: sqlite3.Connection, session: str) -> SessionView | None:
    """One session by id, or ``None``."""
    row = row_of_session(db, session)
    return None if row is None else view_of(db, row)


def view_of(db: sqlite3.Connection, row: Row) -> SessionView:
    """A session, with what counts against its calls besides.

    # INVARIANT: what names no conversation can come from, and go to, any of them. So what each conversation holds
    # counts, as reserved, against a request that names none, and the other way round; two conversations do not count
    # against each other (tests/attacks/test_conversations.py).
    """
    base = row.boundary == "conversation" and is_base(row)
    beside: list[Row] = []
    if row.boundary == "conversation":
        beside = conversations_beside(db, row) if base else bases_beside(db, row)
    reserved: dict[Label, int] = {}
    for one in (row, *beside):
        _count(reserved, _reservations(db, one.id))
        if one is not row:
            _count(reserved, one.held)
    return SessionView(
        id=row.id,
        held=row.held,
        reserved=reserved,
        dropped=row.dropped or (not base and any(one.dropped for one in beside)),
        frozen=row.frozen or any(one.frozen for one in beside),
    )


def _reservations(db: sqlite3.Connection, session: str) -> dict[Label, int]:
    reserved: dict[Label, int] = {}
    query = "SELECT number, labels FROM reservations WHERE session = ? ORDER BY number"
    for number, labels in db.execute(query, (session,)):
        for label in ORDER:
            if label in labels:
                reserved.setdefault(label, number)
    return reserved


def _count(reserved: dict[Label, int], more: dict[Label, int]) -> None:
    for label, number in more.items():
        reserved[label] = min(number, reserved.get(label, number))


def reserve(db: sqlite3.Connection, number: int, session: str, connection: str, labels: Labels, at: str) -> None:
    """Count ``labels`` against every other call of the session until :func:`settle`."""
    db.execute(
        "INSERT INTO reservations (number, session, connection, labels, at) VALUES (?, ?, ?, ?, ?)",
        (number, session, connection, "".join(sorted(labels)), at),
    )


def settle(db: sqlite3.Connection, number: int, session: str, joined: Labels) -> bool:
    """End the reservation of call ``number`` and join what it really brought. False: there was no reservation."""
    join(db, session, joined, number)
    return db.execute("DELETE FROM reservations WHERE number = ?", (number,)).rowcount > 0


def join(db: sqlite3.Connection, session: str, labels: Labels, number: int) -> None:
    """Add labels to a session; a label that it holds keeps its first number."""
    if labels:
        db.execute(_JOIN, (*(number if label in labels else None for label in ORDER), session))


def join_reservations(db: sqlite3.Connection, connection: str) -> None:
    """Take every open reservation of a connection that is gone for something that happened, where its call began."""
    query = "SELECT number, session, labels FROM reservations WHERE connection = ?"
    for number, session, labels in db.execute(query, (connection,)).fetchall():
        settle(db, number, session, labels_in(labels))
