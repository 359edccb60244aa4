"""Checks a bundle with nothing but the file: that it is whole, who signed it, its chain and receipts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from msgspec import Struct, field

from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.approvals.keys import PublicKey
from rule_of_two.audit.bundle import (
    CHAIN,
    CHECKPOINT,
    ENTRIES,
    KEYS,
    MANIFEST,
    PRUNE,
    NotABundle,
    Unpacked,
    statement,
    unpacked,
)
from rule_of_two.audit.checkpoint import checkpoint_in
from rule_of_two.audit.findings import Finding
from rule_of_two.audit.pruned import kept_digest, prune_in
from rule_of_two.audit.verify import verify
from rule_of_two.errors import ConfigurationError
from rule_of_two.escape import visible
from rule_of_two.gateway.journal_key import GatewayKeys
from rule_of_two.gateway.witness import KeyWitness
from rule_of_two.model import Approver
from rule_of_two.store.chain import content, genesis, link
from rule_of_two.store.journal import Entry

_ELSEWHERE: Final = frozenset(("no_word", "unknown_question"))
"""Findings that what is in other sessions can explain."""
_BROKEN: Final = (KeyError, ValueError, TypeError, AttributeError, ConfigurationError)


class BundleCheck(Struct):
    """What was found. ``signers`` are those whose signatures hold, each with the fingerprint of the key in the bundle
    and whether it is one that whoever checks knows."""

    about: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    signers: list[tuple[str, str, str, bool]] = field(default_factory=list)
    receipts: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.findings

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "good": self.good,
            "about": self.about,
            "signed_by": [{"by": by, "as": role, "key": key, "known": known} for by, role, key, known in self.signers],
            "receipts": self.receipts,
            "problems": self.problems,
            "findings": [one.as_facts() for one in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        made = self.about.get("made")
        if isinstance(made, Mapping):
            who = visible(f"{self.about.get('session')}, made by {made.get('by')}, {made.get('at')}")
            yield f"Evidence of the session {who}, rule-of-two {visible(str(made.get('version')))}."
        for by, role, key, known in self.signers:
            told = "a key that you named" if known else "compare it with what its owner tells you"
            yield f"Signed by {visible(by)} ({visible(role)}), {key}: {told}."
        yield f"Receipts: {self.receipts} verified with the keys in the bundle."
        if self.good:
            yield "Nothing is wrong: the chain leads from its entries to the signed checkpoint."
        else:
            yield "It does not hold:"
            yield from (f"  {visible(one)}" for one in self.problems)
            yield from (f"  {one.line}" for one in self.findings)


def check(data: bytes, *, known: frozenset[str] = frozenset()) -> BundleCheck:
    """Check a bundle. ``known`` are fingerprints of keys that whoever checks knows already. Never raises."""
    found = BundleCheck()
    try:
        bundle = unpacked(data)
        found.about = {key: value for key, value in bundle.manifest.items() if key not in {"files", "type"}}
        keys = _Keys(orjson.loads(bundle.files[KEYS]))
        _signatures(bundle, keys, found, known)
        entries = _chain(bundle, keys, found)
        result = verify(entries, KeyWitness(keys.approvers))
        found.receipts = result.findings.counts["signed"]
        found.findings = [one for one in result.found if one.cause not in _ELSEWHERE]
    except NotABundle as error:
        found.problems.append(f"The file is not the one that was made: {error}.")
    except _BROKEN as error:
        found.problems.append(f"Something in it cannot be read ({type(error).__name__}): no gateway made it so.")
    return found


class _Keys:
    """The public keys in a bundle."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.gateway = PublicKey.parse(value["gateway"])
        self.gateways = GatewayKeys([self.gateway])
        self.approvers = [
            Enrolled(
                Approver(one["name"], one["user"], one["tenant"], tuple(one["roles"]), signed=True),
                PublicKey.parse(one["key"]),
            )
            for one in value["approvers"]
        ]


def _signatures(bundle: Unpacked, keys: _Keys, found: BundleCheck, known: frozenset[str]) -> None:
    """Whose signatures under the manifest hold; at least one has to."""
    said = statement(bundle.files[MANIFEST])
    for one in bundle.signatures:
        key = PublicKey.parse(one["key"])
        if not key.verifies(one["signature"], said):
            found.problems.append(f"The signature of {one['by']} is not under this bundle.")
        elif one["as"] == "gateway" and key != keys.gateway:
            found.problems.append("It is signed as by the gateway with another key than the gateway's.")
        else:
            fingerprint = key.fingerprint
            found.signers.append((one["by"], one["as"], fingerprint, fingerprint in known))
    if not bundle.signatures:
        found.problems.append("Nobody signed it.")


def _chain(bundle: Unpacked, keys: _Keys, found: BundleCheck) -> list[Entry]:
    """The session's entries, followed to the checkpoint."""
    own = {line["number"]: line for line in map(orjson.loads, bundle.files[ENTRIES].splitlines())}
    begin, *others = [orjson.loads(line) for line in bundle.files[CHAIN].splitlines()]
    checkpoint = checkpoint_in(bundle.files[CHECKPOINT].decode())
    if checkpoint is None or not keys.gateways.verifies(checkpoint.key, checkpoint.signature, checkpoint.statement):
        found.problems.append("No gateway signed its checkpoint.")
        return []
    journal, session = bundle.manifest["journal"], bundle.manifest["session"]
    if checkpoint.journal != journal or (begin["begin"] == 1 and bytes.fromhex(begin["after"]) != genesis(journal)):
        found.problems.append("It is about another journal than its checkpoint.")
    foreign = {one["number"]: bytes.fromhex(one["content"]) for one in others if "content" in one}
    older = {one["number"]: bytes.fromhex(one["kept_after"]) for one in others if "kept_after" in one}
    digests = {number: _content(line) for number, line in own.items()}
    hashes = dict[int, bytes]()
    previous = bytes.fromhex(begin["after"])
    for number in range(begin["begin"], checkpoint.number + 1):
        inside = digests.get(number) or foreign.get(number)
        if inside is None:
            found.problems.append(f"Entry #{number} is missing in the chain.")
            return []
        previous = hashes[number] = link(previous, number, inside)
    if previous.hex() != checkpoint.hash:
        found.problems.append("The chain does not lead to its checkpoint: an entry is not the one that was written.")
    hashes |= {number: link(before, number, digests[number]) for number, before in older.items()}
    for number, line in own.items():
        if hashes.get(number, b"").hex() != line["hash"] or line["session"] != session:
            found.problems.append(f"Entry #{number} is not the one that was written.")
    _pruned(bundle, keys, found, {number: hashes[number] for number in older}, begin)
    return [_entry(line) for line in own.values()]


def _pruned(
    bundle: Unpacked, keys: _Keys, found: BundleCheck, older: Mapping[int, bytes], begin: Mapping[str, Any]
) -> None:
    """Entries that pruning kept are vouched for by its record."""
    if PRUNE not in bundle.files:
        if older:
            found.problems.append("It has entries from before a pruning, and no record of that.")
        return
    value = orjson.loads(bundle.files[PRUNE])
    record = prune_in(value["record"])
    kept = [(int(number), bytes.fromhex(text)) for number, text in value["kept"]]
    genuine = record is not None and keys.gateways.verifies(record.key, record.signature, record.statement)
    if record is None or not genuine or kept_digest(kept) != record.kept_digest:
        found.problems.append("No gateway signed its record of pruning.")
    elif any(dict(kept).get(number) != its_hash for number, its_hash in older.items()):
        found.problems.append("An entry that pruning kept is not the one that was written.")
    elif begin["begin"] == record.last + 1 and begin["after"] != record.hash:
        found.problems.append("The chain does not begin where pruning ended.")


def _content(line: Mapping[str, Any]) -> bytes:
    return content(line["at"], line["kind"], line["session"], line["decision"], line["body"].encode())


def _entry(line: Mapping[str, Any]) -> Entry:
    body = orjson.loads(line["body"])
    if not isinstance(body, dict):
        raise TypeError("no object")
    return Entry(line["number"], line["at"], line["kind"], line["session"], line["decision"], body)
