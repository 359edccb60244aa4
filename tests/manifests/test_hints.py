"""Known hints: what the author of a manifest judged adds nothing, and every other hint goes on adding."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from rule_of_two.manifests.hints import HINT_NAMES, HintName, hinted, read_hints, sent_hints
from rule_of_two.model import ALL, Facts, labels_in
from tests.manifests.bound import document, manifest, refused

OPEN, WRITES, DESTROYS = {"openWorldHint": True}, {"readOnlyHint": False}, {"destructiveHint": True}
KNOWN_OPEN = "test: known hint openWorldHint of t"


def facts(known: str, annotations: Any = OPEN, *, labels: str = "[C]", more: str = "", **bound: Any) -> Facts:
    return manifest(f"tools: {{t: {{labels: {labels}, known_hints: {known}{more}}}}}", **bound).tool(
        "t", {}, annotations
    )


def test_a_known_hint_adds_nothing_and_the_decision_names_the_line() -> None:
    found = facts("[openWorldHint]")
    assert (found.labels, found.lowered_by) == (labels_in("C"), (KNOWN_OPEN,))


def test_known_once_for_all_tools_is_known_for_each() -> None:
    ours = manifest("""
      known_hints: [openWorldHint]
      tools:
        plain: {labels: []}
        more: {labels: [], known_hints: [destructiveHint]}
    """)
    both = {**OPEN, **DESTROYS}
    assert ours.tool("plain", {}, both).labels == labels_in("C")
    assert ours.tool("more", {}, both).labels == labels_in("")
    assert ours.tool("more", {}, both).lowered_by == tuple(
        f"test: known hint {hint} of more" for hint in ("destructiveHint", "openWorldHint")
    )


def test_a_tool_that_no_manifest_names_stays_the_worst() -> None:
    found = manifest("known_hints: [readOnlyHint, destructiveHint, openWorldHint]").tool("unnamed", {}, OPEN)
    assert (found.labels, found.lowered_by) == (ALL, ())


@pytest.mark.parametrize(
    ("known", "annotations", "labels"),
    [
        ("[openWorldHint]", {**OPEN, **WRITES}, "C"),
        ("[openWorldHint]", {**OPEN, **DESTROYS}, "C"),
        ("[readOnlyHint]", {**OPEN, **WRITES}, "A"),
        ("[readOnlyHint]", {**WRITES, **DESTROYS}, "C"),
        ("[destructiveHint]", {**WRITES, **DESTROYS}, "C"),
        ("[readOnlyHint, destructiveHint]", {**WRITES, **DESTROYS}, ""),
        ("[destructiveHint]", DESTROYS, ""),
        ("openWorldHint", OPEN, ""),
        ("[]", OPEN, "A"),
    ],
)
def test_every_other_hint_adds_as_ever(known: str, annotations: Any, labels: str) -> None:
    assert facts(known, annotations, labels="[]").labels == labels_in(labels)


ODD: tuple[Any, ...] = (1, 0, "true", "false", "", None, [], [True], {}, {"value": True}, 1.0)


@pytest.mark.parametrize("hint", HINT_NAMES)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_an_odd_value_of_a_known_hint_counts_as_the_worst(hint: HintName, value: Any) -> None:
    annotations = {hint: value}
    assert hinted(annotations, frozenset(HINT_NAMES)) == hinted(annotations) != frozenset()
    found = facts(f"[{hint}]", annotations, labels="[]")
    assert (found.labels, found.lowered_by) == (hinted(annotations), ())


@pytest.mark.parametrize("annotations", [["openWorldHint"], "openWorldHint", True, 7])
def test_annotations_that_are_no_object_count_as_the_worst(annotations: Any) -> None:
    everything = "[readOnlyHint, destructiveHint, openWorldHint]"
    assert facts(everything, annotations, labels="[]").labels == labels_in("AC")


@pytest.mark.parametrize(
    "annotations",
    [
        {"OpenWorldHint": True},
        {"OPENWORLDHINT": True},
        {"openworldhint": True},
        {"openWorldHint ": True},
        {"_meta": OPEN},
        {"annotations": OPEN},
        {"title": "openWorldHint: true"},
    ],
)
def test_what_is_no_hint_adds_nothing_and_so_names_no_line(annotations: Any) -> None:
    found = facts("[openWorldHint]", annotations)
    assert (found.labels, found.lowered_by) == (labels_in("C"), ())


def test_a_plain_hint_beside_one_of_another_letter_case_is_the_one_that_is_known() -> None:
    found = facts("[openWorldHint]", {**OPEN, "OpenWorldHint": "odd"})
    assert (found.labels, found.lowered_by) == (labels_in("C"), (KNOWN_OPEN,))


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [
        ("[A, C]", OPEN),
        ("[C]", {"openWorldHint": False}),
        ("[C]", {}),
        ("[C]", None),
    ],
)
def test_no_line_is_named_where_nothing_was_taken(labels: str, annotations: Any) -> None:
    assert facts("[openWorldHint]", annotations, labels=labels).lowered_by == ()


def test_no_line_is_named_where_another_hint_adds_the_label() -> None:
    assert facts("[readOnlyHint]", {**WRITES, **DESTROYS}, labels="[]").lowered_by == ()


def test_what_a_rule_took_off_is_of_the_rule_alone() -> None:
    rule = ", rules: [{when: {dry: {absent: true}}, labels: [C]}]"
    found = facts("[openWorldHint]", labels="[A, C]", more=rule)
    assert (found.labels, found.lowered_by) == (labels_in("C"), ("test: rule 1 of t (dry absent)",))


def test_of_a_tool_that_only_reads_a_known_destructive_hint_takes_no_label() -> None:
    found = facts("[destructiveHint]", {"readOnlyHint": True, **DESTROYS}, labels="[B]")
    assert (found.labels, found.lowered_by) == (labels_in("B"), ())


def test_a_known_hint_says_nothing_of_an_act_either_and_the_line_is_named() -> None:
    more = ", communicates: false, reversible: true"
    for known, given, effects in (
        ("[openWorldHint]", OPEN, (False, False)),
        ("[destructiveHint]", DESTROYS, (False, False)),
        ("[destructiveHint]", {"readOnlyHint": True, **DESTROYS}, (False, False)),
        ("[openWorldHint]", {"openWorldHint": "no"}, (True, False)),
        ("[openWorldHint]", DESTROYS, (False, True)),
    ):
        found = facts(known, given, labels="[A, C]", more=more)
        assert (found.communicates, found.irreversible) == effects
        assert len(found.lowered_by) == (0 if any(effects) else 1)


def test_a_known_hint_stamps_nothing() -> None:
    assert facts("[readOnlyHint]", WRITES, labels="[B]").writes == ()


def test_knowing_more_never_adds_and_never_takes_what_the_manifest_says() -> None:
    values: tuple[Any, ...] = (True, False, "odd")
    for given in itertools.product((*values, "absent"), repeat=3):
        annotations = {hint: value for hint, value in zip(HINT_NAMES, given, strict=True) if value != "absent"}
        every = hinted(annotations)
        for size in range(4):
            for known in itertools.combinations(HINT_NAMES, size):
                left = read_hints(annotations, frozenset(known))
                assert left.labels <= every
                assert every == left.labels.union(*(adds for _, adds in left.known))
                assert {hint for hint, _ in left.known} <= {*known}


def test_a_hint_can_be_known_only_as_it_adds_a_label() -> None:
    assert sent_hints({**OPEN, **WRITES, **DESTROYS}) == frozenset(HINT_NAMES)
    assert sent_hints({"openWorldHint": False, "readOnlyHint": True, "destructiveHint": True}) == frozenset()
    assert sent_hints({"openWorldHint": "yes"}) == sent_hints(["openWorldHint"]) == sent_hints(None) == frozenset()


@pytest.mark.parametrize(
    ("written", "line", "sentence"),
    [
        ("known_hints: [openWorldHints]", 3, "called 'openWorldHints'; did you mean 'openWorldHint'?"),
        ("known_hints: [OpenWorldHint]", 3, "called 'OpenWorldHint'; did you mean 'openWorldHint'?"),
        ("known_hints: OPENWORLDHINT", 3, "no hint that adds a label is called 'OPENWORLDHINT'"),
        ("known_hints: [idempotentHint]", 3, "no hint that adds a label is called 'idempotentHint'"),
        ("known_hints: [7]", 3, "no hint that adds a label is called '7'"),
        ("known_hints: [[openWorldHint]]", 3, "no hint that adds a label is called"),
        ("known_hints: true", 3, "write a list of hints"),
        ("known_hints: {openWorldHint: true}", 3, "write a list of hints"),
        ("tools:\n  t:\n    labels: [C]\n    known_hints:\n      - openWorldHint\n      - xyz", 8, "called 'xyz'"),
        ("prompts: {p: {labels: [A], known_hints: [openWorldHint]}}", 3, "known_hints"),
    ],
)
def test_what_is_no_hint_is_refused_with_the_nearest_name(written: str, line: int, sentence: str) -> None:
    refused(written, line, sentence)


def test_what_facts_are_derived_from_differs_by_known_hints() -> None:
    texts = ("tools: {t: {labels: []}}", "tools: {t: {labels: [], known_hints: [openWorldHint]}}")
    both = ("known_hints: [openWorldHint, readOnlyHint]", "known_hints: [readOnlyHint, openWorldHint]")
    assert manifest(texts[0]).digest != manifest(texts[1]).digest
    assert manifest(both[0]).digest == manifest(both[1]).digest
    assert document(both[0]).known_hints == {"readOnlyHint", "openWorldHint"}
