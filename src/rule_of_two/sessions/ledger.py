"""What was stored, and what reading it brings: the labels of stored resources (DESIGN "memory and files across
sessions"). One ledger for all sessions and gateways on a state; it survives them all.

A write stamps what it writes before it is sent. Reading a resource, something that holds it, or something in a folder
that was written as a whole, brings the labels. Nothing takes a stamp away; an endorsement covers those made before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import orjson
from msgspec import Struct

from rule_of_two.model import (
    INGRESS,
    NONE,
    ORDER,
    Action,
    Facts,
    Label,
    Labels,
    SessionView,
    StoredLabel,
    StoredResource,
)
from rule_of_two.records import replace
from rule_of_two.sessions.memory import Memory, StampRow
from rule_of_two.sessions.places import Place, place_of, storable
from rule_of_two.store.database import Database

T = TypeVar("T")

_BY_ENTRY: Final = frozenset((Action.CALL_TOOL, Action.READ_RESOURCE, Action.GET_PROMPT))
"""What a manifest's entry says the writes of, also that there are none."""
_READ: Final = tuple(label for label in ORDER if label in INGRESS)
_COLUMNS: Final = "number, store, kind, value, place, label, decision, session, tenant, origin, at"
_WHOLE: Final = f"SELECT {_COLUMNS} FROM ledger WHERE store = ? AND label = ? AND place IS NULL"  # noqa: S608  # literals
_ALL: Final = f"SELECT {_COLUMNS} FROM ledger WHERE store = ? AND label = ?"  # noqa: S608  # literals
_HOLDING: Final = (
    f"SELECT {_COLUMNS} FROM ledger WHERE store = ? AND label = ? AND kind = ? "  # noqa: S608  # literals
    "AND place IN (SELECT value FROM json_each(?))"
)
_HELD: Final = (
    f"SELECT {_COLUMNS} FROM ledger WHERE store = ? AND label = ? AND kind = ? "  # noqa: S608  # literals
    "AND place >= ? AND place < ?"
)
_EXACT: Final = f"SELECT {_COLUMNS} FROM ledger WHERE store = ? AND label = ? AND kind = ? AND place = ?"  # noqa: S608  # literals
_STAMP: Final = (
    "INSERT INTO ledger (store, kind, value, place, label, decision, session, tenant, origin, at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_MADE: Final = f"SELECT {_COLUMNS} FROM ledger WHERE number IN (SELECT value FROM json_each(?))"  # noqa: S608  # literals
_SAME: Final = 256
_REMEMBERED: Final = 10_000
"""Resources whose labels are kept in memory as long as nobody changes the state."""


class Stamp(Struct, frozen=True):
    """One row: ``label`` was brought to ``resource`` by the write that ``decision`` let pass."""

    number: int
    resource: StoredResource
    place: Place
    label: Label
    decision: int
    session: str
    tenant: str
    origin: str
    """What wrote it, for people: ``notes__add``."""
    at: str


class Cover(Struct, frozen=True):
    """An endorsement that counts: the stamps of this resource and of what stands in it, up to a number, by sessions of
    the approver's tenant. What was read, if it is this or stands in it, is covered from stamps of all that hold it too.
    """

    resource: StoredResource
    labels: Labels
    up_to: int
    tenant: str

    def covers(self, stamp: Stamp, read: Place) -> bool:
        """Whether the stamp no longer counts for what is read."""
        own = place_of(self.resource)
        return (
            stamp.number <= self.up_to
            and stamp.label in self.labels
            and stamp.tenant == self.tenant
            and (own.holds(stamp.place) or own.holds(read))
        )


class Due(Struct, frozen=True):
    """What a call has to stamp before it is sent."""

    resource: StoredResource
    labels: Labels


class Uncounted(Protocol):
    """Says which stamps do not count."""

    def covers(self, stamp: Stamp, read: Place) -> bool:
        """Whether this one does not, for what is read."""


class _Own(Struct, frozen=True):
    """The stamps of one decision: what a call wrote itself is no news to it."""

    decision: int

    def covers(self, stamp: Stamp, read: Place) -> bool:
        return stamp.decision == self.decision


Covers = Callable[[sqlite3.Connection, str], tuple[Uncounted, ...]]
"""The endorsements of a store that count now, each verified."""


def none_covered(db: sqlite3.Connection, store: str) -> tuple[Cover, ...]:
    """Where nobody endorses."""
    return ()


class Ledger:
    """The ledger as one connection's pipeline uses it.

    Every method raises :class:`StoreError` where the state cannot be used, and for good once a stamp that this process
    made was found gone.
    """

    def __init__(
        self,
        database: Database,
        memory: Memory,
        *,
        tenant: str,
        stores: Mapping[str, str],
        clock: Callable[[], str],
        covers: Covers = none_covered,
    ) -> None:
        """``stores`` says of each upstream which store it keeps things in; one that is missing has its own.
        ``memory`` is that of the connection's session."""
        self._database = database
        self._memory = memory
        self._tenant = tenant
        self._stores = stores
        self._clock = clock
        self._covers = covers
        self._version = (-1, -1)
        self._kept: dict[tuple[str, StoredResource], Any] = {}
        self._same: dict[int, tuple[Facts, Facts]] = {}
        """Facts as they were looked up, by their identity, which is theirs as long as they are kept here."""

    def looked_up(self, facts: Facts) -> Facts:
        """The facts with the labels of what the call reads. Only A and B, never C."""
        if not facts.reads and not facts.labels & INGRESS:
            return facts
        return self._read(lambda db: self._joined(db, facts))

    def _joined(self, db: sqlite3.Connection, facts: Facts) -> Facts:
        """The same, of the very same facts from memory, where no argument of a call says what is read."""
        if db.in_transaction or facts.reads or facts.targets or facts.writes:
            return self._with_stored(db, facts)
        known = self._same.get(id(facts))
        if known is None or known[0] is not facts:
            if len(self._same) >= _SAME:
                self._same.clear()
            known = self._same[id(facts)] = facts, self._with_stored(db, facts)
        return known[1]

    def _with_stored(self, db: sqlite3.Connection, facts: Facts) -> Facts:
        added = {one.label: one for one in self._reading(db, facts)}
        new = tuple(one for label, one in sorted(added.items()) if label not in facts.labels)
        if not new:
            return facts
        return replace(facts, labels=facts.labels.union(added), stored=(*facts.stored, *new))

    def clinging(self, facts: Facts, decision: int) -> Labels:
        """The labels of what the call reads, also where it could bring them itself, but for the stamps of the decision
        that let it pass."""
        if not facts.reads and not facts.labels & INGRESS:
            return NONE
        if not self._read(lambda db: tuple(self._reading(db, facts))):  # by far the most usual
            return NONE
        covers = partial(self._but_own, decision)

        def found(db: sqlite3.Connection) -> list[Stamp]:
            stamps = [one for resource in facts.reads for one in stamps_of(db, resource, covers)]
            if facts.labels & INGRESS:
                stamps += _first(db, self._store(facts), covers, _whole_only)
            return stamps

        return frozenset(one.label for one in self._read(found))

    def grown(self, facts: Facts, decision: int) -> Labels:
        """The labels of facts that were known at a decision, with those that what they read has gained since, but for
        the stamps of that decision itself."""
        labels = self.looked_up(facts).labels
        return labels if labels == facts.labels else facts.labels | self.clinging(facts, decision)

    def _but_own(self, decision: int, db: sqlite3.Connection, store: str) -> tuple[Uncounted, ...]:
        return (*self._covers(db, store), _Own(decision))

    def due(self, facts: Facts, view: SessionView) -> tuple[Due, ...]:
        """What a call of these facts, as they are known, has to stamp if it is sent: what the session has seen then,
        and what clings to all that it reads or names. Empty where all of it is stamped already.

        # INVARIANT: nothing that carries A or B, or is written by a session that does, is stored without them;
        # tests/attacks/test_laundering.py.
        """
        writes = self._writes(facts)
        return self._read(lambda db: self._due(db, facts, view, writes)) if writes else ()

    def stamp(self, db: sqlite3.Connection, number: int, session: str, origin: str, due: Iterable[Due]) -> None:
        """Stamp in the transaction that decides the call ``number``."""
        for one in due:
            place, kind, value = place_of(one.resource), storable(one.resource.kind), one.resource.value
            text = None if value is None else storable(value)
            for label in sorted(one.labels):
                row = (place.store, place.kind or kind, text, place.key, label)
                whole = (*row, number, session, self._tenant, storable(origin), self._clock())
                self._memory.stamping(db.execute(_STAMP, whole).lastrowid or 0, whole)

    def _store(self, facts: Facts) -> StoredResource:
        """All of the store that an upstream keeps things in."""
        return StoredResource(self._stores.get(facts.upstream, facts.upstream), "store", None)

    def _writes(self, facts: Facts) -> tuple[StoredResource, ...]:
        if facts.writes or facts.action in _BY_ENTRY or not facts.acts:
            return facts.writes
        return (self._store(facts),)

    def _due(
        self, db: sqlite3.Connection, facts: Facts, view: SessionView, writes: tuple[StoredResource, ...]
    ) -> tuple[Due, ...]:
        named = (one for resource in (*facts.reads, *writes) for one in self._of(db, resource))
        labels = INGRESS & {*view.after, *facts.labels, *(one.label for one in named)}
        if not labels:
            return ()
        missing = ((resource, labels - self._exact(db, resource)) for resource in dict.fromkeys(writes))
        return tuple(Due(resource, lacking) for resource, lacking in missing if lacking)

    def _reading(self, db: sqlite3.Connection, facts: Facts) -> Iterator[StoredLabel]:
        """What the call reads. A later one of the same label is the better explanation: it was named."""
        if facts.labels & INGRESS:
            yield from self._of_whole(db, self._store(facts))
        for resource in facts.reads:
            yield from self._of(db, resource)

    def _of(self, db: sqlite3.Connection, resource: StoredResource) -> tuple[StoredLabel, ...]:
        return self._remembered(
            db, "read", resource, lambda: self._told(resource, stamps_of(db, resource, self._covers))
        )

    def _of_whole(self, db: sqlite3.Connection, store: StoredResource) -> tuple[StoredLabel, ...]:
        return self._remembered(
            db, "whole", store, lambda: self._told(store, _first(db, store, self._covers, _whole_only))
        )

    def _exact(self, db: sqlite3.Connection, resource: StoredResource) -> Labels:
        return self._remembered(
            db, "exact", resource, lambda: frozenset(one.label for one in _first(db, resource, self._covers, _exactly))
        )

    def _told(self, read: StoredResource, stamps: Iterable[Stamp]) -> tuple[StoredLabel, ...]:
        return tuple(
            StoredLabel(one.label, one.resource, one.decision, one.session)
            if one.tenant == self._tenant
            else StoredLabel(one.label, read, None, None)
            for one in stamps
        )

    def _remembered(self, db: sqlite3.Connection, what: str, resource: StoredResource, find: Callable[[], T]) -> T:
        """What was found of a resource, from memory while nobody changed the state. Within a transaction it is always
        looked up: it can be rolled back."""
        if db.in_transaction:
            return find()
        if (what, resource) not in self._kept:
            if len(self._kept) >= _REMEMBERED:
                self._kept.clear()
            self._kept[what, resource] = find()
        kept: T = self._kept[what, resource]
        return kept

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read the state, once it is known whether somebody changed it."""

        def fresh(db: sqlite3.Connection) -> T:
            self._refresh(db)
            return work(db)

        return self._database.read(fresh)

    def _refresh(self, db: sqlite3.Connection) -> None:
        """Notice that somebody changed the state.

        :raises StoreError: a stamp of ours is gone.
        """
        self._memory.must_be_sound()
        version = (int(db.execute("PRAGMA data_version").fetchone()[0]), db.total_changes)
        if version == self._version:
            return
        if version[0] != self._version[0]:
            self._memory.compare_stamps(lambda numbers: db.execute(_MADE, (numbers,)).fetchall())
        self._kept.clear()
        self._same.clear()
        self._version = version


def restore(db: sqlite3.Connection, rows: Iterable[StampRow]) -> None:
    """Stamp again what is gone."""
    for row in rows:
        store, kind, _, place, label, *_ = row
        gone = "SELECT 1 FROM ledger WHERE store = ? AND kind = ? AND place IS ? AND label = ? LIMIT 1"
        if db.execute(gone, (store, kind, place, label)).fetchone() is None:
            db.execute(_STAMP, row)


def stamps_of(db: sqlite3.Connection, resource: StoredResource, covers: Covers) -> tuple[Stamp, ...]:
    """For each label that reading a resource brings, one stamp that says so."""
    return _first(db, resource, covers, _related)


def all_stamps(db: sqlite3.Connection) -> Iterator[Stamp]:
    """All rows, oldest first."""
    for row in db.execute(f"SELECT {_COLUMNS} FROM ledger ORDER BY number"):  # noqa: S608  # literals
        yield _stamp(row)


def stamps_in(db: sqlite3.Connection, resource: StoredResource) -> Iterator[Stamp]:
    """Everything that says what reading a resource brings, endorsed or not, oldest first."""
    place = place_of(resource)
    found = {row[0]: row for label in _READ for row in _related(db, place, label)}
    yield from (_stamp(found[number]) for number in sorted(found))


def newest(db: sqlite3.Connection) -> int:
    """The number of the newest stamp; 0 where there is none."""
    (number,) = db.execute("SELECT coalesce(max(number), 0) FROM ledger").fetchone()
    return int(number)


Search = Callable[[sqlite3.Connection, Place, Label], Iterator[Any]]


def _first(db: sqlite3.Connection, resource: StoredResource, covers: Covers, search: Search) -> tuple[Stamp, ...]:
    """Of each label the first stamp that a search finds and no endorsement covers."""
    place = place_of(resource)
    endorsed = covers(db, place.store)
    found = (_uncovered(search(db, place, label), endorsed, place) for label in _READ)
    return tuple(one for one in found if one is not None)


def _uncovered(rows: Iterable[Any], endorsed: tuple[Uncounted, ...], read: Place) -> Stamp | None:
    for row in rows:
        stamp = _stamp(row)
        if not any(cover.covers(stamp, read) for cover in endorsed):
            return stamp
    return None


def _related(db: sqlite3.Connection, place: Place, label: Label) -> Iterator[Any]:
    """All that stands in it, and all that it stands in."""
    if place.key is None:
        yield from db.execute(_ALL, (place.store, label))
        return
    holders = orjson.dumps(place.holders).decode()
    yield from db.execute(_HOLDING, (place.store, label, place.kind, holders))
    if place.held is not None:
        yield from db.execute(_HELD, (place.store, label, place.kind, *place.held))
    yield from db.execute(_WHOLE, (place.store, label))


def _whole_only(db: sqlite3.Connection, place: Place, label: Label) -> Iterator[Any]:
    yield from db.execute(_WHOLE, (place.store, label))


def _exactly(db: sqlite3.Connection, place: Place, label: Label) -> Iterator[Any]:
    if place.key is None:
        yield from db.execute(_WHOLE, (place.store, label))
    else:
        yield from db.execute(_EXACT, (place.store, label, place.kind, place.key))


def _stamp(row: Any) -> Stamp:
    number, store, kind, value, place, label, decision, session, tenant, origin, at = row
    resource = StoredResource(store, kind, None if value is None else str(value))  # whatever types somebody wrote
    where = Place(store, kind, None if place is None else str(place))
    decided = decision if isinstance(decision, int) else 0
    return Stamp(number, resource, where, label, decided, str(session), str(tenant), str(origin), str(at))
