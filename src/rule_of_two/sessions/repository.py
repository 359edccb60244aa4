"""The sessions of a state folder as the gateway uses them: one connection's view, and the console's list."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from rule_of_two.model import Labels, SessionView, Tier
from rule_of_two.sessions import ledger
from rule_of_two.sessions.boundary import BeganRightly, anyhow
from rule_of_two.sessions.compartments import Readers
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.labels import AMBIENT, join, narrow, reserve, settle, view_of, view_of_session
from rule_of_two.sessions.memory import Memory
from rule_of_two.sessions.rows import Row, row_of_connection
from rule_of_two.store.database import Database

T = TypeVar("T")
Work = Callable[[SessionView, sqlite3.Connection], tuple[T, int | None, Labels]]


class Reservation(Struct, frozen=True):
    """The labels that call ``number`` has reserved in ``session``, or that it really brought when that ends; then
    ``readers`` are who may read the private data among it, by what its platform asserts, and ``None`` if that is not
    known."""

    session: str
    number: int
    labels: Labels
    readers: Readers = None


class OpenConnection(Struct, frozen=True):
    """A connection that was not ended: of the process of that number, which may have died since."""

    process: int | None
    opened_at: str


class SessionRecord(Struct, frozen=True):
    """One session as a person sees it. ``joined_from`` names the sessions of the dead whose labels it took over."""

    view: SessionView
    user: str
    tenant: str
    client: str
    workspace: str
    conversation: str
    boundary: str
    tier: str
    """What people's answers to its newest gateway are worth (:class:`~rule_of_two.model.Tier`)."""
    created_at: str
    ended_at: str | None
    ended_how: str | None
    joined_from: tuple[str, ...]
    connections: tuple[OpenConnection, ...]


class ConnectionSession:
    """What one connection sees and does to its session. Atomic between all processes on the state.

    Every method raises :class:`StoreError` for good once the state was found to have lost what this process knows.
    """

    def __init__(
        self,
        database: Database,
        connection: str,
        clock: Callable[[], str],
        *,
        session: str | None = None,
        began_rightly: BeganRightly = anyhow,
    ) -> None:
        """``session`` is the one that the connection was attached to, and ``began_rightly`` says whether a person began
        the one that it was moved to."""
        self._database = database
        self._connection = connection
        self._clock = clock
        self._began_rightly = began_rightly
        self._current = session
        self._memory = Memory()
        self._snapshot: SessionView | None = None
        self._version = (-1, -1)

    @property
    def memory(self) -> Memory:
        """What this connection knows of its sessions, and of what it stamped."""
        return self._memory

    @property
    def amiss(self) -> bool:
        """Whether the state was found to have lost what this process knows."""
        return self._memory.amiss

    async def decide(self, work: Work[T], *, narrows: Reservation | None = None) -> T:
        """Check and reserve in one atomic step.

        ``work`` sees the session and the transaction, decides, journals, and returns its value, the call's number and
        the labels to reserve; number ``None`` or no labels reserve nothing. It may run again from the start while
        another process writes. A reservation that it ``narrows`` holds no more than these labels when ``work`` looks.

        :raises StoreError: nothing was reserved, nothing may be sent; what was to be narrowed is as before.
        """
        reserved: list[Reservation] = []

        def transaction(db: sqlite3.Connection) -> T:
            reserved.clear()
            self._memory.begin()
            if narrows is not None and narrow(db, narrows.number, narrows.labels):
                reserved.append(narrows)
            view = self._fresh(db)
            value, number, labels = work(view, db)
            if number is not None and labels:
                reserve(db, number, view.id, self._connection, labels, self._clock())
                reserved.append(Reservation(view.id, number, labels))
            return value

        value = await self._database.write(transaction)
        self._memory.committed()
        for one in reserved:
            self._memory.reserved(one.number, one.session, one.labels)
        return value

    def view(self) -> SessionView:
        """The session as of now, from memory when nobody has changed the state since.

        :raises StoreError: the state cannot be read, or this connection is gone from it.
        """
        return self._database.read(self._view)

    def check(self) -> None:
        """Look whether the state still says what this process knows of the session, and no more.

        :raises StoreError: it does not, or cannot be read.
        """
        self._database.read(self._sound_row)

    def _view(self, db: sqlite3.Connection) -> SessionView:
        self._memory.must_be_sound()
        # The first counts what other connections committed, the second what this one changed.
        version = (int(db.execute("PRAGMA data_version").fetchone()[0]), db.total_changes)
        if self._snapshot is None or version != self._version:
            db.execute("BEGIN")  # one consistent reading
            try:
                self._snapshot = self._fresh(db)
            finally:
                db.execute("COMMIT")
            self._version = version
        return self._snapshot

    def _fresh(self, db: sqlite3.Connection) -> SessionView:
        return view_of(db, self._sound_row(db))

    def _sound_row(self, db: sqlite3.Connection) -> Row:
        self._memory.must_be_sound()
        row = row_of_connection(db, self._connection)
        if row is None:
            raise self._memory.fail("this connection, or its session, is no longer recorded")
        if self._current not in {None, row.id} and not self._began_rightly(db, str(self._current), row.id):
            raise self._memory.fail(f"its connection was moved to the session {row.id}, which no approver began")
        self._current = row.id
        self._memory.compare(db, self._connection, row)
        return row

    async def settle(self, *ended: Reservation) -> None:
        """End reservations, each in the session where its call began, joining the labels that it really brought.

        :raises StoreError: it could not be recorded, or a reservation was gone.
        """

        def work(db: sqlite3.Connection) -> list[bool]:
            return [settle(db, one.number, one.session, one.labels, one.readers) for one in ended]

        for one, found in zip(ended, await self._database.write(work), strict=True):
            self._memory.joined(one.session, one.labels, one.readers)
            if self._memory.is_reserved(one.number) and not found:
                raise self._memory.fail(f"the reservation of call d{one.number} is gone")
            self._memory.settled(one.number)

    async def join(self, session: str, number: int, labels: Labels) -> None:
        """Join labels of a call that goes on, before its first byte is handed over. Nobody knows yet who may read what
        comes."""
        await self._database.write(lambda db: join(db, session, labels, number))
        self._memory.joined(session, labels)

    async def restore(self) -> None:
        """Write back what this process knows of its sessions and what it stamped, for those who come next. Labels only
        join.

        :raises StoreError: it could not be recorded.
        """

        def work(db: sqlite3.Connection) -> None:
            for session, labels, dropped, frozen in self._memory.everything():
                join(db, session, labels, AMBIENT)
                db.execute(
                    "UPDATE sessions SET dropped = max(dropped, ?), frozen = max(frozen, ?) WHERE id = ?",
                    (dropped, frozen, session),
                )
            ledger.restore(db, self._memory.stamps)

        await self._database.write(work)


def list_sessions(database: Database, *, ended: bool = False) -> list[SessionRecord]:
    """All sessions, newest last; only open ones unless ``ended``."""
    return database.read(lambda db: _records(db, "1" if ended else "s.ended_at IS NULL", ()))


def find_session(database: Database, session: str) -> SessionRecord | None:
    """One session by id."""
    return next(iter(database.read(lambda db: _records(db, "s.id = ?", (session,)))), None)


def _records(db: sqlite3.Connection, condition: str, values: tuple[str, ...]) -> list[SessionRecord]:
    query = (
        "SELECT s.id, s.key, s.boundary, s.created_at, s.ended_at, s.ended_how, s.joined_from, s.tier "  # noqa: S608  # literals
        f"FROM sessions s WHERE {condition} ORDER BY s.rowid"
    )
    opened = "SELECT process, opened_at FROM connections WHERE session = ? AND closed_at IS NULL ORDER BY rowid"
    records: list[SessionRecord] = []
    for session, text, boundary, created, ended, how, joined_from, tier in db.execute(query, values).fetchall():
        key = SessionKey.read(text)
        view = view_of_session(db, session)
        if view is not None:
            records.append(
                SessionRecord(
                    view=view,
                    user=key.user,
                    tenant=key.tenant,
                    client=key.client,
                    workspace=key.workspace,
                    conversation=key.conversation,
                    boundary=boundary,
                    tier=tier or Tier.ADVISORY,
                    created_at=created,
                    ended_at=ended,
                    ended_how=how,
                    joined_from=tuple((joined_from or "").split()),
                    connections=tuple(OpenConnection(*one) for one in db.execute(opened, (session,)).fetchall()),
                )
            )
    return records
