"""What a session holds: reading it, reserving for a call, settling the call. Each function runs in a transaction.

# INVARIANT: nothing here removes a label from a session; `tests/sessions/test_labels.py` holds it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final

from rule_of_two.model import ORDER, Held, Labels, SessionView, earliest, labels_in
from rule_of_two.records import replace
from rule_of_two.sessions.compartments import Readers, enter, in_common
from rule_of_two.sessions.rows import (
    Row,
    bases_beside,
    conversations_beside,
    is_base,
    reserved_everywhere,
    reserved_in,
    row_of_session,
    since,
)

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

    # INVARIANT: what names no conversation can come from, and go to, any of them. So what it holds counts, as reserved,
    # in each conversation, and it is judged by each of them. Two conversations do not count against each other
    # (tests/attacks/test_conversations.py, tests/attacks/test_killer_loop.py).
    """
    if row.boundary != "conversation":
        return _alone(row, reserved_in(db, row.id))
    reserved, bases = reserved_everywhere(db), bases_beside(db, row)
    if not is_base(row):
        return _beside(row, since(bases, row), reserved)
    alone = _alone(row, reserved.get(row.id, {}))
    views = [_beside(one, since(bases, one), reserved) for one in conversations_beside(db, row)]
    return replace(
        alone,
        readers=None if views else alone.readers,
        reserved=earliest(alone.reserved, *(one.after for one in views)),
        frozen=any(one.frozen for one in (alone, *views)),
        beside=tuple({_as_judged(one): one for one in views}.values()),
    )


def _alone(row: Row, reserved: Held) -> SessionView:
    return SessionView(
        row.id,
        row.held,
        reserved,
        row.dropped,
        row.frozen,
        readers=_readers((row,), reserved),
        keeps_readers=row.readers is not None,
    )


def _beside(row: Row, others: list[Row], reserved: Mapping[str, Held]) -> SessionView:
    """A conversation's session, in which ``others`` count."""
    rows = (row, *others)
    under_way = earliest({}, *(reserved.get(one.id, {}) for one in rows))
    return SessionView(
        id=row.id,
        held=row.held,
        reserved=earliest(under_way, *(one.held for one in others)),
        dropped=any(one.dropped for one in rows),
        frozen=any(one.frozen for one in rows),
        readers=_readers(rows, under_way),
        keeps_readers=row.readers is not None,
    )


def _readers(rows: Sequence[Row], under_way: Held) -> Readers:
    """Who may read what any of these hold; what is under way can have any readers."""
    known = [row.readers for row in rows if "B" in row.held]
    return reduce(in_common, known) if known and "B" not in under_way else None


def _as_judged(view: SessionView) -> object:
    """What can make a difference to a decision: which labels, in which order, who may read what, and what a person
    said."""
    after = view.after
    order = sorted(set(after.values()))
    return (
        frozenset((label, order.index(number)) for label, number in after.items()),
        view.readers,
        view.dropped,
        view.frozen,
    )


def reserve(db: sqlite3.Connection, number: int, session: str, connection: str, labels: Labels, at: str) -> None:
    """Count ``labels`` against every other call of the session until :func:`settle`."""
    db.execute(
        "INSERT INTO reservations (number, session, connection, labels, at) VALUES (?, ?, ?, ?, ?)",
        (number, session, connection, "".join(sorted(labels)), at),
    )


def narrow(db: sqlite3.Connection, number: int, labels: Labels) -> bool:
    """Have a reservation hold no more than ``labels`` from now on. False: there is none."""
    row = db.execute("SELECT labels FROM reservations WHERE number = ?", (number,)).fetchone()
    if row is None:
        return False
    left = labels_in(row[0]) & labels
    db.execute("UPDATE reservations SET labels = ? WHERE number = ?", ("".join(sorted(left)), number))
    return True


def settle(db: sqlite3.Connection, number: int, session: str, joined: Labels, readers: Readers = None) -> bool:
    """End the reservation of call ``number`` and join what it really brought, with who may read that. False: there was
    no reservation."""
    join(db, session, joined, number, readers)
    return db.execute("DELETE FROM reservations WHERE number = ?", (number,)).rowcount > 0


def join(db: sqlite3.Connection, session: str, labels: Labels, number: int, readers: Readers = None) -> None:
    """Add labels to a session; a label that it holds keeps its first number. ``readers`` may read the B among them."""
    if "B" in labels:
        enter(db, session, readers)
    if labels:
        db.execute(_JOIN, (*(number if label in labels else None for label in ORDER), session))


def join_reservations(db: sqlite3.Connection, connection: str) -> None:
    """Take every open reservation of a connection that is gone for something that happened, where its call began."""
    query = "SELECT number, session, labels FROM reservations WHERE connection = ?"
    for number, session, labels in db.execute(query, (connection,)).fetchall():
        settle(db, number, session, labels_in(labels))
