"""Where a session begins and ends (DESIGN "Sessions"): attaching a connection, ending it, and what a crash leaves.

Nothing is washed by dying: a connection that did not end cleanly leaves an orphan, and the next connection under its
key joins the orphan's labels, reservations, drops and freezes. State that was lost counts as having held everything.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rule_of_two.model import ALL, NONE, Labels, Tier, labels_in
from rule_of_two.sessions.compartments import take_over
from rule_of_two.sessions.key import Boundary, SessionKey, lasting
from rule_of_two.sessions.labels import AMBIENT, join, join_reservations
from rule_of_two.sessions.presence import Presence
from rule_of_two.store.database import Database

_OPEN: Final = (
    "SELECT c.id, c.session, s.id IS NULL FROM connections c LEFT JOIN sessions s ON s.id = c.session "
    "WHERE c.key = ? AND c.closed_at IS NULL ORDER BY c.opened_at"
)


_OF_CONVERSATIONS: Final = (
    "SELECT c.id, c.key FROM connections c JOIN sessions s ON s.id = c.session WHERE c.closed_at IS NULL "
    "AND c.key != ?1 AND json_remove(c.key, '$.conversation') = json_remove(?1, '$.conversation')"
)


BeganRightly = Callable[[sqlite3.Connection, str, str], bool]
"""Whether a session was begun in place of another one by somebody who may: ``(db, old, new)``."""


def anyhow(db: sqlite3.Connection, old: str, new: str) -> bool:
    """Where nobody checks."""
    return True


_BEFORE: Final = (
    "SELECT old.id, old.ended_at IS NULL OR old.ended_how = 'new' "
    "FROM sessions old JOIN sessions new ON old.key = new.key AND old.rowid < new.rowid "
    "WHERE new.id = ? ORDER BY old.rowid DESC LIMIT 1"
)
"""The session before another one of its key, and whether only a person can have begun that in its place."""


class Attached(Struct, frozen=True):
    """A connection that is recorded, and how its session began: ``joined``, ``new``, ``orphan`` or ``lost``."""

    connection: str
    session: str
    began: str


class Boundaries:
    """Attaches and ends the connections of one gateway process.

    ``clock`` gives the time as ISO 8601 UTC. All methods are one transaction each.
    """

    def __init__(self, database: Database, presence: Presence, clock: Callable[[], str]) -> None:
        self._database = database
        self._presence = presence
        self._clock = clock

    async def attach(
        self,
        key: SessionKey,
        boundary: Boundary,
        *,
        ambient: Labels = NONE,
        tier: Tier = Tier.ADVISORY,
        began_rightly: BeganRightly = anyhow,
    ) -> Attached:
        """Record a new connection and find its session; ``ambient`` labels are joined at once. ``tier`` is what
        people's answers to this gateway are worth. A session that no person began, by ``began_rightly``, goes on with
        what the one before it held.

        :raises StoreError: it could not be recorded.
        """
        connection = secrets.token_hex(8)

        def record(db: sqlite3.Connection) -> Attached:
            attached = self._attach(db, key, boundary, connection, ambient, began_rightly)
            db.execute("UPDATE sessions SET tier = ? WHERE id = ?", (tier, attached.session))
            return attached

        self._presence.hold(key.digest, connection)
        try:
            attached = await self._database.write(record)
            self._presence.mark(key.digest, connection)
        except BaseException:
            self._presence.release(key.digest, connection)
            raise
        return attached

    def _attach(
        self,
        db: sqlite3.Connection,
        key: SessionKey,
        boundary: Boundary,
        connection: str,
        ambient: Labels,
        began_rightly: BeganRightly,
    ) -> Attached:
        rows = db.execute(_OPEN, (key.text,)).fetchall()
        alive = {other for other, _, _ in rows if self._presence.alive(key.digest, other)}
        live = [session for other, session, gone in rows if other in alive and not gone]
        dead = [(other, session) for other, session, gone in rows if other not in alive and not gone]
        known = {other for other, _, gone in rows if not gone}
        lost = (self._presence.marked(key.digest) | {other for other, _, _ in rows}) - known
        for other, _ in dead:
            join_reservations(db, other)
        if boundary == "conversation" and not key.conversation:
            self._account_for_conversations(db, key)
        for (one,) in db.execute("SELECT id FROM sessions WHERE key = ? AND ended_at IS NULL", (key.text,)).fetchall():
            self._account_for_beginning(db, one, began_rightly)
        session, began = self._find_session(db, key, boundary, live, dead)
        self._lengthen(db, session, boundary)
        if lost:
            join(db, session, ALL, AMBIENT)
            began = "lost"
        join(db, session, ambient, AMBIENT)
        for other in {other for other, _, _ in rows} - alive:
            self._close(db, other)
        db.execute(
            "INSERT INTO connections (id, session, key, ambient, process, opened_at) VALUES (?, ?, ?, ?, ?, ?)",
            (connection, session, key.text, "".join(sorted(ambient)), os.getpid(), self._clock()),
        )
        for other in {other for other, _ in dead} | {
            other for other in lost if not self._presence.alive(key.digest, other)
        }:
            # A gateway that still lives without its state keeps its mark: whoever comes next must know of it too.
            self._presence.forget(key.digest, other)
        return Attached(connection, session, began)

    def _find_session(
        self, db: sqlite3.Connection, key: SessionKey, boundary: Boundary, live: list[str], dead: list[tuple[str, str]]
    ) -> tuple[str, str]:
        if live:
            return live[-1], "joined"
        if boundary != "connection":
            row = db.execute(
                "SELECT id FROM sessions WHERE key = ? AND ended_at IS NULL ORDER BY rowid DESC LIMIT 1",
                (key.text,),
            ).fetchone()
            return (row[0], "joined") if row else (self._create(db, key.text, boundary, ()), "new")
        orphans = tuple(dict.fromkeys(session for _, session in dead))
        return self._create(db, key.text, boundary, orphans), "orphan" if orphans else "new"

    def _account_for_conversations(self, db: sqlite3.Connection, key: SessionKey) -> None:
        """Take what the dead had reserved in a client's conversations for something that happened. Nobody may ever come
        back to them."""
        for other, text in db.execute(_OF_CONVERSATIONS, (key.text,)).fetchall():
            digest = SessionKey.read(text).digest
            if not self._presence.alive(digest, other):
                join_reservations(db, other)
                self._close(db, other)
                self._presence.forget(digest, other)

    def _account_for_beginning(self, db: sqlite3.Connection, session: str, began_rightly: BeganRightly) -> None:
        """Have a session that nobody began who may go on with what those before it held."""
        newer = session
        while row := db.execute(_BEFORE, (newer,)).fetchone():
            older, by_a_person = row
            if not by_a_person or began_rightly(db, older, newer):
                return
            self._take_over(db, older, session)
            newer = older

    def _lengthen(self, db: sqlite3.Connection, session: str, boundary: Boundary) -> None:
        """Of all connections that share a session, the boundary that ends it last counts: a configuration that was
        changed washes nothing."""
        (now,) = db.execute("SELECT boundary FROM sessions WHERE id = ?", (session,)).fetchone()
        if lasting(now) < lasting(boundary):
            db.execute("UPDATE sessions SET boundary = ? WHERE id = ?", (boundary, session))

    def _create(self, db: sqlite3.Connection, key: str, boundary: Boundary, orphans: tuple[str, ...]) -> str:
        session = f"s-{secrets.token_hex(4)}"
        db.execute(
            "INSERT INTO sessions (id, key, boundary, created_at, joined_from) VALUES (?, ?, ?, ?, ?)",
            (session, key, boundary, self._clock(), " ".join(orphans) or None),
        )
        for orphan in orphans:
            self._take_over(db, orphan, session)
            self._end(db, orphan, "orphaned")
        return session

    def _take_over(self, db: sqlite3.Connection, old: str, new: str) -> None:
        """What one session holds and gave up counts in another one too, and so does who may read it."""
        take_over(db, old, new)
        db.execute(
            "UPDATE sessions SET "
            "(held_a, held_b, held_c, dropped, frozen) = (SELECT coalesce(sessions.held_a, o.held_a), "
            "coalesce(sessions.held_b, o.held_b), coalesce(sessions.held_c, o.held_c), "
            "max(sessions.dropped, o.dropped), max(sessions.frozen, o.frozen) FROM sessions o WHERE o.id = ?) "
            "WHERE id = ?",
            (old, new),
        )

    async def detach(self, key: SessionKey, connection: str) -> bool:
        """End a connection cleanly. True when its session ended with it.

        :raises StoreError: it could not be recorded; the connection then counts as crashed.
        """
        # The mark goes first: whoever attaches between two steps finds an orphan at worst, and never "lost" state.
        self._presence.unmark(key.digest, connection)
        try:
            ended = await self._database.write(lambda db: self._detach(db, connection))
        except BaseException:
            self._presence.mark(key.digest, connection)
            raise
        self._presence.release(key.digest, connection)
        return ended

    def _detach(self, db: sqlite3.Connection, connection: str) -> bool:
        session, boundary = db.execute(
            "SELECT s.id, s.boundary FROM sessions s JOIN connections c ON c.session = s.id WHERE c.id = ?",
            (connection,),
        ).fetchone()
        join_reservations(db, connection)
        self._close(db, connection)
        others = db.execute(
            "SELECT count(*) FROM connections WHERE session = ? AND closed_at IS NULL", (session,)
        ).fetchone()[0]
        if boundary != "connection" or others:
            return False
        self._end(db, session, "clean")
        return True

    async def renew(self, session: str, *, began_by: str) -> str | None:
        """A human starts a new session: its live connections go on in a new record that holds nothing but what their
        hosts' own tools bring.

        ``began_by`` is that human's signed word, to be checked by every gateway whose connections it moves. Calls in
        flight stay in the old session. Returns the new session's id, or ``None`` when ``session`` is unknown
        or has ended.
        """
        return await self._database.write(lambda db: self._renew(db, session, began_by))

    def _renew(self, db: sqlite3.Connection, session: str, began_by: str) -> str | None:
        row = db.execute("SELECT key, boundary FROM sessions WHERE id = ? AND ended_at IS NULL", (session,)).fetchone()
        if row is None:
            return None
        new = self._create(db, row[0], row[1], ())
        db.execute("UPDATE sessions SET began_by = ? WHERE id = ?", (began_by, new))
        query = "SELECT ambient FROM connections WHERE session = ? AND closed_at IS NULL"
        for (ambient,) in db.execute(query, (session,)).fetchall():
            join(db, new, labels_in(ambient), AMBIENT)
        db.execute("UPDATE connections SET session = ? WHERE session = ? AND closed_at IS NULL", (new, session))
        self._end(db, session, "new")
        return new

    def _close(self, db: sqlite3.Connection, connection: str) -> None:
        db.execute("UPDATE connections SET closed_at = ? WHERE id = ?", (self._clock(), connection))

    def _end(self, db: sqlite3.Connection, session: str, how: str) -> None:
        db.execute("UPDATE sessions SET ended_at = ?, ended_how = ? WHERE id = ?", (self._clock(), how, session))
