"""A state folder with a journal and its checkpoints, made with the real parts, to be checked or broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rule_of_two.audit.journal import Journal
from rule_of_two.audit.verify import Verified
from rule_of_two.gateway.anchoring import Anchoring
from rule_of_two.gateway.chain_check import verified
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.model import Principal
from rule_of_two.store.chain import link
from rule_of_two.store.checkpoints import CheckpointStore
from rule_of_two.store.journal import JournalStore, Line
from rule_of_two.store.journal_schema import RAW_COLUMNS, raw_content
from rule_of_two.store.state import open_state

AT = "2026-07-01T12:00:00.000000+00:00"


@dataclass
class Chained:
    """A state folder. ``anchors`` are what the operator names."""

    folder: Path
    anchors: tuple[Path, ...] = ()
    time: str = AT
    lines: list[Line] = field(default_factory=list)

    def append(self, count: int, *, session: str = "s-1", at: str = AT) -> None:
        with closing(JournalStore(self.folder)) as store:
            for number in range(count):
                store.append_now(Line(at, "upstream", session, None, {"message": f"{number}"}))

    @contextmanager
    def anchoring(self) -> Iterator[Anchoring]:
        with closing(open_state(self.folder)) as state, closing(JournalStore(self.folder)) as store:
            journal = Journal(
                store, lambda: self.time, policy_version=lambda: "v", principal=Principal("u", "t"), client="c"
            )
            kept = CheckpointStore(state)
            yield Anchoring(store, journal, kept, self.folder, self.anchors, "file", lambda: self.time)

    async def checkpoint(self) -> None:
        with self.anchoring() as anchoring:
            await anchoring.write()

    def sql(self, *statements: str, database: str = "journal", guarded: bool = False) -> list[Any]:
        """Run statements with nothing of ours in the way."""
        with closing(sqlite3.connect(self.folder / f"{database}.db")) as db, db:
            guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in () if guarded else guards:
                db.execute(f"DROP TRIGGER {name}")
            rows = [db.execute(statement).fetchall() for statement in statements][-1]
            for _, made in () if guarded else guards:
                db.execute(made)
        return rows

    def chain_anew(self, begin: int) -> None:
        """What whoever knows how the chain is made can do without any key."""
        with closing(sqlite3.connect(self.folder / "journal.db")) as db, db:
            made = db.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_no_update'").fetchone()[0]
            db.execute("DROP TRIGGER entries_no_update")
            ((previous,),) = db.execute("SELECT hash FROM entries WHERE seq = ?", (begin - 1,)).fetchall()
            query = f"SELECT seq, {RAW_COLUMNS} FROM entries WHERE seq >= {begin} ORDER BY seq"  # noqa: S608  # literals
            for number, *columns in db.execute(query).fetchall():
                previous = link(previous, number, raw_content(columns))
                db.execute("UPDATE entries SET hash = ? WHERE seq = ?", (previous, number))
            db.execute(made)

    def verified(self) -> Verified:
        return verified(self.folder, KeyWitness(()), anchors=[one for one in self.anchors if one.exists()])

    def found(self) -> list[tuple[str, str]]:
        """Name and cause of each finding."""
        return [(one.where, one.cause) for one in self.verified().found]
