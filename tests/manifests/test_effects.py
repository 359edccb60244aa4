"""What a manifest says of the acting part of a call: whether it communicates, and whether it can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Facts, labels_in

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
