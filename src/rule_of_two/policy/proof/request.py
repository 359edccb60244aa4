"""A concrete request out of a solver's model: entities and context that the engine takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.policy.proof.actions import ACTION, TYPE_OF, ActionClasses, uid_text
from rule_of_two.policy.proof.expressions import entity_of, is_literal, operation, path_of
from rule_of_two.policy.proof.formula import Node, Values
from rule_of_two.policy.proof.schema import EntityType, Primitive, Record, SchemaView, SetOf, Type
from rule_of_two.policy.proof.solver import Model
from rule_of_two.policy.proof.translate import TICKS

Path = tuple[str, ...]
Uid = dict[str, str]

_LONG: Final = range(-(2**63), 2**63)
_DEEPEST: Final = 8
_NOW: Final = "2026-01-05T10:00:00Z"
_HELD: Final = {"A": 1, "B": 2, "C": 3}
_PLAIN: Final[dict[str, Any]] = {
    "Long": 0,
    "decimal": "0.0",
    "datetime": _NOW,
    "duration": "0ms",
    "ipaddr": "192.0.2.1",
}


class Request(Struct, frozen=True):
    """What the engine is asked, but for ``approved`` and ``approvals``. ``entities`` in Cedar's JSON form."""

    principal: Uid
    action: Uid
    resource: Uid
    context: dict[str, Any]
    entities: list[dict[str, Any]]

    @property
    def server(self) -> Uid:
        """The server that the resource belongs to; itself, where it belongs to none."""
        for entity in self.entities:
            if entity["uid"] == self.resource and "server" in entity["attrs"]:
                server: Uid = entity["attrs"]["server"]["__entity"]
                return server
        return self.resource

    def as_facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "principal": uid_text(self.principal),
            "action": uid_text(self.action),
            "resource": uid_text(self.resource),
            "context": self.context,
            "entities": self.entities,
        }


def build(model: Model, view: SchemaView, classes: ActionClasses, values: Values) -> Request:
    """The request that ``model`` describes. What it leaves open is plain: false, nothing, some other value.

    :raises ValueError: no request of the schema looks like that.
    """
    return _Builder(model, view, values).build(classes)


class _Builder:
    def __init__(self, model: Model, view: SchemaView, values: Values) -> None:
        self._view = view
        self._values = values
        self._numbers: dict[Path, tuple[str, int]] = {}
        self._types: dict[str, int] = {}
        self._flags: dict[tuple[str, Path], bool] = {}
        self._elements: dict[Path, list[Node]] = defaultdict(list)
        self._within: dict[Path, list[Node]] = {}
        self._patterns: dict[Path, list[Node]] = {}
        self._inside: list[tuple[Path, Node]] = []
        self._named: set[Path] = set()
        self._nameless: dict[int, int] = {}
        self._entities: dict[str, dict[str, Any]] = {}
        self._built: dict[Path, Uid] = {}
        self._read(model)

    def build(self, classes: ActionClasses) -> Request:
        shape = classes.classes[self._types.get(ACTION.key, 0)].typical
        principal_type = self._type_of("principal", shape.principals)
        resource_type = self._type_of("resource", shape.resources)
        principal = self._entity(EntityType(principal_type), ("principal",))
        resource = self._entity(EntityType(resource_type), ("resource",))
        context = self._value(shape.context, ("context",))
        context = {name: value for name, value in context.items() if name not in {"approved", "approvals"}}
        for attribute in ("agent", "server"):  # as the gateway has it: a session is in its agent, a tool in its server
            self._put_in_attribute(principal if attribute == "agent" else resource, attribute)
        for path, group in self._inside:
            self._put_inside(path, group)
        kind, _, name = shape.uid.rpartition("::")
        action = {"type": kind, "id": orjson.loads(name)}
        return Request(principal, action, resource, context, list(self._entities.values()))

    def _read(self, model: Model) -> None:
        for (key, at), number in model.numbers.items():
            if key in {ACTION.key, *(one.key for one in TYPE_OF.values())}:
                self._types[key] = number
            elif not at and (path := _flat(model.nodes[key])):
                self._numbers[path] = (model.sorts[key], number)
                self._name(path)
        for (key, at), true in model.flags.items():
            node = model.nodes[key]
            name, body = operation(node)
            left = _flat(node if name == "." else _operand(body)) if not at else None
            if left is not None:
                self._read_flag(name, body, left, true=true)

    def _read_flag(self, name: str, body: Any, left: Path, *, true: bool) -> None:
        match name:
            case "has":
                self._flags["has", (*left, body["attr"])] = true
            case "contains" if true:
                self._elements[left].append(body["right"])
            case "containsAll" if true and "Set" in body["left"]:
                self._within[left] = body["left"]["Set"]
            case "like" if true:
                self._patterns[left] = body["pattern"]
            case "in" if true:
                self._inside.append((left, body["right"]))
            case "." | "isEmpty":
                self._flags[name, left] = true
        if name != "has":
            self._name(left)

    def _name(self, path: Path) -> None:
        """Something is said of this path, so what it leads through is there."""
        self._named.update(path[:length] for length in range(1, len(path) + 1))

    def _type_of(self, variable: str, possible: Sequence[str]) -> str:
        number = self._types.get(TYPE_OF[variable].key)
        known = None if number is None else self._values.text("type", number)
        return known if known is not None and known in possible else possible[0]

    def _value(self, kind: Type, path: Path) -> Any:
        match kind:
            case Record(attributes):
                return dict(self._attributes(Record(attributes), path))
            case SetOf(element):
                return self._set(element, path)
            case EntityType():
                return {"__entity": self._entity(kind, path)}
            case Primitive("Bool"):
                return self._flags.get((".", path), False)
            case Primitive("String"):
                return self._text(path)
            case Primitive(name):
                return self._number(name, path)

    def _attributes(self, record: Record, path: Path) -> Iterator[tuple[str, Any]]:
        if len(path) > _DEEPEST:
            raise ValueError(f"{'.'.join(path)} nests without end")
        for name, attribute in record.attributes.items():
            here = (*path, name)
            if attribute.required or self._flags.get(("has", here), here in self._named):
                yield name, self._value(attribute.type, here)

    def _number(self, kind: str, path: Path) -> Any:
        if path not in self._numbers:
            return _HELD.get(path[-1], 0) if path[:2] == ("context", "held") else _PLAIN[kind]
        number = self._numbers[path][1]
        if number not in _LONG:
            raise ValueError(f"{'.'.join(path)} would be beyond 64 bits")
        match kind:
            case "decimal":
                return f"{Decimal(number) / TICKS:.4f}"
            case "datetime":
                return _time(number)
            case "duration":
                return f"{number}ms"
            case "ipaddr":
                return _PLAIN[kind]
        return number

    def _text(self, path: Path) -> str:
        sort, number = self._numbers.get(path, ("String", -1))
        known = self._values.text(sort, number)
        if known is None and path in self._patterns:
            return "".join(part["Literal"] for part in self._patterns[path] if part != "Wildcard")
        return known if known is not None else f"other{self._suffix(path)}"

    def _suffix(self, path: Path) -> str:
        """Tells apart values that policies do not name: the same for the same number, none where nothing is said."""
        if path not in self._numbers:
            return ""
        return f"-{self._nameless.setdefault(self._numbers[path][1], len(self._nameless) + 1)}"

    def _set(self, element: Type, path: Path) -> list[Any]:
        found: list[Any] = []
        for node in self._elements[path]:
            other = _flat(node)
            found.append(_literal(node) if other is None else self._value(element, other))
        if not found and self._flags.get(("isEmpty", path)) is False:
            literals = self._within.get(path)
            found.append(_literal(literals[0]) if literals else self._value(element, (*path, "element")))
        return found

    def _entity(self, kind: EntityType, path: Path) -> Uid:
        """The entity at a path; it exists, with what is said of it."""
        sort, number = self._numbers.get(path, ("Entity", -1))
        known = self._values.text(sort, number)
        name = kind.name.rpartition("::")[2].lower()
        uid = _uid(known) if known is not None else None
        if uid is None or uid["type"] != kind.name:  # another type's number says no more than any other one
            uid = {"type": kind.name, "id": f"{name}{self._suffix(path)}"}
        self._built[path] = uid
        text = uid_text(uid)
        if text in self._entities and path not in self._named:
            return uid
        entity = self._entities.setdefault(text, {"uid": uid, "attrs": {}, "parents": []})
        shape = self._view.entities.get(kind.name)
        if shape is not None:
            for attribute, value in self._attributes(shape.attributes, path):
                entity["attrs"].setdefault(attribute, value)
        return uid

    def _put_inside(self, path: Path, group: Node) -> None:
        child = self._built.get(path)
        entity = entity_of(group)
        other = _flat(group)
        parent = entity if entity is not None else self._built.get(other) if other is not None else None
        if child is None or parent is None or child == parent:
            return
        for kind in self._between(child["type"], parent["type"]):
            step = {"type": kind, "id": f"{kind.rpartition('::')[2].lower()}-of-{parent['id']}"}
            self._entities.setdefault(uid_text(step), {"uid": step, "attrs": {}, "parents": []})
            self._add_parent(child, step)
            child = step
        self._add_parent(child, parent)

    def _put_in_attribute(self, child: Uid, attribute: str) -> None:
        attributes = self._entities[uid_text(child)]["attrs"]
        named = attributes.get(attribute, {}).get("__entity")
        if named is not None and named["type"] == child["type"]:
            attributes[attribute] = {"__entity": child}  # the server of a server is itself
        shape = self._view.entities.get(child["type"])
        if named is not None and shape is not None and named["type"] in shape.parents and named != child:
            self._add_parent(child, named)

    def _add_parent(self, child: Uid, parent: Uid) -> None:
        parents = self._entities[uid_text(child)]["parents"]
        if parent not in parents:
            parents.append(parent)

    def _between(self, child: str, parent: str) -> Sequence[str]:
        """The types on the shortest way up, both ends left out."""
        ways: list[tuple[str, ...]] = [(child,)]
        seen = {child}
        while ways:
            way = ways.pop(0)
            for kind in sorted(self._view.entities[way[-1]].parents):
                if kind == parent:
                    return way[1:]
                if kind not in seen:
                    seen.add(kind)
                    ways.append((*way, kind))
        raise ValueError(f"no {child} is in a {parent}")


def _operand(body: Any) -> Node:
    """What a flag is about: the set that ``containsAll`` has on its right, if on its left stands a literal one."""
    if isinstance(body, list):
        first: Node = body[0]
        return first
    left = body.get("left", body.get("arg"))
    return body["right"] if "Set" in left and "right" in body else left


def _flat(node: Node) -> Path | None:
    path = path_of(node)
    return None if path is None else (path[0], *path[1])


def _literal(node: Node) -> Any:
    if not is_literal(node):
        raise ValueError("a set holds something that is neither a literal nor a path")
    return node["Value"]


def _uid(text: str) -> Uid:
    kind, _, name = text.partition('::"')
    return {"type": kind, "id": orjson.loads(f'"{name}')}


def _time(milliseconds: int) -> str:
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise ValueError("a time that no clock shows") from error
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
