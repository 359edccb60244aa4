"""A sentence of ours inside structured content: clients such as Claude Code show the model nothing else of a result.

The schema is the upstream's, and so is every pattern in it. So a sentence goes only where it can be seen at a glance
that the schema takes any text; nothing is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rule_of_two.gateway.input_schema import UnusableSchema, referred
from rule_of_two.gateway.results import OWN

NOTICE_KEY: Final = f"{OWN}notice"
_NOTES: Final = frozenset(("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "examples"))
_OBJECT: Final = _NOTES | {"type", "properties", "required", "additionalProperties"}
_TEXT: Final = _NOTES | {"type", "default"}


def noticed(content: Mapping[str, Any], schema: Any, text: str, *, in_place: bool) -> dict[str, Any]:
    """``content`` with ``text`` in it, if the schema takes it: under a name of ours, or else, with ``in_place``, as the
    first member that can be any text. Never raises."""
    told = dict(content)
    found = _plain(schema)
    if found is None:
        return told
    properties = found.get("properties", {})
    if found.get("additionalProperties", True) is True and NOTICE_KEY not in properties:
        told[NOTICE_KEY] = text
    elif in_place and (name := next((name for name, one in properties.items() if _any_text(one)), None)) is not None:
        told[name] = text
    return told


def _plain(schema: Any) -> dict[str, Any] | None:
    """The schema of an object, or what it refers to, if it says nothing that has to be tried."""
    if isinstance(schema, dict) and "$ref" in schema and set(schema) <= _NOTES | {"$ref", "type"}:
        try:
            schema = referred(schema, schema["$ref"])
        except UnusableSchema:
            return None
    plain = isinstance(schema, dict) and set(schema) <= _OBJECT and isinstance(schema.get("properties", {}), dict)
    return schema if plain else None


def _any_text(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "string" and set(schema) <= _TEXT
