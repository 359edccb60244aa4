"""Which definitions of an upstream were accepted, by whom and when."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rule_of_two.store.database import Database


@dataclass(frozen=True, slots=True)
class Pin:
    """One accepted definition. ``kind`` is tool, prompt, resource, template or instructions."""

    kind: str
    name: str
    digest: str
    definition: dict[str, Any]
    accepted_by: str
    accepted_at: str


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


def _text_of(definition: dict[str, Any]) -> str:
    """JSON with every digit of its integers, which is why the standard library reads and writes it: orjson makes those
    of more than 64 bits inexact."""
    return json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
