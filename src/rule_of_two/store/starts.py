"""How often each upstream was started, and its client gone again, before it had said anything."""

from __future__ import annotations

import sqlite3

from rule_of_two.store.database import Database


class Starts:
    """The starts in vain of every upstream in a state folder. ``upstream`` is the mount's identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, upstream: str) -> int:
        """Count a start as in vain until the upstream :meth:`came`. Returns how many there were before it, in a row.

        :raises StoreError: it cannot be written.
        """
        count = "INSERT INTO vain_starts VALUES (?, 1) ON CONFLICT (upstream) DO UPDATE SET number = number + 1"

        def work(db: sqlite3.Connection) -> int:
            return int(db.execute(f"{count} RETURNING number - 1", (upstream,)).fetchone()[0])

        return await self._database.write(work)

    async def came(self, upstream: str) -> None:
        """The upstream has said what it offers.

        :raises StoreError: it cannot be written.
        """
        query = "SELECT 1 FROM vain_starts WHERE upstream = ?"
        if self._database.read(lambda db: db.execute(query, (upstream,)).fetchone()) is not None:
            await self._database.write(lambda db: db.execute("DELETE FROM vain_starts WHERE upstream = ?", (upstream,)))
