"""Which of the journal's oldest entries can go, and taking them away so that the rest can still be checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import orjson
from msgspec import Struct, field

from rule_of_two.audit.chain import Chain
from rule_of_two.audit.checkpoint import Keys, Signer
from rule_of_two.audit.findings import Finding
from rule_of_two.audit.pruned import PRUNED, PruneRecord, kept_digest, pruned
from rule_of_two.errors import StoreError
from rule_of_two.store.database import Database
from rule_of_two.store.journal import Entry, JournalStore, Line
from rule_of_two.store.pruning import Pruning

LEAST_DAYS: Final = 1
"""What is younger is never pruned: a question, a grant, or a result that is held lasts less."""
_RECENT: Final = 100


class Broken(StoreError):
    """The chain is broken where it would be pruned: that would remove the evidence."""


class Plan(Struct, frozen=True):
    """What would be pruned: everything up to ``last`` but ``kept``, which has of each entry the hash before it.
    ``hash`` is that of the entry ``last``, ``removed`` how many entries go, and ``digest`` over their hashes."""

    first: int
    last: int
    hash: bytes
    removed: int
    from_at: str
    to_at: str
    digest: str
    kept: dict[int, bytes] = field(default_factory=dict)
    kept_hashes: list[tuple[int, bytes]] = field(default_factory=list)

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "first": self.first,
            "last": self.last,
            "removed": self.removed,
            "kept": sorted(self.kept),
            "from": self.from_at,
            "to": self.to_at,
        }


def needed(state: Database) -> set[int]:
    """The decisions that sessions which have not ended hold or reserve labels by, and that the ledger names.

    :raises StoreError: the state cannot be read.
    """
    query = (
        "SELECT held_a FROM sessions WHERE ended_at IS NULL UNION SELECT held_b FROM sessions WHERE ended_at IS NULL "
        "UNION SELECT held_c FROM sessions WHERE ended_at IS NULL UNION SELECT number FROM reservations "
        "UNION SELECT decision FROM ledger"
    )
    rows = state.read(lambda db: db.execute(query).fetchall())
    return {row[0] for row in rows if isinstance(row[0], int) and row[0] > 0}


def plan(store: JournalStore, state: Database, keys: Keys, *, before: str) -> Plan | None:
    """What can be pruned of what was written before a time (ISO 8601, UTC); ``None``: nothing.

    # INVARIANT: nothing that a live session, the ledger or a younger entry refers to goes, so that `why`, the console
    # and `audit verify` tell of what is left what they told before; tests/gateway/test_pruning.py.

    :raises Broken: an entry that would go, or be kept, is not the one that was written.
    :raises StoreError: the journal or the state cannot be read.
    """
    pruning, record = Pruning(store), pruned(store)
    begin = pruning.first_since(before)
    last = begin - 1
    if last <= (record.last if record else 0):
        return None
    kept = _kept(store, pruning, needed(state), begin)
    chain = Chain(store.id, keys, record, store.kept())
    hashes, digest = dict(chain.kept), hashlib.sha256()
    removed, first, times = 0, 0, ["", ""]
    previous, kept_hashes = b"", list[tuple[int, bytes]]()
    for number, at, its_hash in _until(store, last, chain):
        if number in kept:
            hashes.setdefault(number, previous or chain.begins)
            kept_hashes.append((number, its_hash))
        else:
            removed, first = removed + 1, first or number
            digest.update(its_hash)
            times = [times[0] or at, at]
        previous = its_hash
    if not removed:
        return None
    return Plan(
        first,
        last,
        previous,
        removed,
        times[0],
        times[1],
        digest.hexdigest(),
        {number: hashes[number] for number, _ in kept_hashes},
        kept_hashes,
    )


def _until(store: JournalStore, last: int, chain: Chain) -> Iterator[tuple[int, str, bytes]]:
    """Number, time and hash of each entry up to ``last``, if it is the one that was written."""
    for row in store.rows():
        if row.entry.number > last:
            return
        chain.check(row)
        if chain.found or row.hash is None or not isinstance(row.entry, Entry):
            raise Broken(_broken(chain.found, row.entry.number))
        yield row.entry.number, row.entry.at, row.hash


def _broken(found: list[Finding], number: int) -> str:
    where = found[0].where if found else f"#{number}"
    return f"the journal is broken at {where}, so nothing is pruned: `rule-of-two audit verify` tells more"


def _kept(store: JournalStore, pruning: Pruning, held: set[int], begin: int) -> set[int]:
    """The numbers of entries before ``begin`` that something still refers to, with all that they refer to."""
    wanted = {number for number in held if number < begin} | pruning.named_since(begin)
    questions, seen, kept = pruning.grants_since(begin), set[int](), set[int]()
    asked = set[str]()
    while wanted - seen or questions - asked:
        for question in questions - asked:
            wanted |= {one.decision for one in store.answers_to(question) if one.decision and one.decision < begin}
        asked |= questions
        found = pruning.of_decisions(wanted - seen, before=begin)
        seen |= wanted
        kept |= found.keys()
        wanted |= {decision for decision, _ in found.values() if decision is not None}
        questions |= {question for _, question in found.values() if question is not None}
    return kept | pruning.always_kept(begin, recent=_RECENT)


async def prune(store: JournalStore, one: Plan, signer: Signer, *, now: Callable[[], str]) -> PruneRecord:
    """Write down, signed, that it is pruned, then take it away.

    :raises StoreError: it could not be written down, and nothing is pruned; or not all of it could be taken away, and
        pruning again does the rest.
    """
    record = PruneRecord(
        journal=store.id,
        first=one.first,
        last=one.last,
        hash=one.hash.hex(),
        removed=one.removed,
        kept=len(one.kept),
        from_at=one.from_at,
        to_at=one.to_at,
        digest=one.digest,
        kept_digest=kept_digest(one.kept_hashes),
        at=now(),
        key="",
    ).signed(signer)
    pruning, facts = Pruning(store), record.as_facts()
    line = Line(record.at, "journal", None, None, {"event": PRUNED, "record": facts})
    await pruning.record(one.last, orjson.dumps(facts).decode(), one.kept, line)
    await pruning.remove(one.last)
    return record


async def finish(store: JournalStore) -> int:
    """Take away what an earlier pruning wrote down and did not come to; how many entries that were.

    :raises StoreError: it could not be.
    """
    record = pruned(store)
    return 0 if record is None else await Pruning(store).remove(record.last)


def since(now: datetime, seconds: float) -> str:
    """The time so many seconds before, as entries have it."""
    return datetime.fromtimestamp(now.timestamp() - seconds, now.tzinfo).isoformat(timespec="microseconds")
