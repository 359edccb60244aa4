"""The journal's file: append-only entries, apart from the state (REQUIREMENTS R11, R21)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.errors import StoreError
from rule_of_two.nesting import deeper_than
from rule_of_two.store.chain import content, genesis, link
from rule_of_two.store.database import BusyError, ConflictError, Database
from rule_of_two.store.journal_schema import ANSWERS_QUESTION, LISTS_ITEMS, MIGRATIONS, RAW_COLUMNS, raw_content

_INTO: Final = "INSERT INTO entries (seq, at, kind, session, decision, body, hash) VALUES"
_ROW: Final = "(?, ?, ?, ?, ?, ?, ?)"
_BATCH: Final = 1000
_HIGHEST: Final = 2**63 - 1
_TRIES: Final = 50
_DEEPEST: Final = 100
"""How often an entry is chained anew because another process was faster."""
_COLUMNS: Final = "seq, at, kind, session, decision, body"
_WITH_ITEMS: Final = (
    f"WHERE session = ? AND seq < ? AND {LISTS_ITEMS} "
    "AND CASE WHEN json_valid(body) THEN json_type(body, '$.items') = 'array' END"
)
_TRIGGERS: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_HEAD: Final = (
    "SELECT head.seq, head.hash, (SELECT id FROM journal), "
    "max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0), "
    "coalesce((SELECT max(seq) FROM entries), 0)) FROM (SELECT 1) LEFT JOIN "
    "(SELECT seq, hash FROM entries WHERE hash IS NOT NULL ORDER BY seq DESC LIMIT 1) AS head"
)
"""In one statement, so that no entry of another process comes between the head and the newest number."""


class Line(Struct, frozen=True):
    """An entry to be. ``decision`` is the number of the decision that it belongs to. ``at`` is UTC, ISO 8601."""

    at: str
    kind: str
    session: str | None
    decision: int | None
    body: Mapping[str, Any]


class Entry(Struct, frozen=True):
    """One line of the journal. ``decision`` is the number of the decision that the entry belongs to."""

    number: int
    at: str
    kind: str
    session: str | None
    decision: int | None
    body: dict[str, Any]


class Unreadable(Struct, frozen=True):
    """A line of the journal that no gateway wrote: it is no JSON object, or has a wrong type somewhere."""

    number: int


class Head(Struct, frozen=True):
    """The newest entry that is chained: its number, and its hash, 32 bytes. Number 0: there is none yet."""

    number: int
    hash: bytes


class Row(Struct, frozen=True):
    """One line of the journal as it stands in the file, for whoever checks the chain. ``content`` is its content digest
    (:mod:`~rule_of_two.store.chain`), ``hash`` what is written beside it; ``None``: it has none."""

    entry: Entry | Unreadable
    content: bytes | None
    hash: bytes | None


@cache
def _insert(rows: int) -> str:
    """The statement that inserts so many: the same text each time, which SQLite has prepared already."""
    return f"{_INTO} {', '.join([_ROW] * rows)}"


def _as_it_is(body: bytes) -> bytes:
    return body


def chained_values(
    head: Head, newest: int, lines: Sequence[Line], hide: Callable[[bytes], bytes]
) -> tuple[list[object], Head]:
    """What is inserted for lines after ``head``, numbered from above ``newest``; and the head that they make."""
    if newest > _HIGHEST - len(lines):
        raise StoreError(
            "the journal has an entry of the highest number there can be: `rule-of-two audit verify` names it"
        )
    values: list[object] = []
    number, before = newest, head.hash
    for line in lines:
        number += 1
        body = hide(_encoded(line.body))
        before = link(before, number, content(line.at, line.kind, line.session, line.decision, body))
        values += (number, line.at, line.kind, line.session, line.decision, body.decode(), before)
    return values, Head(number, before)


def _encoded(body: Mapping[str, Any]) -> bytes:
    """JSON that can always be read back: what is no Unicode (a lone surrogate of a path) is replaced."""
    try:
        return orjson.dumps(body)
    except TypeError:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def _parsed(body: bytes | str) -> Any:
    """What stands in a body.

    :raises ValueError: it is not JSON, or deeper than whatever reads it further can go.
    """
    value = orjson.loads(body)
    if deeper_than(value, _DEEPEST):
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    return value


def _read(row: Sequence[Any]) -> Row:
    number, at, kind, session, decision, body, has = row
    stored = has if isinstance(has, bytes) and len(has) == 32 else None
    try:
        inside = raw_content((at, kind, session, decision, body))
    except StoreError:
        return Row(Unreadable(number), None, stored)
    try:
        value = _parsed(body)
    except (ValueError, TypeError):
        value = None
    if not isinstance(value, dict):
        return Row(Unreadable(number), inside, stored)
    texts = (at.decode(), kind.decode(), None if session is None else session.decode())
    return Row(Entry(number, *texts, decision, value), inside, stored)


class JournalStore:
    """Append and read entries. Times are UTC, ISO 8601."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "journal.db", MIGRATIONS, title="journal")
        self.hide: Callable[[bytes], bytes] = _as_it_is
        """What is done to each body before it is written."""
        self._newest: Head | None = None
        """What this process wrote last, until another one did."""

    @property
    def id(self) -> str:
        """The journal's own name, 32 hexadecimal digits, given when it was made or first chained."""
        row = self.database.read(lambda db: db.execute("SELECT id FROM journal").fetchone())
        return str(row[0]) if row else ""

    def head(self) -> Head:
        """The newest chained entry. Of the process that wrote it, at no cost."""
        return self._newest or self.database.read(self._read_head)[0]

    def _read_head(self, db: sqlite3.Connection) -> tuple[Head, int]:
        """The newest chained entry, and the highest number that was ever given."""
        number, hash_, name, newest = db.execute(_HEAD).fetchone()
        return Head(0, genesis(name or "")) if number is None else Head(number, hash_), newest

    def append_now(self, *lines: Line) -> int:
        """Commit lines in one transaction and return the number of the last.

        # INVARIANT: however many processes append, each entry follows the one before it in one chain: a number can be
        # taken once, so an entry that was chained to an older head than the newest is refused by its number and
        # chained again; tests/store/test_journal.py and tests/attacks/test_broken_chain.py.

        :raises BusyError: another process is writing; try again.
        :raises StoreError: they could not be committed.
        """
        # One statement is a transaction by itself, and saves the two that would stand around it: this is the hot path.
        statement = _insert(len(lines))
        for _ in range(_TRIES):
            if self._newest is None:
                head, newest = self.database.read(self._read_head)
            else:
                head = self._newest
                newest = head.number
            values, after = chained_values(head, newest, lines, self.hide)
            self._newest = None
            try:
                self.database.execute_now(statement, values)
            except ConflictError:
                continue  # another process was faster
            self._newest = after
            return after.number
        raise BusyError(f"the journal {self.database.path} is written by others all the time")

    async def append(self, *lines: Line) -> int:
        """Like :meth:`append_now`, tried again while another process writes."""

        def work(db: sqlite3.Connection) -> Head:
            return self.insert(db, *lines)

        self._newest = None
        self._newest = await self.database.write(work)
        return self._newest.number

    def insert(self, db: sqlite3.Connection, *lines: Line) -> Head:
        """Append within a transaction of the caller's that holds the write lock; the head afterwards."""
        values, after = chained_values(*self._read_head(db), lines, self.hide)
        db.execute(_insert(len(lines)), values)
        self._newest = None
        return after

    def get(self, number: int) -> Entry | None:
        """The entry of that number."""
        return next(self._select("WHERE seq = ?", (number,)), None)

    def of_decision(self, number: int) -> list[Entry]:
        """What followed a decision: questions, answers, outcomes; oldest first."""
        return list(self._select("WHERE decision = ? ORDER BY seq", (number,)))

    def answers_to(self, question: str) -> list[Entry]:
        """The answers to a question, oldest first."""
        clause = f"WHERE {ANSWERS_QUESTION} AND instr(body, ?) ORDER BY seq"
        return [one for one in self._select(clause, (question,)) if one.body.get("question") == question]

    def words(self, session: str, *, before: int) -> list[Entry]:
        """What people said to a session before an entry: answers and commands, newest first."""
        clause = "WHERE session = ? AND kind IN ('answer', 'command') AND seq < ? ORDER BY seq DESC"
        return list(self._select(clause, (session, before)))

    def changed_definitions(self, server: str, *, around: int) -> list[Entry]:
        """What was written down of changed definitions of a server: before an entry, newest first, then just after."""
        clause = "WHERE kind = 'definitions' AND instr(body, '\"changed\"') AND seq {} ? ORDER BY seq {} LIMIT 50"
        before = self._select(clause.format("<", "DESC"), (around,))
        after = self._select(clause.format(">", "ASC"), (around,))
        return [
            one
            for one in (*before, *after)
            if one.body.get("event") == "changed" and one.body.get("upstream") == server
        ]

    def handed_over(self, session: str, *, before: int, count: int) -> list[Entry]:
        """The newest ``count`` outcomes of a session before an entry that list items of results, newest first."""
        return list(self._select(f"{_WITH_ITEMS} ORDER BY seq DESC LIMIT ?", (session, before, count)))

    def count_handed_over(self, session: str, *, before: int) -> tuple[int, int]:
        """How many outcomes there are that :meth:`handed_over` could give, and how many items they are of."""
        more = "iif(json_type(body, '$.more_items') = 'integer', json_extract(body, '$.more_items'), 0)"
        # In floating point, as numbers that somebody else wrote could overflow.
        query = (
            f"SELECT count(*), total(json_array_length(body, '$.items') + {more}) "  # noqa: S608  # literals
            f"FROM entries {_WITH_ITEMS}"
        )
        ((results, items),) = self.database.read(lambda db: db.execute(query, (session, before)).fetchall())
        return int(results), int(items)

    def of_session(self, session: str, *, after: int = 0) -> Iterator[Entry]:
        """All entries of a session numbered above ``after``, oldest first; read as they are asked for."""
        clause = f"WHERE session = ? AND seq > ? ORDER BY seq LIMIT {_BATCH}"
        while True:
            batch = list(self._select(clause, (session, after)))
            yield from batch
            if len(batch) < _BATCH:
                return
            after = batch[-1].number

    def tail(self, count: int, *, after: int = 0) -> list[Entry]:
        """The newest ``count`` entries numbered above ``after``, oldest first."""
        return list(self._select("WHERE seq > ? ORDER BY seq DESC LIMIT ?", (after, count)))[::-1]

    def decisions(self, *, since: str = "", session: str | None = None) -> Iterator[Entry]:
        """The decisions from ``since`` on, of one session or of all, oldest first; read as they are asked for."""
        condition = "AND session = ? " if session is not None else ""
        clause = f"WHERE seq > ? AND kind = 'decision' AND at >= ? {condition}ORDER BY seq LIMIT {_BATCH}"
        last = 0
        while True:
            values = (last, since) if session is None else (last, since, session)
            batch = list(self._select(clause, values))
            yield from batch
            if len(batch) < _BATCH:
                return
            last = batch[-1].number

    def contents(self) -> dict[str, str]:
        """Of each version that decisions name, the version of the policies and entities in it."""
        rows = self.database.read(
            lambda db: db.execute(
                "SELECT json_extract(body, '$.version'), json_extract(body, '$.content') FROM entries "
                "WHERE kind = 'policies' AND json_valid(body) AND json_extract(body, '$.event') = 'in_force'"
            ).fetchall()
        )
        return {version: content for version, content in rows if isinstance(version, str) and isinstance(content, str)}

    def decisions_by_content(self) -> dict[str, int]:
        """How many decisions each version of policies and entities made."""
        contents = self.contents()
        rows = self.database.read(
            lambda db: db.execute(
                "SELECT json_extract(body, '$.policy_version'), count(*) FROM entries "
                "WHERE kind = 'decision' AND json_valid(body) GROUP BY 1"
            ).fetchall()
        )
        counts: dict[str, int] = {}
        for version, count in rows:
            if version in contents:
                counts[contents[version]] = counts.get(contents[version], 0) + count
        return counts

    def everything(self) -> Iterator[Entry | Unreadable]:
        """All entries, oldest first; read as they are asked for, and whatever bytes stand in them."""
        return (row.entry for row in self.rows())

    def rows(self, *, after: int = -(1 << 63)) -> Iterator[Row]:
        """All lines numbered above ``after``, with what the chain is checked by; like :meth:`everything`."""
        query = f"SELECT seq, {RAW_COLUMNS}, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT {_BATCH}"  # noqa: S608  # literals of this module
        last = after
        while True:
            after = last
            batch = self.database.read(lambda db: db.execute(query, (after,)).fetchall())  # noqa: B023  # used at once
            yield from map(_read, batch)
            if len(batch) < _BATCH:
                return
            last = batch[-1][0]

    def _select(self, clause: str, values: Sequence[object]) -> Iterator[Entry]:
        query = f"SELECT {_COLUMNS} FROM entries {clause}"  # noqa: S608  # clauses are literals of this module
        for row in self.database.read(lambda connection: connection.execute(query, values).fetchall()):
            try:
                body = _parsed(row[5])
            except ValueError as error:
                raise StoreError(f"entry {row[0]} of the journal cannot be read: {error}") from error
            yield Entry(row[0], row[1], row[2], row[3], row[4], body)

    def texts(self, *, until: int) -> Iterator[tuple[Row, str]]:
        """The rows up to a number, each with the text of its body; what is no text is replaced."""
        query = f"SELECT seq, {RAW_COLUMNS}, hash FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {_BATCH}"  # noqa: S608  # literals of this module
        last = -(1 << 63)
        while True:
            after = last
            batch = self.database.read(lambda db: db.execute(query, (after, until)).fetchall())  # noqa: B023  # used at once
            yield from ((_read(row), (row[5] or b"").decode("utf-8", "replace")) for row in batch)
            if len(batch) < _BATCH:
                return
            last = batch[-1][0]

    def hash_of(self, number: int) -> bytes | None:
        """The hash beside the entry of that number; ``None``: there is no such entry, or it has none."""
        row = self.database.read(lambda db: db.execute("SELECT hash FROM entries WHERE seq = ?", (number,)).fetchone())
        return row[0] if row and isinstance(row[0], bytes) else None

    def newest_head(self) -> Head:
        """The newest chained entry as the file has it now, whoever wrote it."""
        return self.database.read(self._read_head)[0]

    def count(self, *, after: int = 0) -> int:
        """How many entries are numbered above ``after``."""
        query = "SELECT count(*) FROM entries WHERE seq > ?"
        return int(self.database.read(lambda db: db.execute(query, (after,)).fetchone())[0])

    def prune(self) -> str | None:
        """The newest record of pruning, JSON; ``None``: nothing was ever pruned."""
        row = self.database.read(
            lambda db: db.execute("SELECT record FROM prunes ORDER BY last DESC LIMIT 1").fetchone()
        )
        return None if row is None else str(row[0])

    def kept(self) -> dict[int, bytes]:
        """Of each entry that pruning kept, the hash before it."""
        rows = self.database.read(lambda db: db.execute("SELECT seq, previous FROM kept").fetchall())
        return {number: previous for number, previous in rows if isinstance(previous, bytes)}

    def missing_guards(self) -> list[str]:
        """The names of triggers that keep entries from being changed, and are not there as they were made."""
        from sqlite_utils import Database as Tables  # noqa: PLC0415  # only who verifies pays for it

        with closing(sqlite3.connect(":memory:")) as fresh:
            for migrate in MIGRATIONS:
                migrate(Tables(fresh, execute_plugins=False))
            wanted = dict(fresh.execute(_TRIGGERS).fetchall())
        found = dict(self.database.read(lambda db: db.execute(_TRIGGERS).fetchall()))
        return sorted(name for name, made in wanted.items() if found.get(name) != made)

    def close(self) -> None:
        """Close the file."""
        self.database.close()
