"""What a live gateway knows of its sessions, held against what the state says now.

Labels only ever join, a drop and a freeze are never undone, and a reservation ends when its own call does. A state in
which that is not so was changed by somebody else, and says nothing about what the model has seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.errors import StoreError
from rule_of_two.model import NONE, Labels
from rule_of_two.sessions.compartments import Readers, in_common
from rule_of_two.sessions.key import lasting
from rule_of_two.sessions.rows import Row

StampRow = tuple[str, str, str | None, str | None, str, int, str, str, str, str]
"""A stamp without its number: store, kind, value, place, label, decision, session, tenant, origin and time."""

_STAMPS: Final = 1000
"""How many of its newest stamps a connection remembers."""


class _Known(Struct):
    labels: Labels = NONE
    dropped: bool = False
    frozen: bool = False
    key: str = ""
    boundary: str = ""
    readers: Readers = None
    """Nobody has more of them once it holds B."""


class Memory:
    """What one connection has seen of its sessions. Once something is amiss, it stays so until the process ends.

    # INVARIANT: nobody makes a live gateway forget by changing its state (tests/attacks/test_edited_state.py).
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._reserved: dict[int, tuple[str, Labels]] = {}
        self._stamps: dict[int, StampRow] = {}
        self._stamping: dict[int, StampRow] = {}
        self._amiss: str | None = None

    @property
    def amiss(self) -> bool:
        """Whether the state was found changed."""
        return self._amiss is not None

    def must_be_sound(self) -> None:
        """Refuse to go on with a state that was found changed.

        :raises StoreError: it was.
        """
        if self._amiss is not None:
            raise StoreError(self._amiss)

    def fail(self, what: str) -> StoreError:
        """From now on nothing is decided any more; the error to raise."""
        self._amiss = f"somebody changed the state: {what}. Nothing is allowed until the gateway is started again"
        return StoreError(self._amiss)

    def compare(self, db: sqlite3.Connection, connection: str, row: Row) -> None:
        """Hold a fresh reading against what is known, and learn it.

        :raises StoreError: something went that cannot go.
        """
        known = self._known.get(row.id)
        if known is None:
            known = self._known[row.id] = _Known()
        if missing := known.labels - row.held.keys():
            raise self.fail(f"the session {row.id} no longer holds {', '.join(sorted(missing))}")
        if known.dropped > row.dropped:
            raise self.fail(f"the session {row.id} has [C] again, which it gave up")
        if known.frozen > row.frozen:
            raise self.fail(f"the session {row.id} is no longer frozen")
        if known.key not in {"", row.key} or lasting(known.boundary) > lasting(row.boundary):
            raise self.fail(f"the session {row.id} belongs to somebody else, or ends sooner")
        if "B" in known.labels and in_common(known.readers, row.readers) != row.readers:
            raise self.fail(f"the session {row.id} has readers again that it had lost")
        if self._reserved:
            rows = db.execute("SELECT number FROM reservations WHERE connection = ?", (connection,)).fetchall()
            if gone := self._reserved.keys() - {number for (number,) in rows}:
                raise self.fail(f"the reservation of call d{min(gone)} is gone")
        known.labels |= row.held.keys()
        known.readers = row.readers
        known.dropped, known.frozen, known.key, known.boundary = row.dropped, row.frozen, row.key, row.boundary

    def begin(self) -> None:
        """A transaction begins, perhaps once more: nothing was stamped in it."""
        self._stamping.clear()

    def stamping(self, number: int, row: StampRow) -> None:
        """A stamp was made in a transaction that is not committed yet."""
        self._stamping[number] = row

    def committed(self) -> None:
        """The transaction was."""
        self._stamps.update(self._stamping)
        self._stamping.clear()
        while len(self._stamps) > _STAMPS:
            del self._stamps[next(iter(self._stamps))]

    @property
    def stamps(self) -> tuple[StampRow, ...]:
        """The newest stamps that were committed."""
        return tuple(self._stamps.values())

    def compare_stamps(self, find: Callable[[str], Sequence[Sequence[Any]]]) -> None:
        """Hold the ledger against the stamps that were made; ``find`` has the rows of these numbers (a JSON array), in
        order, each with its number first.

        :raises StoreError: one is gone, or says something else.
        """
        if not self._stamps:
            return
        rows = {row[0]: tuple(row[1:]) for row in find(orjson.dumps(list(self._stamps)).decode())}
        if gone := [number for number, row in self._stamps.items() if rows.get(number) != row]:
            raise self.fail(f"the stamp {gone[0]} of the ledger is gone")

    def reserved(self, number: int, session: str, labels: Labels) -> None:
        """A reservation was committed."""
        self._reserved[number] = (session, labels)

    def is_reserved(self, number: int) -> bool:
        """Whether a reservation must be in the state."""
        return number in self._reserved

    def settled(self, number: int) -> None:
        """A reservation was ended."""
        self._reserved.pop(number, None)

    def joined(self, session: str, labels: Labels, readers: Readers = None) -> None:
        """Labels were committed, with who may read the private data among it."""
        known = self._known.setdefault(session, _Known())
        if "B" in labels:
            known.readers = in_common(known.readers, readers) if "B" in known.labels else readers
        known.labels |= labels

    def everything(self) -> list[tuple[str, Labels, bool, bool]]:
        """What is known of each session: its labels, those of calls under way, and whether it was dropped or frozen."""
        flying: dict[str, Labels] = {}
        for session, labels in self._reserved.values():
            flying[session] = flying.get(session, NONE) | labels
        return [
            (session, known.labels | flying.get(session, NONE), known.dropped, known.frozen)
            for session, known in self._known.items()
        ]
