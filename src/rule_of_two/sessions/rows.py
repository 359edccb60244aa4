"""The rows of sessions, and which of them count against each other's calls. Each function runs in a transaction."""

from __future__ import annotations

import sqlite3
from typing import Any, Final, NamedTuple

from rule_of_two.model import ORDER, Label
from rule_of_two.sessions.compartments import Readers, read_readers
from rule_of_two.sessions.key import SessionKey

_SELECT: Final = (
    "SELECT s.rowid, s.id, s.key, s.boundary, s.held_a, s.held_b, s.held_c, s.dropped, s.frozen, s.readers "
    "FROM sessions s "
)
_OF_CONNECTION: Final = f"{_SELECT} JOIN connections c ON c.session = s.id WHERE c.id = ? AND c.closed_at IS NULL"
_OF_ID: Final = f"{_SELECT} WHERE s.id = ?"
_CONVERSATIONS: Final = (
    f"{_SELECT} WHERE s.ended_at IS NULL AND s.boundary = 'conversation' AND s.key != ?1 "
    "AND json_remove(s.key, '$.conversation') = json_remove(?1, '$.conversation')"
)
_BASES: Final = f"{_SELECT} WHERE s.key = ? ORDER BY s.rowid"
_ALL_RESERVED: Final = "SELECT session, number, labels FROM reservations ORDER BY number"
_RESERVED: Final = "SELECT number, labels FROM reservations WHERE session = ? ORDER BY number"


class Row(NamedTuple):
    """A session as its own row says it. Newer sessions have a greater ``place``."""

    place: int
    id: str
    key: str
    boundary: str
    held: dict[Label, int]
    dropped: bool
    frozen: bool
    readers: Readers = None
    """Who may read everything private that it holds."""


def row_of_connection(db: sqlite3.Connection, connection: str) -> Row | None:
    """The session of a connection that is recorded and not closed."""
    row = db.execute(_OF_CONNECTION, (connection,)).fetchone()
    return None if row is None else _row(row)


def row_of_session(db: sqlite3.Connection, session: str) -> Row | None:
    """One session by id, or ``None``."""
    row = db.execute(_OF_ID, (session,)).fetchone()
    return None if row is None else _row(row)


def conversations_beside(db: sqlite3.Connection, row: Row) -> list[Row]:
    """To the session of everything that names no conversation: the open ones of every conversation of the client."""
    return [_row(one) for one in db.execute(_CONVERSATIONS, (row.key,)).fetchall()]


def bases_beside(db: sqlite3.Connection, row: Row) -> list[Row]:
    """To a conversation's session, or one that names none: all that ever were of what names none, oldest first."""
    return [_row(one) for one in db.execute(_BASES, (SessionKey.read(row.key).base.text,)).fetchall()]


def since(bases: list[Row], conversation: Row) -> list[Row]:
    """From the one in which a conversation began on.

    One that a person has ended since still counts: what came in it came into this conversation too. Places say which
    was first, not times, so that no clock can wash.
    """
    began = max((one.place for one in bases if one.place < conversation.place), default=0)
    return [one for one in bases if one.place >= began]


def reserved_in(db: sqlite3.Connection, session: str) -> dict[Label, int]:
    """The labels that calls of a session have reserved, with the number of the first."""
    reserved: dict[Label, int] = {}
    for number, labels in db.execute(_RESERVED, (session,)):
        _add(reserved, number, labels)
    return reserved


def reserved_everywhere(db: sqlite3.Connection) -> dict[str, dict[Label, int]]:
    """The same of every session in which a call is under way."""
    found: dict[str, dict[Label, int]] = {}
    for session, number, labels in db.execute(_ALL_RESERVED):
        _add(found.setdefault(session, {}), number, labels)
    return found


def _add(reserved: dict[Label, int], number: int, labels: str) -> None:
    for label in ORDER:
        if label in labels:
            reserved.setdefault(label, number)


def is_base(row: Row) -> bool:
    """Whether it is the session of everything that names no conversation."""
    return not SessionKey.read(row.key).conversation


def _row(row: Any) -> Row:
    place, session, key, boundary, *held, dropped, frozen, readers = row
    known = {label: number for label, number in zip(ORDER, held, strict=True) if number is not None}
    left = read_readers(readers) if "B" in known else None
    return Row(place, session, key, boundary, known, bool(dropped), bool(frozen), left)
