"""Removes the oldest entries of the journal, in the ways that its guards allow: what a record says, and not what is
kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from rule_of_two.store.journal import JournalStore, Line

_BATCH: Final = 2000
"""Entries that are removed at once, so that nobody who writes has to wait for long."""


class Pruning:
    """Of one journal. Reads what an entry is still named by, and removes."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._database = store.database

    def first_since(self, at: str) -> int:
        """The number of the first entry that is not older than ``at``; above all of them if there is none."""
        query = "SELECT coalesce(min(seq), (SELECT max(seq) + 1 FROM entries), 1) FROM entries WHERE at >= ?"
        return int(self._database.read(lambda db: db.execute(query, (at,)).fetchone())[0])

    def named_since(self, number: int) -> set[int]:
        """The earlier decisions that entries from ``number`` on belong to."""
        query = "SELECT DISTINCT decision FROM entries WHERE seq >= ? AND decision < ?"
        return {row[0] for row in self._database.read(lambda db: db.execute(query, (number, number)).fetchall())}

    def grants_since(self, number: int) -> set[str]:
        """The questions on whose grants decisions from ``number`` on rest."""
        query = "SELECT DISTINCT json_extract(body, '$.grant') FROM entries WHERE seq >= ? AND kind = 'decision' "
        query += "AND instr(body, '\"grant\"') AND json_valid(body)"
        rows = self._database.read(lambda db: db.execute(query, (number,)).fetchall())
        return {row[0] for row in rows if isinstance(row[0], str)}

    def of_decisions(self, decisions: Iterable[int], *, before: int) -> dict[int, tuple[int | None, str | None]]:
        """These decisions and all entries that belong to one of them, before an entry: of each the decision that it
        belongs to, and the question on whose grant it rests."""
        given = json.dumps(sorted(decisions))
        grant = "CASE WHEN kind = 'decision' AND json_valid(body) THEN json_extract(body, '$.grant') END"
        found: dict[int, tuple[int | None, str | None]] = {}
        for column in ("seq", "decision"):
            condition = f"{column} IN (SELECT value FROM json_each(?)) AND seq < ?"  # noqa: S608  # literals
            query = f"SELECT seq, decision, {grant} FROM entries WHERE {condition}"  # noqa: S608  # literals
            rows = self._database.read(lambda db, query=query: db.execute(query, (given, before)).fetchall())  # type: ignore[misc]
            found |= {seq: (decision, question) for seq, decision, question in rows}
        return found

    def always_kept(self, before: int, *, recent: int) -> set[int]:
        """Entries before one that are kept whatever refers to them: which policies were in force, and the ``recent``
        last words of people, which the entry itself may have carried out."""
        query = "SELECT seq FROM entries WHERE seq < ? AND (kind = 'policies' OR (kind = 'command' AND seq >= ?))"
        rows = self._database.read(lambda db: db.execute(query, (before, before - recent)).fetchall())
        return {row[0] for row in rows}

    async def record(self, last: int, record: str, kept: Mapping[int, bytes], line: Line) -> int:
        """Write down in one step that everything up to ``last`` is pruned but what is kept; the number of the entry.

        :raises StoreError: it could not be, and nothing is pruned.
        """

        def work(db: sqlite3.Connection) -> int:
            head = self._store.insert(db, line)
            db.execute("INSERT INTO prunes VALUES (?, ?)", (last, record))
            db.execute("DELETE FROM kept")
            db.executemany("INSERT INTO kept VALUES (?, ?)", kept.items())
            return head.number

        return await self._database.write(work)

    async def remove(self, last: int) -> int:
        """Remove what is recorded as pruned; how many entries that were.

        :raises StoreError: it could not be done to the end; it can be done again.
        """
        some = f"seq <= ? AND seq NOT IN (SELECT seq FROM kept) ORDER BY seq LIMIT {_BATCH}"  # noqa: S608  # literals
        query = f"DELETE FROM entries WHERE seq IN (SELECT seq FROM entries WHERE {some})"  # noqa: S608  # literals
        removed = 0
        while True:
            count = await self._database.write(lambda db: db.execute(query, (last,)).rowcount)
            removed += count
            if count < _BATCH:
                return removed
