"""Results in place of what is withheld: counts, opaque ids, and structured content that the output schema takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rule_of_two.gateway.minimal_instance import NoInstance, minimal_object
from rule_of_two.gateway.notice import noticed
from rule_of_two.gateway.withheld import MOST_IDS, with_notice, withheld_result, withheld_text
from rule_of_two.model import Decision, Outcome, labels_in

DECISION = Decision(7, Outcome.ASK, None, "s", {}, labels_in("A"), ())
IDS = ["w1", "w2"]


def test_a_withheld_result_is_a_normal_one_that_says_so() -> None:
    result = withheld_result("tools/call", DECISION, IDS, 2)
    (block,) = result["content"]
    assert block["text"] == (
        "rule-of-two withheld this result (2 items): w1, w2. A person can look at it in `rule-of-two console` "
        "(decision d7: `rule-of-two why d7`)."
    )
    assert result["_meta"]["rule-of-two/withheld"] == {"count": 2, "total": 2, "ids": IDS}
    assert result["_meta"]["rule-of-two/decision"]["id"] == "d7"
    assert "isError" not in result
    assert "structuredContent" not in result


def test_a_part_is_told_by_a_block_of_its_own() -> None:
    text = withheld_text(DECISION, ["w1"], 3)
    assert "withheld 1 of 3 items of this result: w1." in text
    first = {"type": "text", "text": "the other two"}
    told = with_notice({"content": [first]}, text)
    assert told == {"content": [first, {"type": "text", "text": text}]}
    told = with_notice({"content": [], "structuredContent": {"rows": [1, 2]}}, text, thing("rows", rows={}))
    assert told["structuredContent"] == {"rows": [1, 2], "rule-of-two/notice": text}
    closed = {**thing("rows", rows={}, note={"type": "string"}), "additionalProperties": False}
    told = with_notice({"content": [], "structuredContent": {"rows": [1, 2]}}, text, closed)
    assert told["structuredContent"] == {"rows": [1, 2]}


def test_ids_are_told_up_to_a_number_and_counted_beyond() -> None:
    result = withheld_result("tools/call", DECISION, [f"w{n}" for n in range(100_000)], 100_000)
    told = result["_meta"]["rule-of-two/withheld"]
    assert (told["count"], len(told["ids"])) == (100_000, MOST_IDS)
    assert len(result["content"][0]["text"]) < 300


def test_resources_and_prompts_have_a_place_for_it_too() -> None:
    (content,) = withheld_result("resources/read", DECISION, IDS, 2)["contents"]
    assert (content["uri"], content["mimeType"]) == ("rule-of-two:withheld", "text/plain")
    (message,) = withheld_result("prompts/get", DECISION, IDS, 2)["messages"]
    assert message["content"]["text"] == content["text"]


def thing(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TREE = {"$defs": {"node": thing(left={"$ref": "#/$defs/node"})}, "$ref": "#/$defs/node"}
SCHEMAS: list[Any] = [
    {"type": "object"},
    {},
    True,
    thing("result", result={"type": "string"}),
    thing("result", result={"type": "string", "minLength": 3, "maxLength": 5}),
    thing("rows", rows={"type": "array", "items": thing("id", id={"type": "integer"})}),
    thing("rows", rows={"type": "array", "minItems": 2, "items": thing("id", id={"type": "integer", "minimum": 5})}),
    thing("n", n={"type": "number", "exclusiveMinimum": 0, "maximum": 9}),
    thing("n", n={"type": "integer", "maximum": -3, "multipleOf": 5}),
    thing("n", n={"type": "integer", "minimum": 3, "multipleOf": 5}),
    thing("kind", kind={"enum": ["a", "b"]}),
    thing("kind", kind={"const": {"x": 1}}),
    thing("x", x={"anyOf": [False, {"type": "string"}, {"type": "null"}]}),
    thing("x", x={"oneOf": [{"type": "string"}, {"type": "null"}]}),
    thing("x", x={"type": ["string", "null"]}),
    thing("any", any=True),
    {"allOf": [thing("a", a={"type": "integer"}), thing("b", b={"type": "boolean"})]},
    {**thing(), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    TREE,
    {"type": "object", "required": ["other"], "additionalProperties": {"type": "integer"}},
    thing("day", day={"type": "string", "format": "date"}),
    thing("pair", pair={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2}),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=repr)
def test_structured_content_is_what_the_schema_takes(schema: Any) -> None:
    result = withheld_result("tools/call", DECISION, IDS, 2, schema if schema is not True else {})
    assert "isError" not in result
    Draft202012Validator(schema).validate(result["structuredContent"])


FREE = {"type": "string", "description": "the text"}
SLOW = "^(([a-z ])+.)+[A-Z]([a-z ])+$"


@pytest.mark.parametrize(
    ("schema", "member"),
    [
        (thing("text", text=FREE), "rule-of-two/notice"),
        ({"$ref": "#/$defs/r", "$defs": {"r": thing("text", text=FREE)}}, "rule-of-two/notice"),
        ({**thing("n", "text", n={"type": "integer"}, text=FREE), "additionalProperties": False}, "text"),
        ({**thing(text=FREE), "additionalProperties": False}, "text"),
        ({**thing("n", n={"type": "integer"}), "additionalProperties": False}, None),
        ({**thing("text", text={**FREE, "maxLength": 5}), "additionalProperties": False}, None),
        ({**thing("text", text=FREE), "additionalProperties": {"type": "string", "pattern": SLOW}}, "text"),
        ({**thing(text=FREE), "allOf": [{"additionalProperties": {"pattern": SLOW}}]}, None),
        (thing(text=FREE, **{"rule-of-two/notice": {"pattern": SLOW}}), "text"),
    ],
    ids=repr,
)
def test_it_is_said_in_structured_content_too_where_the_schema_plainly_takes_a_text(
    schema: dict[str, Any], member: str | None
) -> None:
    """Claude Code shows the model nothing else: it took a withheld file for an empty one."""
    result = withheld_result("tools/call", DECISION, IDS, 2, schema)
    said = [name for name, value in result["structuredContent"].items() if value == result["content"][0]["text"]]
    assert said == ([] if member is None else [member])
    Draft202012Validator(schema).validate(result["structuredContent"])


ENDLESS: dict[str, Any] = thing("next", next={"$ref": "#"})
HUGE: Any = {"type": "object"}
for _ in range(3_000):
    HUGE = {"allOf": [HUGE, {"type": "object"}]}
WIDE = thing(*(f"k{n}" for n in range(5_000)))
NOT_MADE: list[Any] = [
    False,
    None,
    7,
    [],
    "object",
    {"type": "array"},
    {"type": "nothing"},
    {"$ref": "https://evil.example/schema.json"},
    {"$ref": "#/$defs/none"},
    {"$ref": "#"},
    {"allOf": 7},
    {"required": 7},
    thing("x", x=False),
    thing("x", x={"type": "string", "minLength": 17}),
    thing("x", x={"type": "string", "pattern": "^[A-Z]+$"}),
    thing("x", x={"type": "string", "minLength": 16, "pattern": "^(( )+)+$(?<=x)"}) | {"patternProperties": {}},
    thing("x", x={"type": "array", "minItems": 10**9}),
    thing("x", x={"type": "array", "minItems": 2, "uniqueItems": True}),
    thing("x", x={"type": "integer", "multipleOf": 0}),
    thing("x", x={"type": "integer", "minimum": "a"}),
    thing("x", x={"not": {}}),
    {"propertyNames": {"pattern": "(x+x+)+y"}, **thing("x" * 40)},
    ENDLESS,
    HUGE,
    WIDE,
]


@pytest.mark.parametrize("schema", NOT_MADE, ids=lambda schema: repr(schema)[:60] if schema is not HUGE else "huge")
def test_where_none_can_be_made_it_is_an_error_with_the_same_text(schema: Any) -> None:
    with pytest.raises(NoInstance):
        minimal_object(schema)
    if schema is not None:
        result = withheld_result("tools/call", DECISION, IDS, 2, schema)
        assert (result["isError"], "structuredContent" in result) == (True, False)
        assert result["content"] == withheld_result("tools/call", DECISION, IDS, 2)["content"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["object", "string", "#", "a", "array"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "required",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "$ref",
                    "enum",
                    "const",
                    "items",
                    "minItems",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(schema=JSON)
@settings(max_examples=200, deadline=None)
def test_whatever_the_schema_is_what_is_made_fits_it(schema: Any) -> None:
    try:
        made = minimal_object(schema)
    except NoInstance:
        return
    assert Draft202012Validator(schema).is_valid(made)
    for in_place in (False, True):
        assert Draft202012Validator(schema).is_valid(noticed(made, schema, "withheld", in_place=in_place))
