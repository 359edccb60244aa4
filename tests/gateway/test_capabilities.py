"""What each side is told that the other can do."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.gateway.capabilities import Shown, has_vendor_methods, offered
from rule_of_two.gateway.definitions import Kind
from rule_of_two.model import Action
from rule_of_two.wire.eras import Claims, Era

CHANGES = {"listChanged": True}


def test_upstreams_capabilities_are_joined_and_lists_can_always_change() -> None:
    one = {"tools": {}, "resources": {"subscribe": False}, "experimental": {"a": {"x": 1}}, "vendor": 1}
    two = {"resources": {"subscribe": True, "listChanged": False}, "experimental": {"b": {}}, "vendor": 2}
    assert offered([(one, frozenset()), (two, frozenset())], Era.LEGACY) == {
        "tools": CHANGES,
        "resources": {"subscribe": True, "listChanged": True},
        "experimental": {"a": {"x": 1}, "b": {}},
        "vendor": 1,
    }


def test_nothing_is_offered_that_no_upstream_has() -> None:
    assert offered([({"prompts": {}}, frozenset())], Era.MODERN) == {"prompts": CHANGES}
    assert offered([], Era.LEGACY) == {}


def test_of_an_upstream_that_is_away_what_is_known_from_before_counts() -> None:
    assert offered([(None, frozenset((Kind.TOOL, Kind.INSTRUCTIONS)))], Era.LEGACY) == {"tools": CHANGES}
    assert offered([(None, frozenset((Kind.TEMPLATE,)))], Era.LEGACY) == {"resources": CHANGES}


def test_of_an_upstream_of_which_nothing_is_known_everything_may_come() -> None:
    assert set(offered([(None, frozenset())], Era.LEGACY)) == {
        "tools",
        "prompts",
        "resources",
        "completions",
        "logging",
    }


def test_tasks_of_the_legacy_era_are_not_offered_to_modern_clients() -> None:
    assert offered([({"tasks": {"list": {}}}, frozenset())], Era.MODERN) == {}
    assert offered([({"tasks": {"list": {}}}, frozenset())], Era.LEGACY) == {"tasks": {"list": {}}}


def test_upstreams_are_told_all_but_what_policy_would_refuse_anyway() -> None:
    claims = Claims({"name": "c"}, {"sampling": {}, "elicitation": {"url": {}}, "roots": {}, "vendor": 1}, "info")
    shown = Shown(lambda action: action is Action.ELICIT)(claims)
    assert shown == Claims({"name": "c"}, {"elicitation": {"url": {}}, "vendor": 1}, "info")
    assert Shown(lambda action: True)(claims) is claims


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, False),
        ({"experimental": {}}, False),
        ({"experimental": {"x": {}}}, True),
        ({"extensions": {"io.modelcontextprotocol/tasks": {}}}, False),
        ({"extensions": {"com.acme/x": {}}}, True),
        ({"extensions": "x", "experimental": 1}, False),
    ],
)
def test_only_what_the_protocol_does_not_define_is_a_vendors(said: dict[str, Any], expected: bool) -> None:
    assert has_vendor_methods(said) is expected
