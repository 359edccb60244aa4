"""What is different between two versions of policies, by what they mean."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import orjson

from rule_of_two.policy.changes import changes
from rule_of_two.policy.directory import uid
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.records import replace

PERMIT = '@id("own.permit") permit (principal, action, resource);'
FORBID = '@id("own.stop") @message("No.") forbid (principal, action, resource) when {{ context.labels.{0} }};'


def load(folder: Path, text: str, clearance: int | None = None) -> Policies:
    (folder / "own.cedar").write_text(text)
    described = [{"uid": uid("User", "ann"), "attrs": {} if clearance is None else {"clearance": clearance}}]
    (folder / "entities.json").write_bytes(orjson.dumps(described if clearance else []))
    return load_policies(["own.cedar"], relative_to=folder, entities=["entities.json"])


def test_layout_and_order_do_not_count(tmp_path: Path) -> None:
    before = load(tmp_path, PERMIT + FORBID.format("A"))
    found = changes(before, load(tmp_path, f"// moved\n{FORBID.format('A')}\n\n{PERMIT}"))
    assert (found.policies, found.entities, found.schema) == ((), (), False)
    assert found.summary == "nothing that counts"
    assert list(found.lines()) == []


def test_what_came_went_and_changed_is_named(tmp_path: Path) -> None:
    before = load(tmp_path, PERMIT + FORBID.format("A"), clearance=1)
    after = load(tmp_path, PERMIT.replace("permit", "all", 1) + FORBID.format("B"), clearance=2)
    found = changes(before, after)
    assert found.summary == "+1 -1 ~1 policies, ~1 entities"
    assert list(found.lines()) == [
        "policy own.all: added",
        '  +@id("own.all") permit (principal, action, resource);',
        "policy own.permit: removed",
        '  -@id("own.permit") permit (principal, action, resource);',
        "policy own.stop: changed",
        f"  -{FORBID.format('A')}",
        f"  +{FORBID.format('B')}",
        'entity Gateway::User::"ann": changed',
        "   {",
        '     "attrs": {',
        '  -    "clearance": 1',
        '  +    "clearance": 2',
        "     },",
        '     "parents": [],',
    ]
    assert [(one["name"], one["change"]) for one in found.as_facts()["entities"]] == [
        ('entity Gateway::User::"ann"', "changed")
    ]


def test_another_schema_is_said(tmp_path: Path) -> None:
    before = load(tmp_path, PERMIT)
    after = replace(before, parts=MappingProxyType({**before.parts, "schema": "other"}))
    found = changes(before, after)
    assert found.summary == "another schema"
    assert list(found.lines()) == ["the schema is another one: the package was updated"]
