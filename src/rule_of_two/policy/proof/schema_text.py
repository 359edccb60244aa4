"""Reads the text of a Cedar schema that the engine has accepted, since the engine does not hand its types out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import cedarpy
import orjson
from msgspec import Struct, field

from rule_of_two.errors import PolicyError
from rule_of_two.policy.proof.schema import (
    ActionShape,
    Attribute,
    EntityShape,
    EntityType,
    Primitive,
    Record,
    SchemaView,
    SetOf,
    Type,
    groups_of,
)

T = TypeVar("T")

_TOKEN: Final = re.compile(r'\s+|//[^\n\r]*|(?P<token>"(?:\\.|[^"\\])*"|::|\w+|[^\s\w])', re.DOTALL)
_PRIMITIVES: Final = {
    "Bool": "Bool",
    "Boolean": "Bool",
    "Long": "Long",
    "String": "String",
    **{name: name for name in ("decimal", "datetime", "duration", "ipaddr")},
}


class _Named(Struct, frozen=True):
    """A type by name, not looked up yet: declarations may follow their use."""

    name: str
    namespace: str


class _Fields(Struct, frozen=True):
    fields: Mapping[str, tuple[_Written, bool]]


class _Many(Struct, frozen=True):
    element: _Written


_Written = _Named | _Fields | _Many


class _Action(Struct):
    uid: str
    namespace: str
    principals: list[_Named] = field(default_factory=list)
    resources: list[_Named] = field(default_factory=list)
    context: _Written = field(default_factory=lambda: _Fields({}))


class _Entity(Struct):
    namespace: str
    parents: list[_Named]
    attributes: _Written


def read_schema(text: str, schema: cedarpy.Schema) -> SchemaView:
    """What ``text`` declares; ``schema`` is the engine's handle of the same text.

    :raises PolicyError: the text uses something of the schema language that this reader does not know, so nothing can
        be proved with it.
    """
    reader = _Reader(text)
    reader.read()
    groups = groups_of(schema, list(reader.actions), sorted(reader.groups))
    return SchemaView(
        entities={name: reader.shape(name, one) for name, one in reader.entities.items()},
        actions=tuple(
            ActionShape(
                uid=one.uid,
                groups=groups[one.uid],
                principals=tuple(reader.entity_name(name) for name in one.principals),
                resources=tuple(reader.entity_name(name) for name in one.resources),
                context=reader.record(one.context),
            )
            for one in reader.actions.values()
            if one.principals and one.resources
        ),
    )


class _Reader:
    """A recursive descent over the declarations."""

    def __init__(self, text: str) -> None:
        self._tokens = [match["token"] for match in _TOKEN.finditer(text) if match["token"]]
        self._at = 0
        self.actions: dict[str, _Action] = {}
        self.groups: set[str] = set()
        self.entities: dict[str, _Entity] = {}
        self._types: dict[str, _Written] = {}
        self._resolved: dict[_Named, Type] = {}

    def read(self) -> None:
        while self._peek():
            self._annotations()
            if self._peek() == "namespace":
                self._next()
                namespace = self._path()
                self._expect("{")
                while self._peek() != "}":
                    self._declaration(namespace)
                self._next()
            else:
                self._declaration("")

    def shape(self, name: str, entity: _Entity) -> EntityShape:
        parents = frozenset(self.entity_name(parent) for parent in entity.parents)
        return EntityShape(name, parents, self.record(entity.attributes))

    def record(self, written: _Written) -> Record:
        found = self._type(written)
        if not isinstance(found, Record):
            raise _unknown(f"{written} for a record")
        return found

    def entity_name(self, named: _Named) -> str:
        for name in _candidates(named):
            if name in self.entities:
                return name
        raise _unknown(f"the entity type '{named.name}'")

    def _type(self, written: _Written) -> Type:
        match written:
            case _Many(element):
                return SetOf(self._type(element))
            case _Fields(fields):
                return Record({name: Attribute(self._type(one), needed) for name, (one, needed) in fields.items()})
        if written not in self._resolved:
            self._resolved[written] = self._look_up(written)
        return self._resolved[written]

    def _look_up(self, named: _Named) -> Type:
        for name in _candidates(named):
            if name in self._types:
                return self._type(self._types[name])
            if name in self.entities:
                return EntityType(name)
        primitive = _PRIMITIVES.get(named.name.removeprefix("__cedar::"))
        if primitive is None:
            raise _unknown(f"the type '{named.name}'")
        return Primitive(primitive)

    def _declaration(self, namespace: str) -> None:
        self._annotations()
        keyword = self._next()
        readers: dict[str, Callable[[str], None]] = {
            "entity": self._entity,
            "action": self._action,
            "type": self._alias,
        }
        if keyword not in readers:
            raise _unknown(f"'{keyword}'")
        readers[keyword](namespace)
        self._expect(";")

    def _alias(self, namespace: str) -> None:
        name = self._next()
        self._expect("=")
        self._types[_qualified(namespace, name)] = self._written(namespace)

    def _entity(self, namespace: str) -> None:
        names = self._list(self._next)
        parents: list[_Named] = []
        attributes: _Written = _Fields({})
        if self._take("enum"):
            self._several(self._next)
        if self._take("in"):
            parents = self._several(lambda: _Named(self._path(), namespace))
        self._take("=")
        if self._peek() == "{":
            attributes = self._written(namespace)
        if self._take("tags"):
            self._written(namespace)
        for name in names:
            self.entities[_qualified(namespace, name)] = _Entity(namespace, parents, attributes)

    def _action(self, namespace: str) -> None:
        names = self._list(self._name)
        if self._take("in"):
            self.groups.update(_action_uid(namespace, path) for path in self._several(self._reference))
        applies = _Action("", namespace)
        if self._take("appliesTo"):
            self._expect("{")
            while not self._take("}"):
                self._applies(self._next(), applies, namespace)
                self._take(",")
        if self._take("attributes"):
            self._written(namespace)
        for name in names:
            uid = _action_uid(namespace, [name])
            self.actions[uid] = _Action(uid, namespace, applies.principals, applies.resources, applies.context)

    def _applies(self, part: str, applies: _Action, namespace: str) -> None:
        self._expect(":")
        if part == "context":
            applies.context = self._written(namespace)
        elif part == "principal":
            applies.principals = self._several(lambda: _Named(self._path(), namespace))
        elif part == "resource":
            applies.resources = self._several(lambda: _Named(self._path(), namespace))
        else:
            raise _unknown(f"'{part}' of an action")

    def _written(self, namespace: str) -> _Written:
        if self._take("{"):
            fields: dict[str, tuple[_Written, bool]] = {}
            while not self._take("}"):
                self._annotations()
                name = self._name()
                optional = self._take("?")
                self._expect(":")
                fields[name] = (self._written(namespace), not optional)
                self._take(",")
            return _Fields(fields)
        path = self._path()
        if path == "Set" and self._take("<"):
            element = self._written(namespace)
            self._expect(">")
            return _Many(element)
        return _Named(path, namespace)

    def _path(self) -> str:
        return "::".join(self._reference())

    def _name(self) -> str:
        token = self._next()
        return _unquoted(token) if token.startswith('"') else token

    def _several(self, one: Callable[[], T]) -> list[T]:
        if not self._take("["):
            return [one()]
        found = []
        while not self._take("]"):
            found.append(one())
            self._take(",")
        return found

    def _reference(self) -> list[str]:
        """The parts of a path; of an action that another one is in, the last one is its name."""
        parts = [self._name()]
        while self._take("::"):
            parts.append(self._name())
        return parts

    def _list(self, one: Callable[[], str]) -> list[str]:
        found = [one()]
        while self._take(","):
            found.append(one())
        return found

    def _annotations(self) -> None:
        while self._take("@"):
            self._next()
            if self._take("("):
                self._next()
                self._expect(")")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise _unknown("its end")
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise _unknown(f"'{found}' where '{token}' was expected")


def _action_uid(namespace: str, path: list[str]) -> str:
    """The id as policies write it. A group may be named with its namespace, or without."""
    *before, name = path
    kind = "::".join(before) if before else _qualified(namespace, "Action")
    return f"{kind}::{orjson.dumps(name).decode()}"


def _qualified(namespace: str, name: str) -> str:
    return f"{namespace}::{name}" if namespace else name


def _candidates(named: _Named) -> tuple[str, ...]:
    return (_qualified(named.namespace, named.name), named.name)


def _unquoted(token: str) -> str:
    """The text of a string token. Cedar has escapes that JSON lacks, such as ``\\u{…}``: those are refused."""
    try:
        text: str = orjson.loads(token)
    except orjson.JSONDecodeError as error:
        raise _unknown(f"the name {token}") from error
    return text


def _unknown(what: str) -> PolicyError:
    return PolicyError(f"the policy schema holds {what}, which the prover cannot read")
