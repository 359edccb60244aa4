"""Policies in Cedar's JSON form, and what stands in them: their names, the actions of their heads, what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import cedarpy
import orjson

Tree = dict[str, Any]
"""A policy in Cedar's JSON form."""
Path = tuple[str, ...]
"""Names of attributes, the outermost first."""

_CONTEXT: Final = {"Var": "context"}


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every record in a JSON tree, an entity's or a policy's; what leads to others first."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def policy_trees(text: str) -> list[Tree]:
    """The policies of ``text``, in order, templates left out.

    :raises ValueError: ``text`` does not parse.
    """
    static: dict[str, Tree] = orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    return [static[policy_id] for policy_id in sorted(static, key=lambda policy_id: int(policy_id[len("policy") :]))]


def annotations_of(tree: Mapping[str, Any]) -> Mapping[str, str | None]:
    """The annotations by name; ``@flag`` without a value is ``None`` here."""
    annotations: Mapping[str, str | None] = tree.get("annotations", {})
    return annotations


def actions_of(tree: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the actions that the head names; none where it is about all."""
    scope: Mapping[str, Any] = tree["action"]
    entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    return frozenset(entity["id"] for entity in entities)


def context_reads(tree: Mapping[str, Any]) -> frozenset[Path]:
    """What the conditions of a policy read of the context, or ask for with ``has``.

    A path that ends early reads all that is below it. The empty path: the context is used other than by naming one of
    its attributes, as in ``(if … then context else …).now``, which counts as reading all of it.
    """
    found: set[Path] = set()
    waiting: list[Any] = [tree["conditions"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif node == _CONTEXT:
            found.add(())
        elif isinstance(node, dict):
            path = _path(node)
            if path is None:
                waiting.extend(node.values())
            else:
                found.add(path)
    return frozenset(found)


def reads(tree: Mapping[str, Any], *path: str) -> bool:
    """Whether a policy may read ``context.<path>``, such as ``context.now`` or ``context.target.given``."""
    return any(all(a == b for a, b in zip(read, path, strict=False)) for read in context_reads(tree))


def _path(node: Mapping[str, Any]) -> Path | None:
    """The attributes of the context that an access names; ``None`` if it is no such access."""
    names: list[str] = []
    while isinstance(node.get("attr"), str):  # of a record literal it is a member, and no text
        names.append(node["attr"])
        left = node["left"]
        if left == _CONTEXT:
            return tuple(reversed(names))
        node = left.get(".", {}) if isinstance(left, dict) else {}
    return None
