"""Checks the hash chain of the journal while its entries are read, and afterwards against what was signed of it.

The chain shows that nothing was changed in the middle; only what was signed, or is kept elsewhere, shows that the whole
was not written anew, cut or replaced by an older copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.checkpoint import Checkpoint, Keys
from rule_of_two.audit.findings import Finding, SignedHead
from rule_of_two.audit.pruned import PRUNED, PruneRecord, kept_digest, prune_in
from rule_of_two.store.chain import genesis, link
from rule_of_two.store.journal import Entry, Row, Unreadable
from rule_of_two.store.journal_schema import CHAINED
from rule_of_two.wording import counted

_BREAKS: Final = frozenset(("changed", "missing", "unchained"))
_MOST: Final = 1000
"""Findings of the chain that are named one by one."""


class Place(Struct, frozen=True):
    """Where checkpoints were found, as people are told, and what stands there; ``None`` for what is no checkpoint."""

    name: str
    checkpoints: tuple[Checkpoint | None, ...]


class Chain(Struct):
    """One journal's chain. ``kept`` has, of entries that pruning kept, the hash before each."""

    journal: str
    keys: Keys
    prune: PruneRecord | None = None
    kept: Mapping[int, bytes] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unchained_until: int = 0
    """Up to which entry nothing was chained when it was written."""
    last: int = 0
    _previous: bytes = b""
    _recorded: PruneRecord | None = None
    _kept: list[tuple[int, bytes]] = field(default_factory=list)
    _named: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin at the beginning, or after what was pruned."""
        self._previous = genesis(self.journal)
        if self.prune is not None:
            self.last, self._previous = self.prune.last, bytes.fromhex(self.prune.hash)

    @property
    def begins(self) -> bytes:
        """What stands before the very first entry, in place of a hash."""
        return genesis(self.journal)

    def watch(self, rows: Iterator[Row]) -> Iterator[Entry | Unreadable]:
        """The entries of the rows, each checked as it comes by."""
        for row in rows:
            self.check(row)
            yield row.entry

    def check(self, row: Row) -> None:
        """Check the row that follows those before it."""
        number = row.entry.number
        self.counts["chained"] += row.hash is not None
        if self.prune is not None and number <= self.prune.last:
            self._older(number, row)
            return
        if number > self.last + 1:
            lost = (
                f"entry #{self.last + 1}" if number == self.last + 2 else f"entries #{self.last + 1} to #{number - 1}"
            )
            self._add(self.last + 1, "missing", f"Before #{number} {lost} should stand: taken out.", row)
            # What follows them cannot be linked; it is taken as it is, and what follows that is checked again.
            self._previous = row.hash or self._previous
        elif row.hash is None or row.content is None:
            self._add(number, "unchained", "This entry has no place in the chain: no gateway wrote it.", row)
        elif link(self._previous, number, row.content) != row.hash:
            self._add(
                number, "changed", "This entry is not the one that was written here after the one before it.", row
            )
        self.last, self._previous = number, row.hash or self._previous
        if isinstance(row.entry, Entry) and row.entry.kind == "journal":
            self._told(row.entry)

    def _older(self, number: int, row: Row) -> None:
        """An entry that stands before what was pruned: it has to be one that was kept, as it was."""
        previous = self.kept.get(number)
        if previous is None:
            sentence = "This entry was pruned and is here: finish with `rule-of-two audit prune`, or it was put back."
            self._add(number, "pruned", sentence, row)
        elif row.hash is None or row.content is None or link(previous, number, row.content) != row.hash:
            self._add(number, "changed", "This entry, which pruning kept, is not what it was.", row)
        else:
            self._kept.append((number, row.hash))

    def _told(self, entry: Entry) -> None:
        event = entry.body.get("event")
        if event == CHAINED and isinstance(entry.body.get("to"), int) and entry.body.get("journal") == self.journal:
            self.unchained_until = max(self.unchained_until, min(entry.body["to"], entry.number))
        elif event == PRUNED:
            self._recorded = prune_in(entry.body.get("record"))

    def finish(self, guards: list[str]) -> None:
        """Check what pruning left, and that what keeps entries from being changed is there: ``guards`` are triggers
        that are not."""
        if guards:
            names = ", ".join(guards)
            self._add(0, "unguarded", f"What keeps entries from being changed is not there as it was made ({names}).")
        if self.prune is None:
            return
        genuine = self.keys.verifies(self.prune.key, self.prune.signature, self.prune.statement)
        if self.prune.journal != self.journal or not genuine or self._recorded != self.prune:
            self._add(self.prune.last, "prune_forged", "No gateway signed and wrote down that these were pruned.")
        elif kept_digest(self._kept) != self.prune.kept_digest:
            self._add(self.prune.last, "kept_changed", "The entries that pruning kept are not the ones that are here.")

    def compare(self, places: list[Place], heads: list[SignedHead], hash_of: Callable[[int], bytes | None]) -> None:
        """Check against what was signed. ``hash_of`` gives what is written beside an entry."""
        signed: dict[int, str] = {}
        for place in places:
            good = 0
            for one in place.checkpoints:
                if one is None:
                    self._add(0, "no_checkpoint", f"In {place.name} stands a line that is no checkpoint.")
                    continue
                good = self._compare(place, one, good, hash_of)
                self._fork(place, one, signed)
        for head in heads:
            self.counts["heads"] += 1
            if self._gone(head.number):
                continue
            if head.number > self.last:
                self._cut(head.number, f"{head.approver} signed the answer of #{head.by}")
            elif _hex(hash_of(head.number)) != head.hash:
                sentence = f"This entry, or one before it, was changed after {head.approver} signed the answer of "
                self._add(head.number, "rewritten", f"{sentence}#{head.by}, which names it.")

    def _compare(self, place: Place, one: Checkpoint, good: int, hash_of: Callable[[int], bytes | None]) -> int:
        """Check one checkpoint; the newest number up to which everything agrees."""
        if not self._ours(place, one) or self._gone(one.number):
            return good
        if one.number > self.last:
            self._cut(one.number, f"a checkpoint in {place.name} was signed, {one.at[:19]}Z,")
            return good
        if _hex(hash_of(one.number)) == one.hash:
            return one.number
        # Where the chain is broken on the way, which entry it is was found already.
        if not any(good < found.number <= one.number and found.cause in _BREAKS for found in self.found):
            span = f"#{good + 1} to #{one.number}" if good + 1 < one.number else f"#{one.number}"
            sentence = f"One of {span} was changed and the chain written anew, as a checkpoint in {place.name} shows."
            self._add(good + 1, "rewritten", sentence)
        return good

    def _ours(self, place: Place, one: Checkpoint) -> bool:
        """Whether it is a checkpoint of this journal that was not forged."""
        genuine = self.keys.verifies(one.key, one.signature, one.statement)
        if genuine is False:
            self._add(one.number, "forged_checkpoint", f"A checkpoint of it in {place.name} was not signed as it says.")
            return False
        if one.journal != self.journal:
            sentence = f"{place.name} has checkpoints of another journal: this file was put in the place of that one."
            self._add(0, "replaced", sentence)
            return False
        self.counts["checkpoints"] += 1
        if genuine is None:
            sentence = f"A checkpoint of it in {place.name} is signed by a key that is not this gateway's."
            self._add(one.number, "unknown_key", sentence)
        return True

    def _fork(self, place: Place, one: Checkpoint, signed: dict[int, str]) -> None:
        other = (
            signed.setdefault(one.number, one.hash)
            if self.keys.verifies(one.key, one.signature, one.statement)
            else None
        )
        if other is not None and other != one.hash:
            sentence = f"Gateways signed two different entries of this number, one in {place.name}: two copies of this "
            self._add(one.number, "forked", f"{sentence}journal were written to.")

    def _gone(self, number: int) -> bool:
        return number == 0 or (self.prune is not None and number <= self.prune.last)

    def _cut(self, number: int, when: str) -> None:
        missing = f"#{self.last + 1} to #{number}" if number > self.last + 1 else f"#{number}"
        sentence = f"When {when} there was {missing}, which is missing: the end was cut off, or an older copy put back."
        self._add(self.last + 1, "cut", sentence)

    def _add(self, number: int, cause: str, sentence: str, row: Row | None = None) -> None:
        decision = row is not None and isinstance(row.entry, Entry) and row.entry.kind == "decision"
        finding = Finding(number, decision and row is not None and row.entry.number == number, cause, sentence)
        self.counts["broken"] += 1
        if (number, cause) not in self._named and len(self.found) < _MOST:
            self._named.add((number, cause))
            self.found.append(finding)

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "journal": self.journal,
            "last": self.last,
            "chained": self.counts["chained"],
            "unchained_until": self.unchained_until,
            "checkpoints": self.counts["checkpoints"],
            "signed_heads": self.counts["heads"],
            "pruned": None if self.prune is None else self.prune.as_facts(),
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        counts = self.counts
        yield (
            f"Chain: {counts['chained']} entries up to #{self.last}, compared with "
            f"{counted(counts['checkpoints'], 'checkpoint')} and {counted(counts['heads'], 'signed answer')}."
        )
        if self.prune is not None:
            yield (
                f"Pruned: everything up to #{self.prune.last}, {self.prune.kept} entries kept, {self.prune.at[:19]}Z."
            )
        if self.unchained_until:
            yield (
                f"Not checked: entries up to #{self.unchained_until} were written before there was a chain; that "
                "nothing was changed in them before it began cannot be shown."
            )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
