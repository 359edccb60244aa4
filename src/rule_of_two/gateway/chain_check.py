"""What the journal's chain is checked against: keys, checkpoints and anchors, gathered from where they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from rule_of_two.approvals.keys import PublicKey
from rule_of_two.audit.chain import Chain, Place
from rule_of_two.audit.checkpoint import checkpoints_in
from rule_of_two.audit.pins import PinRecords
from rule_of_two.audit.pruned import pruned
from rule_of_two.audit.testimony import Witness
from rule_of_two.audit.verify import Verified, verify
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.anchoring import ANCHOR
from rule_of_two.gateway.journal_key import GatewayKeys, known_keys, public_file
from rule_of_two.store.checkpoints import CheckpointStore
from rule_of_two.store.journal import JournalStore
from rule_of_two.store.state import open_state

_LONGEST: Final = 4096


def verified(
    state: Path,
    witness: Witness,
    *,
    pins: PinRecords | None = None,
    anchors: Iterable[Path] = (),
    keys: Iterable[PublicKey] = (),
) -> Verified:
    """Check the journal of a state folder, its chain included, and the ``pins`` of its state. ``anchors`` are files of
    checkpoints besides the one in the folder, ``keys`` public keys of gateways besides those in it.

    :raises ConfigurationError: a file cannot be read.
    :raises StoreError: the state or the journal cannot be opened.
    """
    known = GatewayKeys([*known_keys([public_file(state)]), *keys])
    places = _places(state, anchors)  # before the entries are read, so that none of them is newer than those
    with closing(JournalStore(state)) as store:
        chain = Chain(store.id, known, pruned(store), store.kept())
        result = verify(chain.watch(store.rows()), witness, pins)
        chain.finish(store.missing_guards())
        chain.compare(places, result.findings.heads, store.hash_of)
    return Verified(result.findings, chain)


def _places(state: Path, anchors: Iterable[Path]) -> list[Place]:
    with closing(open_state(state)) as database:
        kept = CheckpointStore(database).everything()
    places = [Place("the state", tuple(checkpoints_in(kept)))]
    beside = state / ANCHOR
    if beside.exists():
        places.append(_place(beside))
    return [*places, *map(_place, anchors)]


def _place(path: Path) -> Place:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return Place(str(path), tuple(checkpoints_in(iter(lambda: file.readline(_LONGEST), ""))))
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror}); it is one of the anchors", file=path) from error
