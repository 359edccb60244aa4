"""What people do to a session: drop C, freeze it, refuse its questions. Each function runs in a transaction.

Dropping and freezing have no opposite: nothing here gives C back or thaws a session (DESIGN "one-way switch").
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Final

from rule_of_two.errors import StoreError

BACK_OFF: Final = (timedelta(seconds=30), timedelta(seconds=120))
"""How long nothing of a session is asked after the third refusal in a row, and after the fourth."""

_PATIENCE: Final = 3
"""Refusals in a row after which a session backs off; it is frozen with the first one after all of :data:`BACK_OFF`."""


def drop(db: sqlite3.Connection, session: str) -> None:
    """C is given up: from now on every call that carries it is denied. Grants of the session end."""
    db.execute("UPDATE sessions SET dropped = 1, refusals = 0, quiet_until = NULL WHERE id = ?", (session,))
    end_grants(db, session)


def freeze(db: sqlite3.Connection, session: str) -> None:
    """Nothing runs in the session any more."""
    db.execute("UPDATE sessions SET frozen = 1 WHERE id = ?", (session,))
    end_grants(db, session)


def refuse(db: sqlite3.Connection, session: str, now: datetime) -> bool:
    """Count a refusal by a person. Returns whether the session is frozen with it: people do not want this."""
    row = db.execute("SELECT refusals FROM sessions WHERE id = ?", (session,)).fetchone()
    refusals = (0 if row is None else int(row[0])) + 1
    if refusals >= _PATIENCE + len(BACK_OFF):
        freeze(db, session)
        return True
    quiet = now + BACK_OFF[refusals - _PATIENCE] if refusals >= _PATIENCE else None
    db.execute(
        "UPDATE sessions SET refusals = ?, quiet_until = ? WHERE id = ?",
        (refusals, None if quiet is None else quiet.isoformat(), session),
    )
    return False


def accept(db: sqlite3.Connection, session: str) -> None:
    """A person said yes: refusals before it do not count any more."""
    db.execute("UPDATE sessions SET refusals = 0, quiet_until = NULL WHERE id = ?", (session,))


def quiet_for(db: sqlite3.Connection, session: str, now: datetime) -> timedelta | None:
    """How long nothing of this session is asked yet; ``None``: it may be. A clock that was set back makes it no longer
    than the longest back-off.

    :raises StoreError: what stands there is no time.
    """
    row = db.execute("SELECT quiet_until FROM sessions WHERE id = ?", (session,)).fetchone()
    if row is None or row[0] is None:
        return None
    try:
        left = datetime.fromisoformat(row[0]) - now
    except (TypeError, ValueError) as error:
        raise StoreError(f"when the session {session} may ask again cannot be read") from error
    return min(left, BACK_OFF[-1]) if left > timedelta(0) else None


def end_grants(db: sqlite3.Connection, session: str) -> None:
    """No standing yes of this session counts any more."""
    db.execute("DELETE FROM grants WHERE session = ?", (session,))
