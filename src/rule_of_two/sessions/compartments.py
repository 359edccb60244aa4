"""Who may read what a session has read. Each function that takes a database runs in a transaction.

Each piece of private data is a compartment with readers of its own. A session keeps those whom all of its compartments
have in common; of one whose readers are not known, nobody is known to have them. Readers are who they were when the
data was read: what a platform grants or takes away later is not seen.

# INVARIANT: readers only ever become fewer, and what is not known stays so until the session ends;
# tests/sessions/test_compartments.py.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import orjson

Readers = frozenset[str] | None
"""``None``: it is not known who."""

MOST_READERS: Final = 256
"""Of one compartment. More count as not known."""


def in_common(one: Readers, other: Readers) -> Readers:
    """Who may read both."""
    return None if one is None or other is None else one & other


def enter(db: sqlite3.Connection, session: str, readers: Readers) -> None:
    """A session reads private data that these may read. To be called before it holds B for it."""
    row = db.execute("SELECT held_b, readers FROM sessions WHERE id = ?", (session,)).fetchone()
    if row is None or (row[0] is not None and row[1] is None):
        return  # there is no such session, or nobody is known who may read all that it holds
    left = readers if row[0] is None else in_common(read_readers(row[1]), readers)
    db.execute("UPDATE sessions SET readers = ? WHERE id = ?", (_written(left), session))


def take_over(db: sqlite3.Connection, old: str, new: str) -> None:
    """What one session has read counts in another one too. To be called before that holds B for it."""
    row = db.execute("SELECT held_b, readers FROM sessions WHERE id = ?", (old,)).fetchone()
    if row is not None and row[0] is not None:
        enter(db, new, read_readers(row[1]))


def read_readers(text: object) -> Readers:
    """Readers as they stand in the state. What is no list of texts says nothing."""
    try:
        found = orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return None
    return frozenset(found)


def _written(readers: Readers) -> str | None:
    if readers is None or len(readers) > MOST_READERS:
        return None
    try:
        return orjson.dumps(sorted(readers)).decode()
    except (TypeError, orjson.JSONEncodeError):  # no texts, or none of Unicode
        return None
