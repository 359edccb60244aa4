"""Actions as a solver sees them: those that no policy tells apart are one class, so a thousand tools cost one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson
from msgspec import Struct

from rule_of_two.policy.proof.formula import (
    Equal,
    Formula,
    Node,
    Number,
    Unknown,
    Values,
    every,
    some,
)
from rule_of_two.policy.proof.schema import ActionShape, SchemaView
from rule_of_two.policy.trees import nodes

ACTION: Final = Unknown("action", "class")
TYPE_OF: Final = {name: Unknown(f"type of {name}", "type") for name in ("principal", "resource")}


def uid_text(entity: Mapping[str, str]) -> str:
    """``Type::"id"``, as policies write it."""
    return f"{entity['type']}::{orjson.dumps(entity['id']).decode()}"


class ActionClass(Struct, frozen=True):
    """Actions with the same groups and the same types, as far as the policies can tell. ``number`` stands for them."""

    number: int
    groups: frozenset[str]
    members: Sequence[ActionShape]

    @property
    def typical(self) -> ActionShape:
        """The one that an example uses."""
        return next((one for one in self.members if one.uid.endswith('"call_tool"')), self.members[0])


class ActionClasses:
    """The classes of a schema's actions under the action ids that policies mention."""

    def __init__(self, view: SchemaView, mentioned: Iterable[str], values: Values) -> None:
        self._values = values
        named = frozenset(mentioned)
        grouped: dict[tuple[object, ...], list[ActionShape]] = defaultdict(list)
        for action in view.actions:
            # `==` tells an action from those in it, so one that is mentioned stands alone.
            itself = action.uid if action.uid in named else None
            grouped[action.groups & named, itself, action.principals, action.resources].append(action)
        self.classes = tuple(
            ActionClass(number, frozenset().union(*(one.groups for one in members)), members)
            for number, members in enumerate(grouped.values())
        )

    def within(self, groups: Iterable[str]) -> Formula:
        """The action is one of ``groups``, or in one of them."""
        wanted = frozenset(groups)
        return some(Equal(ACTION, Number(one.number)) for one in self.classes if one.groups & wanted)

    def exactly(self, uid: str) -> Formula:
        """The action is this one. A group is no action of a request."""
        return some(
            Equal(ACTION, Number(one.number))
            for one in self.classes
            if any(member.uid == uid for member in one.members)
        )

    def is_of(self, variable: str, names: Iterable[str]) -> Formula:
        """``principal`` or ``resource`` is of one of these entity types."""
        unknown = TYPE_OF[variable]
        return some(Equal(unknown, Number(self._values.number("type", name))) for name in sorted(names))

    def axioms(self) -> Formula:
        """Each request has one action of the schema, and a principal and a resource of a type that it applies to."""
        cases = (
            every(
                (
                    Equal(ACTION, Number(one.number)),
                    self.is_of("principal", one.typical.principals),
                    self.is_of("resource", one.typical.resources),
                )
            )
            for one in self.classes
        )
        return some(cases)


def mentioned_actions(tree: Node) -> frozenset[str]:
    """The action ids that stand anywhere in a policy."""
    return frozenset(uid_text(node) for node in nodes(tree) if _is_action(node))


def _is_action(node: Node) -> bool:
    kind, name = node.get("type"), node.get("id")
    return isinstance(kind, str) and isinstance(name, str) and f"::{kind}".endswith("::Action")
