"""Places in schemas: nested, in arrays, composed, referred to; and pointers that lead nowhere."""

from __future__ import annotations

import pytest

from rule_of_two.manifests.schema_places import MOST, leads, places

SCHEMA = {
    "type": "object",
    "properties": {
        "to": {"type": "array", "items": {"type": "string"}},
        "event": {"anyOf": [{"$ref": "#/$defs/Event"}, {"type": "null"}]},
        "free": {"type": "object"},
        "any": {},
        "a/b~c": {"type": "string"},
    },
    "required": ["to"],
    "$defs": {
        "Event": {"type": "object", "properties": {"url": {"type": "string"}, "again": {"$ref": "#/$defs/Event"}}}
    },
}


def test_every_place_has_its_pointer() -> None:
    found = {place.pointer: place for place in places(SCHEMA)}
    assert {"/to", "/to/*", "/event", "/event/url", "/event/again", "/free", "/a~1b~0c"} <= set(found)
    assert found["/to"].required
    assert found["/to/*"].name == "to"
    assert not found["/event"].required


@pytest.mark.parametrize(
    ("pointer", "there"),
    [
        ("/to", True),
        ("/to/*", True),
        ("/to/0", True),
        ("/to/*/x", False),
        ("/event/url", True),
        ("/event/again/again/url", True),
        ("/event/urls", False),
        ("/free/anything", True),
        ("/any/thing", True),
        ("/a~1b~0c", True),
        ("/nothing", False),
        ("/event/*", False),
    ],
)
def test_a_pointer_leads_somewhere_or_nowhere(pointer: str, there: bool) -> None:
    assert leads(SCHEMA, pointer) is there


def test_where_a_schema_says_nothing_nothing_can_be_said() -> None:
    assert leads({"additionalProperties": True}, "/x")
    assert leads({"patternProperties": {".*": {}}}, "/x/y")


def test_cycles_depth_and_width_end() -> None:
    wide = {"properties": {f"p{number}": {"$ref": "#"} for number in range(3000)}}
    seen = places(wide)
    assert len(seen.found) <= MOST
    assert seen.cut
    deep: dict[str, object] = {}
    for _ in range(900):
        deep = {"properties": {"x": deep}}
    assert len(places(deep).found) == 8
    assert places(deep).cut
    assert not places({"properties": {"x": {"$ref": "#"}}}).cut
    assert leads({"$ref": "#/$ref"}, "/x") is False
    assert leads({"allOf": [{"$ref": "#"}, {"$ref": "#/allOf/0"}]}, "/x") is False
