"""Schemas from tools' definitions: those of real servers, and those that were written to do harm."""

from __future__ import annotations

from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rule_of_two.model import NONE, Action, Facts, SessionView
from rule_of_two.policy.context import context_of
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.policy.typed.schema import TypedSchema, typed_schema
from rule_of_two.policy.typed.shapes import Unencodable

BASE = (shipped_policies() / "rule-of-two.cedarschema").read_text()
GOOD = ToolDefinition("git", "status", "x", {"type": "object", "properties": {"repo_path": {"type": "string"}}})


def tool(schema: Any, name: str = "t", server: str = "s") -> ToolDefinition:
    return ToolDefinition(server, name, "x", schema)


def made(*definitions: ToolDefinition) -> TypedSchema:
    """The schema, which the engine takes, and in which the good tool is as it is alone."""
    schema = typed_schema(BASE, [*definitions, GOOD])
    cedarpy.Schema.from_str(schema.text)
    assert schema.tools["git__status"] == typed_schema(BASE, [GOOD]).tools["git__status"]
    return schema


def typed(properties: dict[str, Any], **more: Any) -> dict[str, str]:
    """The types of a tool's arguments."""
    schema = made(tool({"type": "object", "properties": properties, **more}))
    record = schema.tools["s__t"].input
    return {
        name: ("" if one.required else "?") + " ".join(one.shape.text(0).split())
        for name, one in record.attributes.items()
    }


def test_every_type_that_cedar_can_hold() -> None:
    string, null = {"type": "string"}, {"type": "null"}
    assert typed(
        {
            "text": string,
            "whole": {"type": "integer"},
            "number": {"type": "number"},
            "flag": {"type": "boolean"},
            "when": {"type": "string", "format": "date-time"},
            "mode": {"type": "string", "enum": ["a", "b"]},
            "list": {"type": "array", "items": string},
            "maybe": {"anyOf": [string, null], "default": None},
            "also": {"type": ["integer", "null"]},
            "either": {"anyOf": [string, {"type": "integer"}]},
            "inner": {"$ref": "#/$defs/Inner"},
        },
        required=["text", "maybe"],
        **{"$defs": {"Inner": {"type": "object", "properties": {"k": string}, "required": ["k"]}}},
    ) == {
        "text": "String",
        "whole": "?Long",
        "number": "?decimal",
        "flag": "?Bool",
        "when": "?datetime",
        "mode": "?String",
        "list": "?Set<String>",
        "maybe": "?String",
        "also": "?Long",
        "either": "?{ typeChoice0?: String, typeChoice1?: Long, }",
        "inner": "?{ k: String, }",
    }


def test_what_cedar_cannot_hold_is_left_out_and_said() -> None:
    string = {"type": "string"}
    names = ("if", "in", "__cedar", "a b", 'a"b', "é", "", "a.b")
    schema = made(tool({"type": "object", "properties": {"ok": string, "any": {}, **dict.fromkeys(names, string)}}))
    assert list(schema.tools["s__t"].input.attributes) == ["ok"]
    assert "the argument 'any' has no type that Cedar can hold" in schema.problems["s__t"]
    assert len(schema.problems["s__t"]) == 1 + len(names)


def test_one_property_that_cannot_be_read_leaves_the_others() -> None:
    odd = {
        "ok": {"type": "string"},
        "odd": {"$ref": "http://evil.example/x"},
        "bad": {"type": "object", "properties": {"if": {"type": "string"}}},
    }
    schema = made(tool({"type": "object", "properties": odd}))
    assert "ok" in schema.tools["s__t"].input.attributes
    assert "the argument 'odd' cannot be read" in schema.problems["s__t"]


@pytest.mark.parametrize("name", ["call_tool", "use", "return_document"])
def test_a_tool_named_like_an_action_of_ours_replaces_none(name: str) -> None:
    schema = made(tool({"type": "object", "properties": {}}, name))
    assert f"s__{name}" in schema.tools
    assert schema.text.count(f'action "{name}"') == 1


@pytest.mark.parametrize("name", ["é", 'a"; permit', "a\nb", "\u202egpj", "x" * 300, 'b" in ["use"] appliesTo {', "}"])
def test_a_name_that_is_no_actions_has_no_action(name: str) -> None:
    schema = made(tool({"type": "object", "properties": {}}, name))
    assert list(schema.tools) == ["git__status"]
    assert schema.problems[f"s__{name}"] == ("its name cannot be an action's",)


def test_two_tools_of_one_name_have_none() -> None:
    empty = {"type": "object", "properties": {}}
    schema = made(tool(empty, "b__c", "a"), tool(empty, "c", "a__b"), tool(empty, "c", "a__b"))
    assert list(schema.tools) == ["git__status"]
    assert "two tools are called 'a__b__c'" in schema.problems["a__b__c"][0]


def test_names_that_only_look_alike_stay_apart() -> None:
    one, two = ({"type": "object", "properties": {name: {"type": "string"}}} for name in ("x", "y"))
    schema = made(tool(one, "a-b"), tool(two, "a_b"), tool(one, "A_b"))
    assert {name: list(one.input.attributes) for name, one in schema.tools.items() if name != "git__status"} == {
        "s__a-b": ["x"],
        "s__a_b": ["y"],
        "s__A_b": ["x"],
    }


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


REF = {"$ref": "#/$defs/X"}
HOSTILE: dict[str, Any] = {
    "itself": {"type": "object", "properties": {"x": {"$ref": "#"}}},
    "its own child": {
        "type": "object",
        "properties": {"x": REF},
        "$defs": {"X": {"type": "object", "properties": {"c": REF}}},
    },
    "its own element": {"type": "object", "properties": {"x": REF}, "$defs": {"X": {"type": "array", "items": REF}}},
    "its own choice": {
        "type": "object",
        "properties": {"x": REF},
        "$defs": {"X": {"anyOf": [REF, {"type": "string"}]}},
    },
    "nothing but itself": {"type": "object", "properties": {"x": REF}, "$defs": {"X": REF}},
    "doubling": {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/d0"}},
        "$defs": {
            **{
                f"d{n}": {"type": "object", "properties": {side: {"$ref": f"#/$defs/d{n + 1}"} for side in "lr"}}
                for n in range(60)
            },
            "d60": {"type": "string"},
        },
    },
    "deep": nested(100),
    "deeper": nested(900),
    "ten thousand properties": {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(10_000)}},
    "ten thousand odd ones": {"type": "object", "properties": {f"p{n}": {"$ref": "#"} for n in range(10_000)}},
    "no object": {"type": "string"},
    "a list": [],
    "nothing": None,
    "yes": True,
    "odd properties": {"type": "object", "properties": [1]},
    "odd enum": {
        "type": "object",
        "properties": {"x": {"enum": []}, "y": {"enum": ["a", 1]}, "z": {"enum": ['"', "\n"]}},
    },
    "a number that is none": {"type": "object", "properties": {"x": {"type": "integer", "minimum": float("inf")}}},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(30)  # what is not bounded takes days
def test_no_definition_spoils_the_rest_or_goes_on_for_ever(name: str) -> None:
    made(tool(HOSTILE[name]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "t", "__entity", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)
SOME = typed_schema(
    BASE,
    [
        tool(
            {
                "type": "object",
                "properties": {
                    "k": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "number"}}}},
                    "t": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
                    "x": {"type": "object", "properties": {"t": {"type": "string"}, "x": {"type": "boolean"}}},
                },
            }
        )
    ],
)
SCHEMA = cedarpy.Schema.from_str(SOME.text)


@given(st.dictionaries(st.sampled_from(["k", "t", "x", "other"]), VALUES))
@settings(max_examples=200)
def test_whatever_is_encoded_the_engine_takes(arguments: dict[str, Any]) -> None:
    try:
        encoded = SOME.tools["s__t"].input.encode(arguments)
    except Unencodable:
        return
    facts = Facts(Action.CALL_TOOL, "s", "t", NONE)
    once = {"approved": True, "approvals": 1, "now": "2026-11-23T10:00:00Z"}
    result = cedarpy.is_authorized(
        {
            "principal": {"type": "Gateway::Session", "id": "s"},
            "action": {"type": "Gateway::Action", "id": "s__t"},
            "resource": {"type": "Gateway::Tool", "id": "s__t"},
            "context": {**context_of(facts, SessionView("s")), **once, "input": encoded},
        },
        "permit (principal, action, resource);",
        [],
        SCHEMA,
    )
    assert result.allowed, result.diagnostics
