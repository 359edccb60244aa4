"""From the targets of a call back to arguments that reach the same: the journal keeps targets, and no arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rule_of_two.manifests.document import PromptSpec
from rule_of_two.manifests.pointer import Pointer

_EACH = "*"


def example_arguments(spec: PromptSpec, values: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """Arguments of an entry whose targets are ``values``: kind and canonical value of each, in the order of facts.

    ``None`` where they cannot be told apart: more than one array, or another number or order of kinds than the entry's.
    """
    places = [(target.kind, Pointer.parse(at)) for target in spec.targets.values() for at in target.at]
    arrays = [number for number, (_, pointer) in enumerate(places) if _EACH in pointer.tokens]
    if len(arrays) > 1 or any(pointer.tokens.count(_EACH) > 1 for _, pointer in places):
        return None
    if arrays and any(one.optional and not any(_EACH in at for at in one.at) for one in spec.targets.values()):
        return None
    left = list(values)
    for target in spec.targets.values():
        if target.value is not None:
            if (target.kind, target.value) not in left:
                return None
            left.remove((target.kind, target.value))
    more = len(left) - len(places)
    if more < 0 or (more and not arrays):
        return None
    arguments: dict[str, Any] = {}
    for number, (kind, pointer) in enumerate(places):
        taken = [left.pop(0) for _ in range(1 + more if number in arrays else 1)]
        written = [f"https://{value}" if kind == "url" else value for _, value in taken]
        if any(one != kind for one, _ in taken) or not _put(arguments, pointer.tokens, written):
            return None
    return arguments


def _put(node: dict[str, Any], tokens: Sequence[str], values: list[str]) -> bool:
    """Put values where a pointer finds them again; whether there was room."""
    key, rest = tokens[0], tokens[1:]
    if key == _EACH:
        return False
    if not rest:
        return node.setdefault(key, values[0]) is values[0]
    if rest[0] == _EACH:
        elements = [_element(rest[1:], value) for value in values]
        return node.setdefault(key, elements) is elements and None not in elements
    below = node.setdefault(key, {})
    return isinstance(below, dict) and _put(below, rest, values)


def _element(tokens: Sequence[str], value: str) -> Any:
    if not tokens:
        return value
    node: dict[str, Any] = {}
    return node if _put(node, tokens, [value]) else None
