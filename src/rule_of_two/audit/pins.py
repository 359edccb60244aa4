"""Checks that whoever is said to have accepted a definition did: each pin of a state against the answers in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from rule_of_two.audit.findings import Findings
from rule_of_two.audit.testimony import ACCEPT, Said, Standing, Witness
from rule_of_two.store.pins import FIRST_USE, Pin, PinAnswer, PinStore

_WRONG: Final = {
    Standing.FORGED: ("bad_signature", "The word for {} is not signed by the key that is enrolled for {}."),
    Standing.NO_KEY: ("unknown_key", "The word for {} is signed in the name of {} by a key that is not enrolled."),
}


class PinRecords(Struct, frozen=True):
    """What a state holds: its identity, its pins by upstream, and what people said of each upstream's definitions."""

    state: str
    pins: tuple[tuple[str, Pin], ...]
    answers: tuple[tuple[str, PinAnswer], ...]

    @classmethod
    def of(cls, store: PinStore) -> PinRecords:
        """:raises StoreError: the state cannot be read."""
        pins = tuple(store.everything())
        upstreams = dict.fromkeys(upstream for upstream, _ in pins)
        return cls(store.state, pins, tuple((one, answer) for one in upstreams for answer in store.answers(one)))


def check_pins(records: PinRecords, witness: Witness, findings: Findings) -> None:
    """Note each pin that nobody's word covers, but those that were accepted as first seen, which are counted.

    # INVARIANT: a pin that claims somebody's word, or claims first use where somebody has spoken, is named;
    # tests/audit/test_pins.py.
    """
    for upstream, pin in records.pins:
        name = f"{pin.kind} {pin.name} of {upstream}"
        said = list(_said(records, upstream, pin, witness))
        if pin.accepted_by == FIRST_USE:
            if any(one.choice == ACCEPT for one in said):
                findings.add_pin(name, "not_first_use", "It is marked as first seen, and somebody had spoken.")
            else:
                findings.counts["pins_first_use"] += 1
            continue
        last = next((one for one in reversed(said) if one.choice == ACCEPT), None)
        if last is None or last.digest != pin.digest:
            findings.add_pin(name, "uncovered_pin", "Nobody's word covers the definition that is accepted.")
        elif (wrong := _WRONG.get(last.standing)) is not None:
            findings.add_pin(name, wrong[0], wrong[1].format("it", last.approver))
        else:
            findings.counts["pins_signed" if last.standing is Standing.SIGNED else "pins_unsigned"] += 1


def _said(records: PinRecords, upstream: str, pin: Pin, witness: Witness) -> Iterable[Said]:
    """What people said of the definition of that name, oldest first; what is no answer to it does not count."""
    about = (records.state, upstream, pin.kind, pin.name)
    for of, row in records.answers:
        if (of, row.kind, row.name) == (upstream, pin.kind, pin.name):
            try:
                said = witness.definition(json.loads(row.text))
            except ValueError:
                continue
            if said is not None and said.about == about:
                yield said
