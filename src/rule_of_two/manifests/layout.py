"""What of a JSON document is an item, what the platform says beside the items, and what nobody declared.

The keys on the way to what is declared, and the plain values beside them (numbers, ``true``, ``false``, ``null``, empty
lists and objects) are the platform's own form. Any other text, list or object outside of the items is undeclared: it
could hold anything, also of an item.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.json_pointer import pointer_of
from rule_of_two.manifests.pointer import Pointer

EACH: Final = "*"
MOST_ITEMS: Final = 100_000
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_LARGEST: Final = 2**63
GONE: Final = object()
"""Nothing is left."""


class Unfit(ValueError):
    """The result has another shape than the manifest says: nothing may be concluded from its parts."""


class Parts(Struct):
    """A document taken apart: each item with its place, and whether anything undeclared stands outside of them."""

    items: list[tuple[str, Any]] = field(default_factory=list)
    text: bool = False
    """Something that could hold any text."""
    numbers: bool = False
    """A number, ``true`` or ``false``."""

    def outside(self, value: Any, key: str = "") -> None:
        """Take note of a value, and of the key that it stands under, that is no item and not declared."""
        if not is_plain(value, key):
            self.text = True
        elif isinstance(value, int | float):
            self.numbers = True


class _Node(Struct):
    """What is declared below one place."""

    members: dict[str, _Node] = field(default_factory=dict)
    each: _Node | None = None
    item: bool = False
    listed: bool = False
    """Where a list stands here, its elements are the items."""
    declared: bool = False
    leads_to_items: bool = False


class Layout:
    """Where items and declared texts stand. Immutable."""

    __slots__ = ("_root",)

    def __init__(self, items: Pointer | None, frame: Iterable[Pointer] = ()) -> None:
        """``items`` ``None``: the whole document is one."""
        self._root = _Node(leads_to_items=True)
        leaf = _at(self._root, () if items is None else items.tokens, items=True)
        leaf.item = True
        if items is not None and items.tokens[-1] != EACH:
            leaf.listed, leaf.each = True, _Node(item=True, leads_to_items=True)
        for pointer in frame:
            _at(self._root, pointer.tokens, items=False).declared = True

    def take_apart(self, document: Any, place: str, parts: Parts) -> None:
        """Add the items of a document that stands at ``place`` to ``parts``.

        :raises Unfit: the items are not where they are said to be, or are more than :data:`MOST_ITEMS`.
        """
        _collect(self._root, document, place, parts)

    def without(self, document: Any, dropped: Collection[int], numbers: Iterator[int]) -> Any:
        """A copy without those items, counted by ``numbers``, and without what is undeclared; :data:`GONE` where
        nothing is left. The document is one that was taken apart."""
        return _kept(self._root, document, dropped, numbers)


def is_plain(value: Any, key: str = "") -> bool:
    """Whether a value, and the key that it stands under, hold no text: numbers, ``true``, ``false``, ``null``, and what
    is empty, under a key that is a field's name and no sentence."""
    if key and not _FIELD.fullmatch(key):
        return False
    if isinstance(value, str | list | dict):
        return not value
    return value is None or not isinstance(value, int) or abs(value) < _LARGEST


def _at(node: _Node, way: Iterable[str], *, items: bool) -> _Node:
    for key in way:
        if key == EACH:
            node.each = node.each or _Node()
            node = node.each
        else:
            node = node.members.setdefault(key, _Node())
        node.leads_to_items |= items
    return node


def _collect(node: _Node, value: Any, place: str, parts: Parts) -> None:
    if node.item and not (node.listed and type(value) is list):
        if len(parts.items) == MOST_ITEMS:
            raise Unfit("too many items")
        parts.items.append((place, value))
    elif node.declared and not isinstance(value, list | dict):
        pass
    elif node.each is not None and type(value) is list:
        for number, element in enumerate(value):
            _collect(node.each, element, f"{place}/{number}", parts)
    elif node.each is None and type(value) is dict and not node.declared:
        _collect_members(node, value, place, parts)
    elif node.leads_to_items:
        raise Unfit("the items are not there")
    else:
        parts.outside(value)


def _collect_members(node: _Node, value: dict[str, Any], place: str, parts: Parts) -> None:
    for key, member in node.members.items():
        if key in value:
            _collect(member, value[key], place + pointer_of((key,)), parts)
        elif member.leads_to_items:
            raise Unfit("the items are not there")
    for key, below in value.items():
        if key not in node.members:
            parts.outside(below, key)


def _kept(node: _Node, value: Any, dropped: Collection[int], numbers: Iterator[int]) -> Any:
    if node.item and not (node.listed and type(value) is list):
        return GONE if next(numbers) in dropped else value
    if node.declared:
        return GONE if isinstance(value, list | dict) and value else value
    if node.each is not None and type(value) is list:
        each = node.each
        return [kept for one in value if (kept := _kept(each, one, dropped, numbers)) is not GONE]
    if node.each is None and type(value) is dict:
        below = {
            key: kept
            for key, member in node.members.items()
            if key in value and (kept := _kept(member, value[key], dropped, numbers)) is not GONE
        }
        return {
            key: below.get(key, member)
            for key, member in value.items()
            if key in below or (key not in node.members and is_plain(member, key))
        }
    return value if is_plain(value) else GONE
