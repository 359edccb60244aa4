"""The journal's file: append-only entries, apart from the state (REQUIREMENTS R11, R21)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from rule_of_two.errors import StoreError
from rule_of_two.store.database import Database

if TYPE_CHECKING:
    from sqlite_utils import Database as Tables

_INTO: Final = "INSERT INTO entries (at, kind, session, decision, body) VALUES"
_ROW: Final = "(?, ?, ?, ?, ?)"
_INSERT: Final = f"{_INTO} {_ROW}"
_BATCH: Final = 1000
_COLUMNS: Final = "seq, at, kind, session, decision, body"
_WITH_ITEMS: Final = (
    "WHERE session = ? AND kind = 'outcome' AND seq < ? AND instr(body, '\"items\"') "
    "AND CASE WHEN json_valid(body) THEN json_type(body, '$.items') = 'array' END"
)
_RAW: Final = (
    "seq, CAST(at AS BLOB), CAST(kind AS BLOB), CAST(session AS BLOB), "
    "CASE WHEN typeof(decision) = 'integer' THEN decision END, CAST(body AS BLOB)"
)
"""Bytes that need not be text, so that SQLite's own decoding cannot fail on what somebody else wrote."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry to be. ``decision`` is the number of the decision that it belongs to. ``at`` is UTC, ISO 8601."""

    at: str
    kind: str
    session: str | None
    decision: int | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. ``decision`` is the number of the decision that the entry belongs to."""

    number: int
    at: str
    kind: str
    session: str | None
    decision: int | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line of the journal that no gateway wrote: it is no JSON object, or has a wrong type somewhere."""

    number: int


def _first(tables: Tables) -> None:
    # AUTOINCREMENT: a number is never given twice, even after the newest entries were cut off.
    tables.conn.execute(
        "CREATE TABLE entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, "
        "session TEXT, decision INTEGER, body TEXT NOT NULL)"
    )
    # Only what follows a decision names one, so that appending decisions touches no index.
    tables.conn.execute("CREATE INDEX entries_decision ON entries (decision) WHERE decision IS NOT NULL")
    for change in ("UPDATE", "DELETE"):
        tables.conn.execute(
            f"CREATE TRIGGER entries_no_{change.lower()} BEFORE {change} ON entries "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )


def _insert(connection: sqlite3.Connection, lines: Sequence[Line]) -> int:
    last = 0
    for line in lines:
        last = connection.execute(_INSERT, _row(line)).lastrowid or 0
    return last


def _row(line: Line) -> tuple[str, str, str | None, int | None, str]:
    return line.at, line.kind, line.session, line.decision, _encoded(line.body)


def _encoded(body: Mapping[str, Any]) -> str:
    """JSON that can always be read back: what is no Unicode (a lone surrogate of a path) is replaced."""
    try:
        return orjson.dumps(body).decode()
    except TypeError:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()


def _read(row: Sequence[Any]) -> Entry | Unreadable:
    number, at, kind, session, decision, body = row
    try:
        value = orjson.loads(body)
        texts = [None if part is None else part.decode() for part in (at, kind, session)]
    except (ValueError, TypeError):
        return Unreadable(number)
    if not isinstance(value, dict):
        return Unreadable(number)
    return Entry(number, texts[0] or "", texts[1] or "", texts[2], decision, value)


class JournalStore:
    """Append and read entries. Times are UTC, ISO 8601."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "journal.db", (_first,), title="journal")

    def append_now(self, *lines: Line) -> int:
        """Commit lines in one transaction and return the number of the last.

        :raises BusyError: another process is writing; try again.
        :raises StoreError: they could not be committed.
        """
        # One statement is a transaction by itself, and saves the two that would stand around it: this is the hot path.
        rows = ", ".join([_ROW] * len(lines))
        values = [value for line in lines for value in _row(line)]
        return self.database.execute_now(f"{_INTO} {rows}", values)

    async def append(self, *lines: Line) -> int:
        """Like :meth:`append_now`, tried again while another process writes."""
        return await self.database.write(lambda connection: _insert(connection, lines))

    def get(self, number: int) -> Entry | None:
        """The entry of that number."""
        return next(self._select("WHERE seq = ?", (number,)), None)

    def of_decision(self, number: int) -> list[Entry]:
        """What followed a decision: questions, answers, outcomes; oldest first."""
        return list(self._select("WHERE decision = ? ORDER BY seq", (number,)))

    def answers_to(self, question: str) -> list[Entry]:
        """The answers to a question, oldest first."""
        clause = "WHERE kind = 'answer' AND instr(body, ?) ORDER BY seq"
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
        clause = f"WHERE seq > ? ORDER BY seq LIMIT {_BATCH}"
        query = f"SELECT {_RAW} FROM entries {clause}"  # noqa: S608  # literals of this module
        last = -(1 << 63)
        while True:
            after = last
            batch = self.database.read(lambda db: db.execute(query, (after,)).fetchall())  # noqa: B023  # used at once
            yield from (_read(row) for row in batch)
            if len(batch) < _BATCH:
                return
            last = batch[-1][0]

    def _select(self, clause: str, values: Sequence[object]) -> Iterator[Entry]:
        query = f"SELECT {_COLUMNS} FROM entries {clause}"  # noqa: S608  # clauses are literals of this module
        for row in self.database.read(lambda connection: connection.execute(query, values).fetchall()):
            try:
                body = orjson.loads(row[5])
            except orjson.JSONDecodeError as error:
                raise StoreError(f"entry {row[0]} of the journal cannot be read: {error}") from error
            yield Entry(row[0], row[1], row[2], row[3], row[4], body)

    def close(self) -> None:
        """Close the file."""
        self.database.close()
