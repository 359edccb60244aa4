"""Hints that a manifest knows, through a whole gateway: the decision names the line, and a changed hint is a change."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from typing import Any, Final

import pytest

from rule_of_two.audit.why import explain
from rule_of_two.store.journal import JournalStore
from tests.harness import UPSTREAMS, House, outcome

KNOWN: Final = "version: 1\nserver: hinting\ntools: {write: {labels: [B, C], known_hints: [openWorldHint]}}\n"
UNKNOWN: Final = KNOWN.replace(", known_hints: [openWorldHint]", "")
LINE: Final = "hinting: known hint openWorldHint of write"
OPEN: Final = {"annotations": {"openWorldHint": True}}


def hinting(house: House, definition: dict[str, Any], manifest: str = KNOWN) -> None:
    file, listed = house.folder / "hinting.yaml", house.folder / "listed.json"
    file.write_text(manifest)
    listed.write_text(json.dumps(definition))
    command = {"command": sys.executable, "args": [str(UPSTREAMS / "hinting.py"), str(listed)]}
    house.servers = {"up": {**command, "manifest": str(file)}}


async def test_a_known_hint_asks_nobody_in_a_fresh_session_and_the_decision_names_the_line(house: House) -> None:
    hinting(house, OPEN)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("up__write")) == ("allow", None)
        assert house.held() == {"B", "C"}
    decision = house.journal("decision")[-1]
    assert decision["lowered_by"] == [LINE]
    with closing(JournalStore(house.state)) as store:
        lines = explain(store, str(decision["seq"])).lines()
    assert f"  A label was lowered by {LINE}." in lines


async def test_the_same_hint_that_nobody_knows_asks(house: House) -> None:
    hinting(house, OPEN, UNKNOWN)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("up__write"))[0] == "ask"
    assert "lowered_by" not in house.journal("decision")[-1]


async def test_a_hint_that_changes_later_is_a_changed_definition_whether_it_is_known_or_not(house: House) -> None:
    hinting(house, {"annotations": {"openWorldHint": False}})
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("up__write")) == ("allow", None)
    hinting(house, OPEN)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("up__write")) == ("deny", "definition_changed")


@pytest.mark.parametrize(
    "definition",
    [
        {"annotations": {"openWorldHint": "true"}},
        {"annotations": {"openWorldHint": None}},
        {"annotations": {"openWorldHint": 1, "OpenWorldHint": True}},
        {"annotations": ["openWorldHint"]},
        {"annotations": "openWorldHint"},
        {"annotations": False},
    ],
)
async def test_an_odd_value_of_a_known_hint_asks(house: House, definition: dict[str, Any]) -> None:
    hinting(house, definition)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("up__write"))[0] == "ask"


@pytest.mark.parametrize(
    "definition",
    [
        {"annotations": {"OPENWORLDHINT": True}},
        {"_meta": {"openWorldHint": True, "known_hints": ["readOnlyHint"], "annotations": {"openWorldHint": True}}},
        {"openWorldHint": True, "known_hints": ["openWorldHint"]},
    ],
)
async def test_what_is_no_hint_neither_adds_nor_is_known(house: House, definition: dict[str, Any]) -> None:
    hinting(house, definition)
    async with house.gateway() as gateway:
        assert outcome(await gateway.call("up__write")) == ("allow", None)
    assert "lowered_by" not in house.journal("decision")[-1]
