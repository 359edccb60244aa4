"""What pruning leaves behind: a signed record of what was removed, by which the rest of the chain can be checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from msgspec import Struct, structs

from rule_of_two.audit.checkpoint import Signer
from rule_of_two.records import replace
from rule_of_two.store.journal import JournalStore

PRUNE_TYPE: Final = "rule-of-two/prune/1"
PRUNED: Final = "pruned"
"""The event of the entry that repeats the record in the journal."""


class PruneRecord(Struct, frozen=True):
    """Everything up to the entry ``last``, whose hash is ``hash``, was removed, but ``kept`` entries that are still
    needed. ``removed`` counts what this pruning took away, from the entry ``first`` on, written between ``from_at`` and
    ``to_at``; ``digest`` is SHA-256 over the hashes of these in order, and ``kept_digest`` over number and hash of each
    entry that was kept. Digests are hexadecimal, times ISO 8601, UTC."""

    journal: str
    first: int
    last: int
    hash: str
    removed: int
    kept: int
    from_at: str
    to_at: str
    digest: str
    kept_digest: str
    at: str
    key: str
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """The bytes that are signed."""
        members = self.as_facts()
        del members["signature"]
        return orjson.dumps({"type": PRUNE_TYPE, **members}, option=orjson.OPT_SORT_KEYS)

    def as_facts(self) -> dict[str, Any]:
        """All members."""
        return structs.asdict(self)

    def signed(self, signer: Signer) -> PruneRecord:
        """The same with the signature."""
        named = replace(self, key=signer.fingerprint)
        return replace(named, signature=signer.sign(named.statement))


def prune_in(value: object) -> PruneRecord | None:
    """The record in a JSON object; ``None``: it is none."""
    if not isinstance(value, Mapping):
        return None
    wanted = {field.name: field.type for field in structs.fields(PruneRecord)}
    if value.keys() != wanted.keys() or any(type(value[name]) is not kind for name, kind in wanted.items()):
        return None
    return PruneRecord(**value)


def kept_digest(kept: Iterable[tuple[int, bytes]]) -> str:
    """Over number and hash of each entry that was kept, in order."""
    digest = hashlib.sha256()
    for number, its_hash in kept:
        digest.update(number.to_bytes(8, "big") + its_hash)
    return digest.hexdigest()


def pruned(store: JournalStore) -> PruneRecord | None:
    """The newest record of pruning, as it stands in the file."""
    text = store.prune()
    try:
        return None if text is None else prune_in(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None
