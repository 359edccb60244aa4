"""What changed between two definitions of one name, for people: where, what kind of change, and what stood there. Pure.

Nothing is left out: whatever is in one definition and not in the other is in some difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from rule_of_two.approvals.word_diff import Part, Piece, word_diff
from rule_of_two.json_pointer import pointer_of

_DEEPEST: Final = 40
"""Levels that are gone into; what is deeper is compared as text."""

_SHORT: Final = 40
"""Characters up to which a text is shown whole before and after."""

_HINTS: Final[Mapping[str, Mapping[object, str]]] = {
    "readOnlyHint": {True: "it says that it only reads", False: "it says that it changes things"},
    "destructiveHint": {True: "it says that it may destroy things", False: "it says that it destroys nothing"},
    "idempotentHint": {
        True: "it says that repeating it changes nothing more",
        False: "it says that repeating it acts again",
    },
    "openWorldHint": {
        True: "it says that it reaches the outside world",
        False: "it says that it stays within its server",
    },
}
_SETS: Final[Mapping[str, tuple[str, str]]] = {
    "required": ("is required now", "is no longer required"),
    "enum": ("is an allowed value now", "is no longer an allowed value"),
    "type": ("is a type of it now", "is no longer a type of it"),
}
"""Lists of which only what is in them counts."""


class Difference(Struct, frozen=True):
    """One change. ``says`` are words of ours, without a text of the server's. ``old`` and ``new`` are what stood and
    stands at ``where`` (a JSON Pointer), as text; ``None``: nothing. ``pieces``: of a text, word by word."""

    where: str
    says: str
    old: str | None = None
    new: str | None = None
    pieces: tuple[Piece, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        facts: dict[str, Any] = {"pointer": self.where, "change": self.says, "old": self.old, "new": self.new}
        if self.pieces:
            facts["words"] = [{"part": one.part.value, "text": one.text} for one in self.pieces]
        return facts


def differences(old: Any, new: Any) -> tuple[Difference, ...]:
    """The changes from ``old`` to ``new``; either is ``None`` where there is no such definition.

    # INVARIANT: definitions that differ have a difference; tests/approvals/test_definition_diff.py.
    """
    if old is None or new is None:
        return tuple(_whole(new if old is None else old, added=old is None))
    return tuple(_compared(old, new, ()))


def summary(found: Sequence[Difference]) -> str:
    """One line in words of ours and JSON Pointers, which are the server's: to be escaped by whoever prints it."""
    told = [f"{one.where} {one.says}".strip()[:120] for one in found[:4]]
    return "; ".join(told) + (f"; and {len(found) - 4:,} more" if len(found) > 4 else "")


def _whole(body: Any, *, added: bool) -> Iterator[Difference]:
    """All of a definition that is new or gone, a member at a time."""
    for key, value in body.items() if isinstance(body, dict) else [("", body)]:
        text = _text(value)
        yield Difference(
            pointer_of((key,)), "added" if added else "removed", None if added else text, text if added else None
        )


def _compared(old: Any, new: Any, at: tuple[str, ...]) -> Iterator[Difference]:
    if type(old) is type(new) and len(at) < _DEEPEST:
        if isinstance(old, dict):
            yield from _members(old, new, at)
            return
        if isinstance(old, list):
            yield from _elements(old, new, at)
            return
    if _is_same(old, new):
        return
    before, after = _text(old), _text(new)
    says = _of_hint(at, old, new) or "changed"
    if isinstance(old, str) and isinstance(new, str) and (max(len(old), len(new)) > _SHORT or "\n" in old + new):
        pieces = word_diff(old, new)
        words = [sum(len(one.text.split()) for one in pieces if one.part is part) for part in (Part.NEW, Part.OLD)]
        yield Difference(pointer_of(at), f"changed (+{words[0]:,} -{words[1]:,} words)", old, new, pieces)
        return
    yield Difference(pointer_of(at), says, before, after)


def _members(old: Mapping[str, Any], new: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[Difference]:
    for key in dict.fromkeys((*old, *new)):
        where = (*at, key)
        if key not in new:
            yield Difference(pointer_of(where), _of_member(where, old[key], added=False), _text(old[key]), None)
        elif key not in old:
            yield Difference(pointer_of(where), _of_member(where, new[key], added=True), None, _text(new[key]))
        else:
            yield from _compared(old[key], new[key], where)


def _elements(old: Sequence[Any], new: Sequence[Any], at: tuple[str, ...]) -> Iterator[Difference]:
    before, after = {_json(one): _text(one) for one in old}, {_json(one): _text(one) for one in new}
    words = _SETS.get(at[-1] if at else "")
    if words is not None and before.keys() != after.keys():
        for key in (one for one in after if one not in before):
            yield Difference(pointer_of(at), words[0], None, after[key])
        for key in (one for one in before if one not in after):
            yield Difference(pointer_of(at), words[1], before[key], None)
        return
    if _json(old) != _json(new) and sorted(map(_json, old)) == sorted(map(_json, new)):
        yield Difference(pointer_of(at), "is in another order", _text(list(old)), _text(list(new)))
        return
    for number in range(max(len(old), len(new))):
        where = (*at, str(number))
        if number >= len(new):
            yield Difference(pointer_of(where), "removed", _text(old[number]), None)
        elif number >= len(old):
            yield Difference(pointer_of(where), "added", None, _text(new[number]))
        else:
            yield from _compared(old[number], new[number], where)


def _of_member(at: tuple[str, ...], value: Any, *, added: bool) -> str:
    says = "added" if added else "removed"
    if len(at) > 1 and at[-2] == "properties":
        says = f"property {says}"
    if (hint := _HINTS.get(at[-1])) is not None and len(at) > 1 and at[-2] == "annotations":
        told = hint.get(value, "") if isinstance(value, bool) else ""
        return f"{says}: {told}" if added else f"{says}: it no longer says so ({told})"
    return says


def _of_hint(at: tuple[str, ...], old: Any, new: Any) -> str:
    """A changed annotation in words."""
    hint = _HINTS.get(at[-1]) if len(at) > 1 and at[-2] == "annotations" else None
    if hint is None or not isinstance(new, bool):
        return ""
    before = f" from {_text(old)}" if isinstance(old, bool) else ""
    return f"changed{before} to {_text(new)}: {hint[new]}"


def _is_same(old: Any, new: Any) -> bool:
    """Equal as JSON: ``1`` and ``1.0`` are one number, ``1`` and ``true`` are not one value."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, (dict, list)) or isinstance(new, (dict, list)):
        return _json(old) == _json(new)
    return bool(old == new)


def _json(value: Any) -> str:
    """What is equal where the values are the same: without the order of members."""
    return json.dumps(value, sort_keys=True)


def _text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
