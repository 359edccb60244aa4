"""Metadata of one item: what is read, and which labels it takes off."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import Action, Item, label_text, labels_in
from tests.manifests.bound import document

DECLARED = """
    id: /id
    author: [/from, '/notes/*/by']
    owner: /owner
    tenant: /tenant
    role: /role
    confidentiality: /level
    purposes: '/for/*'
    created: /created
    expires: /expires
    readers: [/to, '/cc/*']
    labels: /ifc
"""
WHOLE: dict[str, Any] = {
    "id": 7,
    "from": "ann@corp.example",
    "notes": [{"by": "bob@own.example"}, {"by": "ann@corp.example"}],
    "owner": "ann",
    "tenant": "acme",
    "role": "sales",
    "level": 1,
    "for": ["support"],
    "created": "2026-01-02T03:04:05Z",
    "expires": "2027-01-02T03:04:05.5+01:00",
    "to": "ann@corp.example",
    "cc": ["bob@own.example"],
}
TRUST: dict[str, Any] = {"trusted_authors": ["ann@corp.example", "@own.example"], "public_confidentiality": 1}


def item(stated: Any, *, labels: str = "AB", declared: str = DECLARED, authority: bool = False, **trust: Any) -> Item:
    """The item of a result that is one."""
    text = f"tools:\n  t:\n    labels: [A, B]\n    result:\n{declared.replace('    ', '      ')}"
    mounted = Manifest(document(text), upstream="up", store="s", parameters=trust, label_authority=authority)
    reader = mounted.result_of(Action.CALL_TOOL, "t")
    assert reader is not None
    (found,) = reader.read({"content": [], "structuredContent": stated}, labels_in(labels)).items
    return found


def test_every_attribute_is_read() -> None:
    found = item(WHOLE)
    assert (found.id, found.place) == ("7", "/structuredContent")
    assert found.authors == ("ann@corp.example", "bob@own.example")
    assert (found.owner, found.tenant, found.role, found.confidentiality) == ("ann", "acme", "sales", 1)
    assert found.purposes == ("support",)
    assert found.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.expires == datetime(2027, 1, 2, 2, 4, 5, 500_000, tzinfo=UTC)
    assert found.readers == frozenset(("ann@corp.example", "bob@own.example"))


def test_the_digest_is_of_the_json_with_sorted_members() -> None:
    found = item({"b": 1, "a": "x"})
    assert found.size == len(b'{"a":"x","b":1}')
    assert found.digest == hashlib.sha256(b'{"a":"x","b":1}').hexdigest()
    assert item({"a": "x", "b": 1}).digest == found.digest


def test_without_trust_nothing_is_taken_off() -> None:
    found = item(WHOLE)
    assert (found.labels, found.lowered_by) == (labels_in("AB"), ())


def test_every_author_trusted_takes_a_off_and_says_so() -> None:
    found = item(WHOLE, trusted_authors=TRUST["trusted_authors"])
    assert label_text(found.labels) == "[B]"
    assert found.lowered_by == ("[A] test: result of t: trusted_authors names every author",)


def test_public_takes_b_off_and_says_so() -> None:
    found = item(WHOLE, public_confidentiality=1)
    assert label_text(found.labels) == "[A]"
    assert found.lowered_by == ("[B] test: result of t: public_confidentiality covers the item's confidentiality",)
    assert item({**WHOLE, "level": 2}, public_confidentiality=1).labels == labels_in("AB")


@pytest.mark.parametrize(
    "change",
    [
        {"from": "eve@evil.example"},
        {"notes": [{"by": "eve@evil.example"}]},
        {"notes": [{"by": "ann@corp.example"}, {"text": "by nobody"}]},
        {"notes": [{"by": None}]},
        {"notes": None},
        {"notes": {"0": {"by": "ann@corp.example"}}},
        {"notes": "ann@corp.example"},
        {"from": None},
        {"from": ""},
        {"from": ["ann@corp.example"]},
        {"from": {"name": "ann@corp.example"}},
        {"from": "Ann <ann@corp.example>"},
        {"from": "ann@corp.example\n"},
        {"from": True},
        {"from": 7},
        {"notes": [{"by": "ann@corp.example"}] * 1001},
    ],
)
def test_an_author_who_is_missing_odd_or_not_trusted_leaves_a(change: dict[str, Any]) -> None:
    assert "A" in item({**WHOLE, **change}, **TRUST).labels


def test_a_missing_author_leaves_a() -> None:
    assert "A" in item({name: value for name, value in WHOLE.items() if name != "from"}, **TRUST).labels
    assert "A" in item({"id": 1}, **TRUST).labels


def test_no_comments_are_nobodys() -> None:
    assert item({**WHOLE, "notes": []}, **TRUST).labels == labels_in("")
    assert "A" in item({"notes": []}, declared="    author: '/notes/*/by'", trusted_authors=["ann@corp.example"]).labels


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("level", "0"),
        ("level", -0.5),
        ("level", True),
        ("level", 10**30),
        ("expires", "tomorrow"),
        ("expires", "2027-01-02"),
        ("expires", "2027-01-02T03:04:05"),
        ("expires", "2027-13-02T03:04:05Z"),
        ("expires", 1790000000),
        ("tenant", ["acme"]),
        ("tenant", ""),
        ("tenant", "a" * 1001),
        ("owner", {"id": 1}),
        ("role", "a\u202eb"),
        ("for", "support"),
        ("for", [1]),
        ("cc", [None, 3]),
        ("id", {}),
        ("id", 1.5),
    ],
)
def test_malformed_metadata_makes_nothing_of_the_item_believed(attribute: str, value: object) -> None:
    found = item({**WHOLE, attribute: value}, **TRUST)
    assert (found.labels, found.lowered_by) == (labels_in("AB"), ())


@pytest.mark.parametrize(
    ("key", "value", "attribute", "worst"),
    [
        ("level", "0", "confidentiality", 2**63 - 1),
        ("expires", "never", "expires", datetime(1970, 1, 1, tzinfo=UTC)),
        ("tenant", "acme\u200b", "tenant", ""),
        ("owner", ["ann"], "owner", ""),
        ("role", "", "role", ""),
        ("for", "support", "purposes", ()),
    ],
)
def test_malformed_metadata_is_not_taken_for_metadata_that_is_missing(
    key: str, value: object, attribute: str, worst: object
) -> None:
    assert getattr(item({**WHOLE, key: value}), attribute) == worst


def test_missing_metadata_is_none_and_leaves_the_rest() -> None:
    found = item({"from": "ann@corp.example", "notes": []}, **TRUST)
    assert label_text(found.labels) == "[B]"
    assert (found.id, found.tenant, found.expires, found.readers) == ("/structuredContent", None, None, None)


@pytest.mark.parametrize(
    ("ifc", "plain", "authority"),
    [
        (None, "AB", "AB"),
        ({}, "AB", "AB"),
        ({"integrity": "trusted", "confidentiality": "public"}, "AB", ""),
        ({"integrity": "untrusted", "confidentiality": "public"}, "AB", "A"),
        ({"integrity": "trusted", "confidentiality": "private"}, "AB", "B"),
        ({"integrity": "trusted"}, "AB", "B"),
        ({"integrity": "Trusted"}, "AB", "AB"),
        ({"integrity": "trusted", "confidentiality": ["public"]}, "AB", "AB"),
        ("trusted", "AB", "AB"),
        ([], "AB", "AB"),
    ],
)
def test_asserted_labels_lower_only_where_the_operator_names_an_authority(ifc: Any, plain: str, authority: str) -> None:
    assert item({"ifc": ifc}).labels == labels_in(plain)
    assert item({"ifc": ifc}, authority=True).labels == labels_in(authority)


@pytest.mark.parametrize(
    ("ifc", "labels"),
    [
        ({"integrity": "untrusted", "confidentiality": "public"}, "A"),
        ({"integrity": "trusted", "confidentiality": "private"}, "B"),
        ({"integrity": "odd"}, "AB"),
        (7, "AB"),
        (None, ""),
    ],
)
@pytest.mark.parametrize("authority", [False, True])
def test_asserted_labels_add(ifc: Any, labels: str, *, authority: bool) -> None:
    assert item({"ifc": ifc}, labels="", authority=authority).labels == labels_in(labels)


def test_what_the_platform_adds_no_trusted_author_takes_off() -> None:
    assert item({**WHOLE, "ifc": {"integrity": "untrusted"}}, **TRUST).labels == labels_in("A")
