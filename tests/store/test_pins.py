"""Accepted definitions: read back in order, replaced whole."""

from __future__ import annotations

from pathlib import Path

from rule_of_two.store.pins import Pin, PinStore
from rule_of_two.store.state import open_state


async def test_pins_are_read_back_in_order_and_replaced_whole(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    pins = PinStore(state)
    first = [Pin("tool", name, f"digest-{name}", {"name": name}, "first use", "t") for name in ("b", "a")]
    await pins.replace("files:1", first)
    await pins.replace("other:2", [first[0]])
    assert pins.load("files:1") == first
    await pins.replace("files:1", [first[1]])
    assert pins.load("files:1") == [first[1]]
    assert pins.load("other:2") == [first[0]]
    state.close()
