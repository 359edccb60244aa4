"""Names in policies, cases and entities that would write on the terminal of whoever checks them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.harness import House

HOSTILE = "x\x1b[2J\u202e\x07\nrule-of-two: all is well"


CASE = {"name": "a", "call": {"tool": "x__y", "labels": ["A"]}, "expect": "allow"}


def _entities(house: House) -> tuple[str, ...]:
    entity = {"uid": {"type": "Gateway::User", "id": HOSTILE}, "attrs": {"clearance": "9"}, "parents": []}
    (house.folder / "entities.json").write_text(json.dumps([entity]))
    house.settings["entities"] = ["./entities.json"]
    return "policy", "check"


def _cases(house: House) -> tuple[str, ...]:
    (house.folder / "cases.yaml").write_text(json.dumps({"version": 1, HOSTILE: 1, "cases": [CASE]}))
    return "policy", "test", "cases.yaml"


def _properties(house: House) -> tuple[str, ...]:
    (house.folder / "own").mkdir()
    (house.folder / "own" / "own.cedar").write_text(
        '@id("own.x") @message("No.") forbid (principal, action in Gateway::Action::"use", resource);'
    )
    text = '@id("own.\\u{1b}[2J\\u{202e}\\u{7}\\nrule-of-two: all is well") forbid (principal, action, resource);'
    (house.folder / "own" / "properties.cedar").write_text(text)
    house.settings["policies"] = ["default", "./own"]
    return "policy", "verify"


@pytest.mark.parametrize("write", [_entities, _cases, _properties])
def test_what_is_refused_is_named_in_one_harmless_line(house: House, write: Callable[[House], tuple[str, ...]]) -> None:
    said = house.run(*write(house), code=2)
    assert said.count("\n") == 1
    assert "\\u{202e}" in said
    assert not {"\x1b", "\u202e", "\x07"} & set(said)
