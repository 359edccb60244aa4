"""The places that a tool's input schema describes, as JSON Pointers; and whether a pointer can lead anywhere in it.

Schemas are the upstream's: cycles of ``$ref``, great depth and great width end the search, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.json_pointer import pointer_of, tokens_of

DEEPEST: Final = 8
"""Objects and arrays within each other that are looked into."""
MOST: Final = 500
"""Places of one tool."""
_MOST_STEPS: Final = 5000
_LONGEST: Final = 200
_TOGETHER: Final = ("allOf", "anyOf", "oneOf")


class Place(Struct, frozen=True):
    """One argument, or a part of one. ``name`` is the last key on the way, without ``*``; ``types`` are the JSON types
    that it may have, none named meaning any; ``values`` those that it is limited to."""

    pointer: str
    name: str
    types: frozenset[str]
    required: bool
    description: str = ""
    format: str = ""
    values: tuple[Any, ...] = ()
    bounded: bool = False
    """Its values are all listed."""

    @property
    def may_be_text(self) -> bool:
        """Whether a string can stand there."""
        return not self.types or "string" in self.types


class Places(Struct, frozen=True):
    """What was found. ``cut``: the schema is too large, too deep or too odd, and there may be more."""

    found: tuple[Place, ...]
    cut: bool

    def __iter__(self) -> Iterator[Place]:
        return iter(self.found)


class _Walk(Struct):
    root: Mapping[str, Any]
    steps: int = 0
    found: dict[str, Place] = field(default_factory=dict)
    cut: bool = False

    def alternatives(self, node: Any) -> list[Mapping[str, Any]]:
        """The schema and all that it is composed of, ``$ref`` within the document resolved."""
        found: list[Mapping[str, Any]] = []
        seen: set[int] = set()
        waiting = [node]
        while waiting:
            one = waiting.pop(0)
            self.steps += 1
            if self.steps > _MOST_STEPS:
                self.cut = True
                break
            if not isinstance(one, Mapping) or id(one) in seen:
                continue
            seen.add(id(one))
            found.append(one)
            waiting += [part for key in _TOGETHER for part in _list(one.get(key))]
            waiting += [one[key] for key in ("then", "else") if key in one]
            if isinstance(one.get("$ref"), str):
                waiting.append(_referred(self.root, one["$ref"]))
        return found

    def visit(self, parts: list[Mapping[str, Any]], keys: tuple[str, ...], above: frozenset[int]) -> None:
        """Look into an object or array. ``above`` are the schemas on the way: one within itself is not entered."""
        here = above.union(map(id, parts))
        required = {name for part in parts for name in _list(part.get("required")) if isinstance(name, str)}
        for part in parts:
            for name, below in _mapping(part.get("properties")).items():
                if isinstance(name, str) and name != "*" and len(name) <= _LONGEST and _is_text(name):
                    self.enter(below, (*keys, name), here, required=name in required)
                else:
                    self.cut = True
            items = part.get("items")
            if isinstance(items, Mapping) and keys:
                self.enter(items, (*keys, "*"), here, required=True)

    def enter(self, node: Any, keys: tuple[str, ...], above: frozenset[int], *, required: bool) -> None:
        """Note a place, and look into it."""
        if len(keys) > DEEPEST or len(self.found) >= MOST or self.steps > _MOST_STEPS:
            self.cut = True
            return
        pointer = pointer_of(keys)
        parts = self.alternatives(node)
        if pointer not in self.found:
            self.found[pointer] = self.place(pointer, keys, parts, required=required)
        if not any(id(part) in above for part in parts):
            self.visit(parts, keys, above)

    @staticmethod
    def place(pointer: str, keys: tuple[str, ...], parts: list[Mapping[str, Any]], *, required: bool) -> Place:
        types = {kind for part in parts for kind in _types(part)}
        lists = [
            _list(part["enum"]) if "enum" in part else [part["const"]] for part in parts if {"enum", "const"} & {*part}
        ]
        texts = {key: next((part[key] for part in parts if isinstance(part.get(key), str)), "") for key in _TEXTS}
        return Place(
            pointer,
            next((key for key in reversed(keys) if key != "*"), ""),
            frozenset(types),
            required,
            texts["description"] or texts["title"],
            texts["format"],
            tuple(value for values in lists for value in values[:MOST]),
            len(parts) == 1 and bool(lists),
        )


_TEXTS: Final = ("description", "title", "format")


def places(schema: Mapping[str, Any]) -> Places:
    """Every place that the schema describes, outer ones first within each argument; at most :data:`MOST`."""
    walk = _Walk(schema)
    walk.visit(walk.alternatives(schema), (), frozenset())
    return Places(tuple(walk.found.values()), walk.cut)


def leads(schema: Mapping[str, Any], pointer: str) -> bool:
    """Whether the schema describes, or leaves room for, a value at ``pointer``. ``False`` only where it cannot be:
    the object above it lists its properties and this is none of them, or what is above is no object or array."""
    walk = _Walk(schema)
    nodes: list[Any] = [schema]
    for number, key in enumerate(tokens_of(pointer)):
        parts = [part for node in nodes for part in walk.alternatives(node)]
        if walk.cut:
            return True
        nodes = [below for part in parts for below in _below(part, key)]
        if not nodes:
            return _is_open(parts, key, outermost=number == 0)
    return True


def _is_text(name: str) -> bool:
    """Whether it can be written to a file: half a surrogate cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _below(part: Mapping[str, Any], key: str) -> Iterator[Any]:
    if key in _mapping(part.get("properties")):
        yield part["properties"][key]
    if key == "*" or key.isdecimal():
        items = part.get("items")
        if isinstance(items, Mapping):
            yield items
        yield from _list(part.get("prefixItems"))
    if isinstance(part.get("additionalProperties"), Mapping) and key != "*":
        yield part["additionalProperties"]


def _is_open(parts: list[Mapping[str, Any]], key: str, *, outermost: bool) -> bool:
    """Whether a value that nobody described can be there."""
    if any("patternProperties" in part for part in parts):
        return True
    described = any(_mapping(part.get("properties")) for part in parts)
    types = {kind for part in parts for kind in _types(part)}
    if key == "*":
        return not described and (not types or "array" in types)
    if outermost or described:
        return any(part.get("additionalProperties") is True for part in parts)
    return not types or "object" in types


def _types(part: Mapping[str, Any]) -> Iterator[str]:
    given = part.get("type")
    for kind in [given] if isinstance(given, str) else _list(given):
        if isinstance(kind, str):
            yield kind


def _referred(root: Mapping[str, Any], reference: str) -> Any:
    """What a reference within the document leads to; nothing where it leads elsewhere."""
    if not reference.startswith("#"):
        return None
    node: Any = root
    for key in tokens_of(reference[1:]) if reference[1:].startswith("/") else ():
        if isinstance(node, Mapping):
            node = node.get(key)
        elif isinstance(node, list) and key.isdecimal() and len(key) < 6 and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
