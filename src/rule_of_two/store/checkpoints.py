"""The checkpoints of the journal that the state keeps: what was signed of it, apart from it."""

from __future__ import annotations

from rule_of_two.store.database import Database


class CheckpointStore:
    """Rows are only added."""

    def __init__(self, state: Database) -> None:
        self._state = state

    async def add(self, journal: str, number: int, at: str, checkpoint: str) -> None:
        """Keep a checkpoint, as it was signed.

        :raises StoreError: it could not be.
        """
        values = (journal, number, at, checkpoint)
        query = "INSERT INTO checkpoints (journal, number, at, checkpoint) VALUES (?, ?, ?, ?)"
        await self._state.write(lambda db: db.execute(query, values))

    def newest(self) -> str | None:
        """The newest one."""
        query = "SELECT checkpoint FROM checkpoints ORDER BY id DESC LIMIT 1"
        row = self._state.read(lambda db: db.execute(query).fetchone())
        return None if row is None else str(row[0])

    def everything(self) -> list[str]:
        """All of them, oldest first."""
        rows = self._state.read(lambda db: db.execute("SELECT checkpoint FROM checkpoints ORDER BY id").fetchall())
        return [str(row[0]) for row in rows]
