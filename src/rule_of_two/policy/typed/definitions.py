"""From a tool's definition to the shape of its arguments, by Cedar's own ``cedar-policy-mcp-schema-generator``.

The definition is the upstream's. Each tool is read alone and under a name of ours, so that it reaches no other's.
A property that the generator cannot read, or that Cedar cannot name, is left out, and said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from msgspec import Struct, field

from rule_of_two.errors import PolicyError
from rule_of_two.policy.typed.shapes import CHOICE, Attribute, Choice, Record, Scalar, ScalarName, SetOf, Shape

_MOST_ALONE: Final = 256
"""Properties that are read one by one where a definition cannot be read whole."""
_MOST_TYPES: Final = 2_000
_DEEPEST: Final = 8
_NAME: Final = "t__t"
_STUB: Final = """namespace Gateway {
  @mcp_principal entity Session;
  @mcp_resource entity Tool;
  @mcp_action action "call_tool" appliesTo { principal: [Session], resource: [Tool], context: {} };
}"""
_CONFIG: Final = {"objectsAsRecords": True, "eraseAnnotations": True, "numbersAsDecimal": True}
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = frozenset(("true", "false", "if", "then", "else", "in", "like", "has", "is", "__cedar"))
_SCALARS: Final[Mapping[str, ScalarName]] = {
    "String": "String",
    "Long": "Long",
    "Bool": "Bool",
    "decimal": "decimal",
    "datetime": "datetime",
    "ipaddr": "ipaddr",
}
_NULL: Final = "Gateway::Null"

Generate = Callable[[Any], Mapping[str, Any] | str]
"""The generated schema of one input schema, or why there is none."""


class ToolDefinition(Struct, frozen=True):
    """A pinned tool of one server."""

    server: str
    name: str
    digest: str
    input_schema: Any

    @property
    def id(self) -> str:
        """Its entity's and its action's id."""
        return f"{self.server}__{self.name}"


class ToolShape(Struct, frozen=True):
    """What policies can read of a tool's arguments. ``problems`` says what they cannot, and why."""

    input: Record
    problems: tuple[str, ...] = ()


def generator() -> Generate:
    """The generator of the extra ``typed``.

    :raises PolicyError: it is not installed.
    """
    try:
        from cedar_mcp_schema_generator import generate_schema  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise PolicyError(
            "typed_arguments needs the package cedar-policy-mcp-schema-generator: install 'mcp-rule-of-two[typed]', or "
            "set typed_arguments to false"
        ) from error

    def generate(input_schema: Any) -> Mapping[str, Any] | str:
        tool = {"name": _NAME, "description": "", "inputSchema": input_schema}
        try:
            made = generate_schema(_STUB, [tool], config=dict(_CONFIG))
        except (ValueError, TypeError, RecursionError) as error:
            return str(error)
        if not made["isOk"]:
            return str(made.get("error"))
        schema: Mapping[str, Any] = orjson.loads(made["schemaJson"])
        return schema

    return generate


def shape_of(definition: ToolDefinition, generate: Generate) -> ToolShape:
    """The shape of a tool's arguments. Never raises, whatever the definition is."""
    schema = definition.input_schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return ToolShape(Record({}), ("it lists no arguments",))
    unnamed = [name for name in properties if not _is_name(name)]
    named = {name: value for name, value in properties.items() if name not in unnamed}
    problems = [f"Cedar has no name for the argument {name[:100]!r}" for name in unnamed]
    made = generate({**schema, "properties": named})
    if not isinstance(made, str):
        record, more = _input(made)
        return ToolShape(record, tuple(sorted(problems + more)))
    attributes: dict[str, Attribute] = {}
    for number, (name, value) in enumerate(named.items()):
        alone = generate({**schema, "properties": {name: value}}) if number < _MOST_ALONE else "there are too many"
        if isinstance(alone, str):
            problems.append(f"the argument '{name[:100]}' cannot be read")
            continue
        record, more = _input(alone)
        attributes.update(record.attributes)
        problems += more
    return ToolShape(Record(attributes), tuple(sorted(problems)))


def _is_name(name: str) -> bool:
    return _IDENTIFIER.fullmatch(name) is not None and name not in _RESERVED and not name.startswith("__cedar")


def _input(schema: Mapping[str, Any]) -> tuple[Record, list[str]]:
    reader = _Reader(schema)
    found = reader.record(schema["Gateway"]["commonTypes"][f"{_NAME}Input"], ())
    return found or Record({}), reader.problems


class _Reader(Struct):
    """Reads the types of a generated schema, references followed, up to a depth and a number of them."""

    schema: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)
    _types: int = 0

    def record(self, of: Mapping[str, Any], path: tuple[str, ...]) -> Record | None:
        """A record with the members that Cedar can hold."""
        if len(path) > _DEEPEST:
            return None
        attributes: dict[str, Attribute] = {}
        for name, member in of.get("attributes", {}).items():
            shape, nullable = self._nullable(member, (*path, name)) if _is_name(name) else (None, False)
            if shape is None:
                self._leave_out((*path, name))
            else:
                attributes[name] = Attribute(shape, member.get("required", True) and not nullable)
        return Record(attributes)

    def _nullable(self, of: Mapping[str, Any], path: tuple[str, ...]) -> tuple[Shape | None, bool]:
        """A shape, and whether null may stand there: which is as if nothing did."""
        choices = _choices(of)
        if choices is None:
            return self._shape(of, path), False
        others = [one for one in choices if one.get("name") != _NULL]
        shapes = [self._shape(one, path) for one in others]
        known = tuple(one for one in shapes if one is not None)
        nullable = len(others) < len(choices)
        if not known or len(known) < len(others):
            return None, nullable
        return (known[0] if len(known) == 1 else Choice(known)), nullable

    def _shape(self, of: Mapping[str, Any], path: tuple[str, ...]) -> Shape | None:
        self._types += 1
        if self._types > _MOST_TYPES or len(path) > _DEEPEST:
            return None
        if _choices(of) is not None:
            return self._nullable(of, (*path, CHOICE))[0]
        match of.get("type"):
            case "Set":
                shape, nullable = self._nullable(of["element"], (*path, "*"))
                return None if shape is None or nullable else SetOf(shape)
            case "Record":
                return self.record(of, path)
            case "EntityOrCommon" | "Entity":
                return self._named(of["name"], path)
        return None

    def _named(self, name: str, path: tuple[str, ...]) -> Shape | None:
        if name in _SCALARS:
            return Scalar(_SCALARS[name])
        space, _, short = name.rpartition("::")
        inside = self.schema.get(space, {})
        if "enum" in inside.get("entityTypes", {}).get(short, {}):
            return Scalar("String")  # as people write it, instead of an entity of a type of its own
        common = inside.get("commonTypes", {}).get(short)
        return None if common is None else self._shape(common, (*path, short) if len(path) else path)

    def _leave_out(self, path: tuple[str, ...]) -> None:
        if len(self.problems) < _MOST_ALONE:
            self.problems.append(f"the argument '{'/'.join(path)[:100]}' has no type that Cedar can hold")


def _choices(of: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The types of one of several, or ``None``."""
    attributes: Mapping[str, Any] = of.get("attributes", {}) if of.get("type") == "Record" else {}
    if not attributes or any(name != f"{CHOICE}{number}" for number, name in enumerate(sorted(attributes, key=_place))):
        return None
    return [attributes[name] for name in sorted(attributes, key=_place)]


def _place(name: str) -> tuple[int, str]:
    digits = name.removeprefix(CHOICE)
    return (int(digits) if digits.isdecimal() and len(digits) < 9 else -1), name
