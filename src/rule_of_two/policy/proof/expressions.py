"""What a Cedar expression tells without a solver: its path, its kind of value, whether it can err, what it reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rule_of_two.policy.proof.formula import Node
from rule_of_two.policy.proof.schema import EntityType, Primitive, Record, SchemaView, SetOf
from rule_of_two.policy.trees import nodes

ROOTS: Final = frozenset(("principal", "resource", "context"))
_APPROVAL: Final = frozenset(("approved", "approvals"))
_BOOLEAN: Final = frozenset(
    (
        *("!", "&&", "||", "==", "!=", "<", "<=", ">", ">=", "in", "is", "has", "like", "contains", "containsAll"),
        *("containsAny", "isEmpty", "hasTag", "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"),
        *("isIpv4", "isIpv6", "isLoopback", "isMulticast", "isInRange"),
    )
)
_RESULTS: Final = {
    **dict.fromkeys(_BOOLEAN, "Bool"),
    **dict.fromkeys(("+", "-", "*", "neg"), "Long"),
    **dict.fromkeys(("toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"), "Long"),
    **dict.fromkeys(("durationSince", "toTime", "duration"), "duration"),
    **dict.fromkeys(("offset", "toDate", "datetime"), "datetime"),
    "decimal": "decimal",
    "ip": "ipaddr",
    "Set": "Set",
    "Record": "Record",
}
_CANNOT_ERR: Final = _BOOLEAN | frozenset(
    (
        *("if-then-else", "Set", "Record", "decimal", "ip", "datetime", "duration", "toTime"),
        *("toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"),
    )
)


def operation(node: Node) -> tuple[str, Any]:
    """The one key of a node, and what stands under it."""
    ((name, body),) = node.items()
    return name, body


def children(node: Node) -> Iterator[Node]:
    """The expressions right below."""
    name, body = operation(node)
    if name in {"Value", "Var", "Slot"}:
        return
    if isinstance(body, list):
        yield from body
    elif name == "Record":
        yield from body.values()
    else:
        yield from (part for key, part in body.items() if key in {"left", "right", "arg", "if", "then", "else", "in"})


def path_of(node: Node) -> tuple[str, Sequence[str]] | None:
    """``principal.user.tenant`` as a root and names; ``None``: it is no such path."""
    names: list[str] = []
    while "." in node:
        names.append(node["."]["attr"])
        node = node["."]["left"]
    root = node.get("Var")
    return (root, names[::-1]) if root in ROOTS else None


def key_of(node: Node) -> str:
    """The same text for the same expression, however deep it nests."""
    return json.dumps(node, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def is_literal(node: Node) -> bool:
    """A value as written: text, a number, true, false, an entity."""
    return "Value" in node


def entity_of(node: Node) -> dict[str, str] | None:
    """The entity that a literal names."""
    value = node.get("Value")
    return value["__entity"] if isinstance(value, dict) and "__entity" in value else None


def varies(node: Node) -> bool:
    """Whether its value may hang on how many people said yes. Using the context as a whole counts as reading it all."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        name, body = operation(one)
        if name == "Var":
            if body == "context":
                return True
        elif name in {".", "has"} and body["left"] == {"Var": "context"}:
            if name == "." and body["attr"] in _APPROVAL:
                return True
        else:
            waiting.extend(children(one))
    return False


def sort_of(node: Node, view: SchemaView) -> str | None:
    """What kind of value it is; ``None``: it cannot be told, or differs from request to request."""
    name, body = operation(node)
    if name == "Value":
        kinds = {bool: "Bool", int: "Long", str: "String", dict: "Entity"}
        return kinds.get(type(body))
    if name == "Var":
        return "Record" if body == "context" else "Entity"
    if name == "if-then-else":
        return sort_of(body["then"], view) or sort_of(body["else"], view)
    path = path_of(node)
    if path is None:
        return _RESULTS.get(name)
    kinds_found = {_sort(one) for one in view.types_at(*path)}
    return kinds_found.pop() if len(kinds_found) == 1 else None


def can_err(node: Node, view: SchemaView) -> bool:
    """Whether evaluating it can fail, in a policy that validated: an entity that is not there, or an overflow."""
    name, body = operation(node)
    if name == ".":
        path = path_of(body["left"])
        if path is None or (path[1] and not all(isinstance(one, Record) for one in view.types_at(*path))):
            return True
    elif name not in _CANNOT_ERR and name not in {"Value", "Var"}:
        return True
    return any(can_err(child, view) for child in children(node))


def _sort(one: object) -> str:
    match one:
        case Primitive(name):
            return name
        case EntityType():
            return "Entity"
        case SetOf():
            return "Set"
    return "Record"


def attributes_read(tree: Any) -> frozenset[str]:
    """The names of all attributes that stand anywhere in an expression or a policy."""
    return frozenset(node["attr"] for node in nodes(tree) if isinstance(node.get("attr"), str))


def paths_read(tree: Any) -> frozenset[tuple[str, ...]]:
    """The attributes below principal, resource and context that are read, or asked for with ``has``: root and names."""
    accesses = (body for node in nodes(tree) for body in (node.get("."), node.get("has")) if isinstance(body, dict))
    named = ((path_of(body["left"]), body["attr"]) for body in accesses if isinstance(body.get("attr"), str))
    return frozenset((path[0], *path[1], name) for path, name in named if path is not None)
