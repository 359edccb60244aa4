"""Arguments of a tool that a header repeats: the ``x-mcp-header`` annotations of its schema (2026-07-28, Transports).

Pure. The SDK has the same in ``mcp.shared.inbound``, which takes most of a second to import; the tests compare the two.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Path = tuple[str, ...]

_ANNOTATION: Final = "x-mcp-header"
_TYPES: Final = ("string", "integer", "boolean")
TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SAFE: Final = re.compile(r"[\x20-\x7e]*")
_ENCODED: Final = re.compile(r"=\?base64\?.*\?=")

_ONE_SCHEMA: Final = frozenset(
    (
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_MANY_SCHEMAS: Final = frozenset(("allOf", "anyOf", "oneOf", "prefixItems"))
_NAMED_SCHEMAS: Final = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties"))


def header_value(text: str) -> str:
    """``text`` as a header can carry it: itself, or in Base64 where it would not arrive as it is."""
    if _SAFE.fullmatch(text) and text == text.strip() and not _ENCODED.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def annotated(schema: Any) -> dict[Path, str] | None:
    """Which arguments of a tool with this ``inputSchema`` a header repeats, and which header; ``None`` if the
    annotations are invalid, so that the tool must not be offered."""
    found: dict[Path, str] = {}
    for path, position in _positions(schema):
        if _ANNOTATION not in position:
            continue
        name = position[_ANNOTATION]
        if not path or not isinstance(name, str) or not TOKEN.fullmatch(name) or position.get("type") not in _TYPES:
            return None
        if name.lower() in (other.lower() for other in found.values()):
            return None
        found[path] = name
    return found


def parameter_headers(names: Mapping[Path, str], arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers for these arguments. What is absent, ``null`` or no scalar has none."""
    headers = {}
    for path, name in names.items():
        text = _rendered(_at(path, arguments))
        if text is not None:
            headers[f"Mcp-Param-{name}"] = header_value(text)
    return headers


def _rendered(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return None
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return None


def _at(path: Path, arguments: Mapping[str, Any]) -> Any:
    value: Any = arguments
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _positions(root: Any) -> Iterator[tuple[Path | None, Mapping[str, Any]]]:
    """Every schema in ``root``, with the names of the properties that lead to it; ``None`` where anything else does."""
    stack: list[tuple[Path | None, Any]] = [((), root)]
    while stack:
        path, schema = stack.pop()
        if not isinstance(schema, dict):
            continue
        yield path, schema
        for keyword, value in schema.items():
            if keyword == "properties" and isinstance(value, dict):
                stack.extend((None if path is None else (*path, name), inner) for name, inner in value.items())
            elif keyword in _ONE_SCHEMA:
                stack.append((None, value))
            elif keyword in _MANY_SCHEMAS and isinstance(value, list):
                stack.extend((None, inner) for inner in value)
            elif keyword in _NAMED_SCHEMAS and isinstance(value, dict):
                stack.extend((None, inner) for inner in value.values())
