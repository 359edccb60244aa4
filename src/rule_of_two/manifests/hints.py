"""What a server's annotations say of its own tools: hints, which only add labels, but for those that a manifest knows.

INVARIANT: no hint takes a label off, and a hint that a manifest knows is left out only as a plain ``true`` or ``false``
(tests/manifests/test_hints.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, Literal, get_args

from msgspec import Struct

from rule_of_two.model import NONE, Label, Labels

HintName = Literal["readOnlyHint", "destructiveHint", "openWorldHint"]
"""The hints that add a label (MCP, ToolAnnotations)."""
HINT_NAMES: Final[tuple[HintName, ...]] = get_args(HintName)
ADDED_BY: Final[Mapping[HintName, Label]] = {"readOnlyHint": "C", "destructiveHint": "C", "openWorldHint": "A"}
"""The label that each adds by any value but its harmless one."""
_HARMLESS: Final[Mapping[HintName, bool]] = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}

_Value = Literal["absent", "harmless", "plain", "odd"]
"""``plain`` is the ``true`` or ``false`` that adds a label; ``odd`` anything else that is no harmless value."""


class Hints(Struct, frozen=True):
    """What annotations add to a tool. ``known`` are the hints that add nothing here since the manifest knows them, each
    with what it would add: of a tool that only reads, `destructiveHint` adds no label anyhow."""

    labels: Labels
    open_world: bool = False
    destructive: bool = False
    known: tuple[tuple[HintName, Labels], ...] = ()


_SILENT: Final = Hints(NONE)
_WORST: Final = Hints(frozenset(ADDED_BY.values()), open_world=True, destructive=True)


def read_hints(annotations: Any, known: frozenset[HintName] = frozenset()) -> Hints:
    """What they say. A missing hint says nothing, an odd one the worst, and so do annotations that are no object. Of a
    tool that only reads, MCP gives `destructiveHint` no meaning (ToolAnnotations), and some servers always send it."""
    if annotations is None:
        return _SILENT
    if not isinstance(annotations, Mapping):
        return _WORST
    return _meaning(tuple(_value(annotations, hint) for hint in HINT_NAMES), known)


def hinted(annotations: Any, known: frozenset[HintName] = frozenset()) -> Labels:
    """The labels that a tool's annotations add."""
    return read_hints(annotations, known).labels


def sent_hints(annotations: Any) -> frozenset[HintName]:
    """The hints that a manifest can know of this tool: each adds a label, by a plain ``true`` or ``false``."""
    return frozenset(hint for hint, adds in read_hints(annotations, frozenset(HINT_NAMES)).known if adds)


def _value(annotations: Mapping[str, Any], hint: HintName) -> _Value:
    if hint not in annotations:
        return "absent"
    value = annotations[hint]
    if not isinstance(value, bool):
        return "odd"
    return "harmless" if value is _HARMLESS[hint] else "plain"


@cache
def _meaning(values: tuple[_Value, ...], known: frozenset[HintName]) -> Hints:
    """Of every combination once: there are a few hundred."""
    said = dict(zip(HINT_NAMES, values, strict=True))
    says = [hint for hint, value in said.items() if value in ("plain", "odd")]
    left_out = [hint for hint in says if hint in known and said[hint] == "plain"]
    counted = [hint for hint in says if hint not in left_out]
    meaningless = {"destructiveHint"} if said["readOnlyHint"] == "harmless" else set()

    def labels(hints: Sequence[HintName]) -> Labels:
        return frozenset(ADDED_BY[hint] for hint in hints if hint not in meaningless)

    return Hints(
        labels(counted),
        open_world="openWorldHint" in counted,
        destructive="destructiveHint" in counted,
        known=tuple((hint, labels([hint])) for hint in left_out),
    )
