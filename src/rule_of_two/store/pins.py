"""Which definitions of an upstream were accepted, by whom and when, and what people said to changed ones."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from rule_of_two.store.database import Database

FIRST_USE: Final = "first use (unsigned)"
"""By whom a definition was accepted that nobody was asked about."""


class Pin(Struct, frozen=True):
    """One accepted definition. ``kind`` is tool, prompt, resource, template or instructions."""

    kind: str
    name: str
    digest: str
    definition: dict[str, Any]
    accepted_by: str
    accepted_at: str


class PinAnswer(Struct, frozen=True):
    """What somebody said to a definition. ``digest`` is that of the definition, empty where the answer is that there is
    none any more. ``text`` is what was signed: whoever reads it verifies it."""

    id: str
    kind: str
    name: str
    digest: str
    text: str
    given_at: str


class PinStore:
    """The accepted definitions of every upstream in a state folder. ``upstream`` is the mount's identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, upstream: str) -> list[Pin]:
        """All pins of an upstream, in the order in which the upstream listed them."""
        columns = "kind, name, digest, definition, accepted_by, accepted_at"
        query = f"SELECT {columns} FROM pins WHERE upstream = ? ORDER BY rowid"  # noqa: S608  # columns is a literal
        rows = self._database.read(lambda db: db.execute(query, (upstream,)).fetchall())
        return [Pin(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5]) for row in rows]

    def everything(self) -> list[tuple[str, Pin]]:
        """The pins of all upstreams, each with the upstream's identity."""
        query = "SELECT DISTINCT upstream FROM pins ORDER BY upstream"
        upstreams = self._database.read(lambda db: [str(row[0]) for row in db.execute(query)])
        return [(upstream, pin) for upstream in upstreams for pin in self.load(upstream)]

    @property
    def state(self) -> str:
        """What answers are bound to: this very state."""
        return str(self._database.read(lambda db: db.execute("SELECT id FROM identity").fetchone()[0]))

    def answers(self, upstream: str) -> list[PinAnswer]:
        """What people said of an upstream's definitions, oldest first."""
        columns = "id, kind, name, digest, answer, given_at"
        query = f"SELECT {columns} FROM pin_answers WHERE upstream = ? ORDER BY number"  # noqa: S608  # as above
        return [PinAnswer(*row) for row in self._database.read(lambda db: db.execute(query, (upstream,)).fetchall())]

    def knows(self, answer_id: str) -> bool:
        """Whether an answer of that id was given."""
        query = "SELECT 1 FROM pin_answers WHERE id = ?"
        return self._database.read(lambda db: db.execute(query, (answer_id,)).fetchone()) is not None

    def unanswered(self, upstream: str) -> frozenset[tuple[str, str]] | None:
        """Kinds and names of what an upstream offered at first and nobody has answered for. ``None``: nobody has
        answered for anything of it."""
        query = "SELECT kind, name FROM unanswered WHERE upstream = ?"

        def work(db: sqlite3.Connection) -> frozenset[tuple[str, str]] | None:
            if not _is_answered_for(db, upstream):
                return None
            return frozenset((str(kind), str(name)) for kind, name in db.execute(query, (upstream,)))

        return self._database.read(work)

    async def offered_first(self, upstream: str, offered: Iterable[tuple[str, str]]) -> None:
        """Remember kinds and names of what an upstream offers, as long as nobody has answered for anything of it.

        # INVARIANT: what is offered later than the first answer is none of it; tests/store/test_pins.py.
        """
        rows = sorted({(upstream, kind, name) for kind, name in offered})

        def work(db: sqlite3.Connection) -> None:
            if not _is_answered_for(db, upstream):
                db.execute("DELETE FROM unanswered WHERE upstream = ?", (upstream,))
                db.executemany("INSERT INTO unanswered VALUES (?, ?, ?)", rows)

        await self._database.write(work)

    def newest_answer(self) -> int:
        """A number that grows with each answer, whichever process takes it."""
        query = "SELECT coalesce(max(number), 0) FROM pin_answers"
        return int(self._database.read(lambda db: db.execute(query).fetchone()[0]))

    async def settle(self, upstream: str, answer: PinAnswer, *, old: str, pin: Pin | None, keep: bool) -> bool:
        """Write an answer down and, in the same transaction, do what it says: ``keep`` leaves the pin of that name as
        it is, else ``pin`` takes its place (``None``: there is none any more).

        ``False``, and nothing done: the pin is not of the digest ``old`` (empty: there is none) any more, or an answer
        of that id was given before.

        # INVARIANT: an answer counts once, and for what was accepted when it was given; tests/store/test_pins.py.
        """

        def work(db: sqlite3.Connection) -> bool:
            where = (upstream, answer.kind, answer.name)
            found = db.execute("SELECT digest FROM pins WHERE upstream = ? AND kind = ? AND name = ?", where).fetchone()
            known = db.execute("SELECT 1 FROM pin_answers WHERE id = ?", (answer.id,)).fetchone()
            if known is not None or ("" if found is None else found[0]) != old:
                return False
            db.execute(
                "INSERT INTO pin_answers (id, upstream, kind, name, digest, answer, given_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (answer.id, *where, answer.digest, answer.text, answer.given_at),
            )
            db.execute("DELETE FROM unanswered WHERE upstream = ? AND kind = ? AND name = ?", where)
            if keep:
                return True
            if pin is None:
                db.execute("DELETE FROM pins WHERE upstream = ? AND kind = ? AND name = ?", where)
                return True
            db.execute(
                "INSERT INTO pins VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (upstream, kind, name) DO UPDATE SET "
                "digest = excluded.digest, definition = excluded.definition, accepted_by = excluded.accepted_by, "
                "accepted_at = excluded.accepted_at",
                (*where, pin.digest, _text_of(pin.definition), pin.accepted_by, pin.accepted_at),
            )
            return True

        return await self._database.write(work)

    async def replace(self, upstream: str, pins: Iterable[Pin]) -> None:
        """Accept exactly these definitions for an upstream, in one step."""
        rows = [
            (
                upstream,
                pin.kind,
                pin.name,
                pin.digest,
                _text_of(pin.definition),
                pin.accepted_by,
                pin.accepted_at,
            )
            for pin in pins
        ]

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM pins WHERE upstream = ?", (upstream,))
            db.executemany("INSERT INTO pins VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

        await self._database.write(work)


def _is_answered_for(db: sqlite3.Connection, upstream: str) -> bool:
    """Whether anything of an upstream was accepted or refused."""
    tables = ("pins", "pin_answers")
    queries = (f"SELECT 1 FROM {table} WHERE upstream = ? LIMIT 1" for table in tables)  # noqa: S608  # literals
    return any(db.execute(query, (upstream,)).fetchone() is not None for query in queries)


def _text_of(definition: dict[str, Any]) -> str:
    """JSON with every digit of its integers, which is why the standard library reads and writes it: orjson makes those
    of more than 64 bits inexact."""
    return json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
