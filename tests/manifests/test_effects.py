"""What a manifest says of the acting part of a call: whether it communicates, and whether it can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Facts, labels_in
from tests.manifests.bound import manifest as written

TOOLS = {
    "save": {"labels": ["C"], "communicates": False, "reversible": True},
    "send": {"labels": ["B", "C"]},
    "read": {"labels": ["A"], "communicates": False, "reversible": True},
}


def manifest(only: str | None = None) -> Manifest:
    document = ManifestDocument.model_validate({"version": 1, "server": "s", "tools": TOOLS})
    return Manifest(document, upstream="s", store="s", only_communication=only)


def effects(facts: Facts) -> tuple[bool, bool]:
    return facts.communicates, facts.irreversible


def test_what_is_not_said_is_the_worst() -> None:
    assert effects(manifest().tool("send", {})) == (True, True)
    assert effects(manifest().tool("unnamed", {})) == (True, True)
    assert effects(Manifest.unknown("s", "s").tool("save", {})) == (True, True)


def test_what_is_said_holds() -> None:
    assert effects(manifest().tool("save", {})) == (False, False)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, (False, False)),
        ({"openWorldHint": False, "destructiveHint": False}, (False, False)),
        ({"openWorldHint": True}, (True, False)),
        ({"destructiveHint": True}, (False, True)),
        ({"openWorldHint": "no", "destructiveHint": 0}, (True, True)),
        ("odd", (True, True)),
    ],
)
def test_annotations_only_ever_add(annotations: Any, expected: tuple[bool, bool]) -> None:
    assert effects(manifest().tool("save", {}, annotations)) == expected


def test_a_c_that_only_a_hint_adds_is_the_worst() -> None:
    facts = manifest().tool("read", {}, {"readOnlyHint": False})
    assert facts.labels == labels_in("AC")
    assert effects(facts) == (True, True)


def test_where_only_communication_counts_a_change_of_state_is_no_c_and_the_decision_says_so() -> None:
    facts = manifest("lethal-trifecta").tool("save", {})
    assert facts.labels == labels_in("")
    assert facts.lowered_by == ("policy set lethal-trifecta: C counts only where it communicates",)
    assert facts.writes == manifest().tool("save", {}).writes


@pytest.mark.parametrize(
    ("name", "annotations", "labels"),
    [
        ("send", None, "BC"),
        ("unnamed", None, "ABC"),
        ("save", {"openWorldHint": True}, "AC"),
        ("read", {"readOnlyHint": False}, "AC"),
    ],
)
def test_what_may_communicate_keeps_its_c(name: str, annotations: Any, labels: str) -> None:
    facts = manifest("lethal-trifecta").tool(name, {}, annotations)
    assert facts.labels == labels_in(labels)
    assert facts.lowered_by == ()


CALENDAR = """
    tools:
      create:
        labels: [C]
        targets: {guest: {kind: recipient, at: "/guests/*", optional: true}}
        rules:
          - {when: {guest: {absent: true}, notify: {absent: true}}, labels: [C], communicates: false, reversible: true}
          - {when: {notify: {equals: nobody}}, labels: [C], reversible: true}
"""
RAISED = """
    tools:
      save:
        labels: [C]
        communicates: false
        reversible: true
        rules:
          - {when: {public: {equals: true}}, labels: [C], communicates: true, reversible: false}
          - {when: {mode: {equals: draft}}, labels: [C]}
"""
FIRST = "test: rule 1 of create (guest absent, notify absent)"
SECOND = "test: rule 2 of create (notify equals nobody)"


@pytest.mark.parametrize(
    ("arguments", "expected", "lines"),
    [
        ({}, (False, False), (FIRST,)),
        ({"guests": None}, (False, False), (FIRST,)),
        ({"guests": []}, (False, False), (FIRST,)),
        ({"guests": ["ann@acme.example"]}, (True, True), ()),
        ({"guests": [None]}, (True, True), ()),
        ({"guests": ""}, (True, True), ()),
        ({"guests": {}}, (True, True), ()),
        ({"guests": ["ann@acme.example"], "notify": "nobody"}, (True, False), (SECOND,)),
        ({"guests": ["ann@acme.example"], "notify": "Nobody"}, (True, True), ()),
        ({"guests": ["ann@acme.example"], "notify": "all"}, (True, True), ()),
        ({"notify": ["nobody"]}, (True, True), ()),
    ],
)
def test_a_rule_says_what_the_acts_that_it_matches_can_do_and_the_rest_is_the_worst(
    arguments: Any, expected: tuple[bool, bool], lines: tuple[str, ...]
) -> None:
    facts = written(CALENDAR).tool("create", arguments)
    assert facts.labels == labels_in("C")
    assert effects(facts) == expected
    assert facts.lowered_by == lines


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"public": False}, (True, True)),  # the second rule's argument is absent, so nothing is sure
        ({"public": False, "mode": "x"}, (False, False)),
        ({"public": False, "mode": "draft"}, (False, False)),
        ({"public": True}, (True, True)),
        ({"public": "true", "mode": "draft"}, (True, True)),
    ],
)
def test_a_rule_can_say_worse_than_its_tool_and_then_what_is_not_sure_is_as_bad(
    arguments: Any, expected: tuple[bool, bool]
) -> None:
    facts = written(RAISED).tool("save", arguments)
    assert effects(facts) == expected
    assert facts.lowered_by == ()


@pytest.mark.parametrize("annotations", [{"destructiveHint": True, "openWorldHint": True}, "odd"])
def test_annotations_add_to_what_a_rule_says(annotations: Any) -> None:
    assert effects(written(CALENDAR).tool("create", {}, annotations)) == (True, True)


def test_where_only_communication_counts_a_rule_takes_c_off_and_both_lines_are_named() -> None:
    document = written(CALENDAR).document
    facts = Manifest(document, upstream="s", store="s", only_communication="lethal-trifecta").tool("create", {})
    assert facts.labels == labels_in("")
    assert facts.lowered_by == (
        FIRST,
        "policy set lethal-trifecta: C counts only where it communicates",
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
_CREATE = written(CALENDAR)


@settings(max_examples=200, deadline=None)
@given(_JSON)
def test_whatever_stands_in_an_optional_argument_is_a_target_unless_it_is_nothing(value: Any) -> None:
    facts = _CREATE.tool("create", {"guests": value})
    nothing = value is None or value == []
    assert bool(facts.targets) is not nothing
    assert effects(facts) == ((False, False) if nothing else (True, True))
