"""Values in a call's arguments, read once: what stands there, its canonical form, and whether the two are the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from rule_of_two.manifests.pointer import MISSING, Odd, Pointer
from rule_of_two.model import TargetKind
from rule_of_two.normalise import NORMALISERS, is_exact


class Value(Struct, frozen=True):
    """One value. ``canonical`` is ``None`` where nothing may be concluded; ``exact`` says that it is byte-equal."""

    raw: Any
    canonical: str | None
    exact: bool

    @property
    def shown(self) -> str:
        """The value as text, whole, for a human to read."""
        if isinstance(self.raw, str):
            return self.raw
        if self.raw is MISSING:
            return ""
        if type(self.raw) is float:
            return repr(self.raw)
        try:
            return json.dumps(self.raw, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return "(a value that cannot be written as JSON)"

    @property
    def is_nothing(self) -> bool:
        """Of an argument read as it is, without a kind: whether it is not there, ``null``, or an empty list."""
        return self.raw is MISSING or (self.raw is None and self.exact) or self.raw in ([], ())


ABSENT = Value(MISSING, None, exact=False)


def key(value: Any) -> str | None:
    """A resource's name or number as text: the canonical form of kinds that are no targets."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 64:
        return str(value)
    return value if isinstance(value, str) and value else None


class Slot(Struct, frozen=True):
    """A place in the arguments, with the kind of value that is expected there.

    ``kind`` is a target's kind, another kind of stored resource, or ``None`` for a scalar that rules compare as it is.
    An array is read element by element only where the pointer says so with ``*``.
    """

    kind: str | None
    pointer: Pointer

    def read(self, arguments: Mapping[str, Any]) -> tuple[Value, ...]:
        """Every value, in order. No value at all stands for an empty array."""
        raws = self.pointer.resolve(arguments)
        if self.kind is None:
            return tuple(_plain(raw) for raw in raws)
        return tuple(_normalised(self.kind, raw) for raw in raws)


def _plain(raw: Any) -> Value:
    if raw is MISSING:
        return ABSENT
    if isinstance(raw, Odd):
        return Value(raw.raw, None, exact=False)
    plain = raw is None or isinstance(raw, str | float) or (isinstance(raw, int) and abs(raw) < 1 << 64)
    return Value(raw, None, exact=plain)


def _normalised(kind: str, raw: Any) -> Value:
    if raw is MISSING:
        return ABSENT
    if isinstance(raw, Odd):
        return Value(raw.raw, None, exact=False)
    target = _TARGETS.get(kind)
    if target is None:
        canonical = key(raw)
        return Value(raw, canonical, exact=canonical == raw)
    name, normalise = target
    canonical = normalise(raw)
    return Value(raw, canonical, exact=is_exact(name, raw, canonical))


_TARGETS: Mapping[str, tuple[TargetKind, Callable[[Any], str | None]]] = {
    kind: (kind, normalise) for kind, normalise in NORMALISERS.items()
}


class SlotTable(Struct):
    """The slots of one tool while it is bound: each place is read once a call, however many refer to it."""

    slots: list[Slot] = field(default_factory=list)

    def place(self, kind: str | None, pointer: str | Pointer) -> int:
        """The number of the slot for ``kind`` at ``pointer``; a new one where there is none yet."""
        slot = Slot(kind, pointer if isinstance(pointer, Pointer) else Pointer.parse(pointer))
        if slot not in self.slots:
            self.slots.append(slot)
        return self.slots.index(slot)
