"""What real servers list against what their manifests say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rule_of_two.json_pointer import pointer_of
from rule_of_two.manifests.document import PromptSpec


def in_schema(schema: Mapping[str, Any], pointer: str) -> bool:
    """Whether a pointer leads to a place that the tool's input schema describes; ``*`` is any element."""
    keys = [key.replace("~1", "/").replace("~0", "~") for key in pointer.removeprefix("/").split("/")]
    return _describes(schema, schema, keys)


def _describes(root: Mapping[str, Any], place: Any, keys: Sequence[str]) -> bool:
    if not keys:
        return True
    for shape in _shapes(root, place):
        below = shape.get("items") if keys[0] == "*" else shape.get("properties", {}).get(keys[0])
        if below is not None and _describes(root, below, keys[1:]):
            return True
    return False


def _shapes(root: Mapping[str, Any], place: Any) -> Iterator[Mapping[str, Any]]:
    """A schema, and those that it refers to or is composed of."""
    if not isinstance(place, Mapping):
        return
    yield place
    reference = place.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = root
        for key in reference[2:].split("/"):
            target = target[key]
        yield from _shapes(root, target)
    for word in ("anyOf", "oneOf", "allOf"):
        for one in place.get(word, ()):
            yield from _shapes(root, one)


def pointers(spec: PromptSpec) -> set[str]:
    """Every place in a tool's arguments that its entry reads."""
    stored = [stored for stored in (spec.reads, spec.writes) if stored is not None]
    found = {pointer for target in spec.targets.values() for pointer in target.at}
    found |= {pointer for each in stored for named in each.at.values() for pointer in named}
    conditions = {pointer_of((name,)) for rule in spec.rules for name in rule.when if name not in spec.targets}
    return found | set(spec.secrets) | conditions
