"""What a schema says of requests: actions with their groups, and the type behind every attribute path.

Read from the text of the loaded schema, so that actions which are generated at run time are known too. The action
hierarchy is the engine's own word (:func:`groups_of`); the rest is held against the engine by
`tests/policy/proof/test_schema.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import cedarpy
from msgspec import Struct, field


class Primitive(Struct, frozen=True):
    """``Bool``, ``Long``, ``String``, ``decimal``, ``datetime``, ``duration`` or ``ipaddr``."""

    name: str


class SetOf(Struct, frozen=True):
    """A set, with the type of its elements."""

    element: Type


class EntityType(Struct, frozen=True):
    """A reference to an entity of this type (with its namespace)."""

    name: str


class Attribute(Struct, frozen=True):
    """What an attribute holds, and whether it is always there."""

    type: Type
    required: bool


class Record(Struct, frozen=True):
    """A record, or the attributes of an entity."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)


Type = Primitive | SetOf | EntityType | Record


class EntityShape(Struct, frozen=True):
    """An entity type: the types that its parents can have, and its attributes."""

    name: str
    parents: frozenset[str]
    attributes: Record


class ActionShape(Struct, frozen=True):
    """An action that requests can carry. ``groups`` are all that it is in, itself included (full entity ids)."""

    uid: str
    groups: frozenset[str]
    principals: tuple[str, ...]
    resources: tuple[str, ...]
    context: Record


@dataclasses.dataclass(frozen=True, slots=True)
class SchemaView:
    """A schema, for reasoning. ``actions`` are those that apply to something."""

    entities: Mapping[str, EntityShape]
    actions: Sequence[ActionShape]
    _types: dict[tuple[str, ...], Sequence[Type]] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def types_at(self, root: str, path: Sequence[str]) -> Sequence[Type]:
        """The types that ``root.path`` can have, over every request in which it exists.

        :param root: ``principal``, ``resource`` or ``context``.
        """
        known = self._types.get((root, *path))
        if known is not None:
            return known
        types: list[Type] = []
        for start in self._roots(root):
            reached: Type | None = start
            for name in path:
                reached = None if reached is None else self.attribute(reached, name)
            if reached is not None and reached not in types:
                types.append(reached)
        self._types[root, *path] = types
        return types

    def attribute(self, of: Type, name: str) -> Type | None:
        """The type of an attribute of a record or an entity; ``None``: it has none of that name."""
        declared = self.declared(of, name)
        return None if declared is None else declared.type

    def declared(self, of: Type, name: str) -> Attribute | None:
        """The declaration of an attribute of a record or an entity."""
        if isinstance(of, EntityType):
            shape = self.entities.get(of.name)
            return None if shape is None else shape.attributes.attributes.get(name)
        return of.attributes.get(name) if isinstance(of, Record) else None

    def below(self, name: str) -> frozenset[str]:
        """The entity types whose entities can be ``in`` another one of type ``name``."""
        found: set[str] = set()
        while more := {one.name for one in self.entities.values() if one.parents & (found | {name})} - found:
            found |= more
        return frozenset(found)

    def optional_context(self) -> frozenset[str]:
        """The attributes of the context itself that may be absent: somebody has to supply them."""
        return frozenset(
            name
            for action in self.actions
            for name, attribute in action.context.attributes.items()
            if not attribute.required
        )

    def _roots(self, root: str) -> Iterable[Type]:
        if root == "context":
            return [action.context for action in self.actions]
        names = {name for one in self.actions for name in (one.principals if root == "principal" else one.resources)}
        return [EntityType(name) for name in sorted(names)]


def groups_of(schema: cedarpy.Schema, actions: Sequence[str], groups: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """For each action id, itself and the ids among ``groups`` that it is ``in``, by the engine's own word."""
    entities = cedarpy.Entities.from_json_str("[]", schema)
    lines = (f'@id("{number}") permit (principal, action in {uid}, resource);' for number, uid in enumerate(groups))
    policies = cedarpy.PolicySet.from_str("\n".join(lines))
    found: dict[str, frozenset[str]] = {}
    for uid in actions:
        request = {"principal": 'Any::"one"', "action": uid, "resource": 'Any::"one"', "context": "{}"}
        diagnostics = cedarpy.is_authorized(request, policies, entities).diagnostics
        inside = (groups[int(name)] for name in diagnostics.id_annotations_by_reason.values())
        found[uid] = frozenset((uid, *inside))
    return found
