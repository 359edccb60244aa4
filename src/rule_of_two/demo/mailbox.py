"""One user's mailbox in a SQLite file: what came in, and what was sent. The ground truth of the demo."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct

_COLUMNS = "(id INTEGER PRIMARY KEY, {} TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL)"
_SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS inbox {_COLUMNS.format('sender')};"
    f"CREATE TABLE IF NOT EXISTS sent {_COLUMNS.format('recipient')};"
)


class Mail(Struct, frozen=True):
    """One mail. ``address`` is the other side's: the sender of what came in, the recipient of what was sent."""

    id: int
    address: str
    subject: str
    body: str


class Mailbox:
    """The mailbox in ``path``. Each method opens the file anew, so processes may share it.

    Every method raises :class:`sqlite3.Error` when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def receive(self, sender: str, subject: str, body: str) -> None:
        """Put a mail into the inbox."""
        with self._open() as db:
            db.execute("INSERT INTO inbox (sender, subject, body) VALUES (?, ?, ?)", (sender, subject, body))

    def send(self, recipient: str, subject: str, body: str) -> None:
        """Send a mail: from here on it has left."""
        with self._open() as db:
            db.execute("INSERT INTO sent (recipient, subject, body) VALUES (?, ?, ?)", (recipient, subject, body))

    def inbox(self) -> Sequence[Mail]:
        """What came in, oldest first."""
        with self._open() as db:
            return [Mail(*row) for row in db.execute("SELECT id, sender, subject, body FROM inbox ORDER BY id")]

    def sent(self) -> Sequence[Mail]:
        """What was sent, oldest first."""
        with self._open() as db:
            return [Mail(*row) for row in db.execute("SELECT id, recipient, subject, body FROM sent ORDER BY id")]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as db, db:
            db.executescript(_SCHEMA)
            yield db
