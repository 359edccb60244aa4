"""JSON Pointer (RFC 6901), with ``*`` for each element of an array: where in the arguments the facts stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from msgspec import Struct

from rule_of_two.json_pointer import pointer_of, tokens_of

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")
MOST: Final = 1000
"""No more values than this are looked at one by one: a longer array is one value that nothing can be said of."""


class Missing(Enum):
    """What a pointer finds where a key is truly not there."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class Odd(Struct, frozen=True):
    """What a pointer finds where the value has another shape than it expects: present, and not to be understood."""

    raw: Any


class Pointer(Struct, frozen=True):
    """A parsed pointer. ``tokens`` are unescaped; the token ``*`` stands for each element of an array."""

    text: str
    tokens: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Pointer:
        """Parse ``/to/*``.

        :raises ValueError: it does not start with ``/`` or has a ``~`` that is neither ``~0`` nor ``~1``.
        """
        if not text.startswith("/"):
            raise ValueError(f"'{text}' is no JSON Pointer: write '/' before each key, as in /url or /to/*")
        if _BAD_ESCAPE.search(text):
            raise ValueError(f"'{text}' is no JSON Pointer: write '~0' for '~' and '~1' for '/' in a key")
        return cls(text, tokens_of(text))

    @classmethod
    def of(cls, *keys: str) -> Pointer:
        """The pointer to a key given as it is."""
        return cls(pointer_of(keys), keys)

    @property
    def list_(self) -> Pointer:
        """The pointer up to its first ``*``: to the array itself. Without one, and where all is the array, the same."""
        before = self.tokens[: self.tokens.index("*")] if "*" in self.tokens else ()
        return Pointer.of(*before) if before else self

    def resolve(self, document: Any) -> tuple[Any, ...]:
        """Every value it points at, in order; :data:`MISSING` for each branch that ends early.

        An empty array under ``*`` has no values. A shape that does not fit (``*`` on a string, a key of a list), or an
        array of more than :data:`MOST` elements, is one :class:`Odd`.
        """
        found: Sequence[Any] = _step(document, self.tokens[0])
        for token in self.tokens[1:]:
            found = [value for node in found for value in _step(node, token)]
            if len(found) > MOST:
                return (Odd(document),)
        return tuple(found)


def _step(node: Any, key: str) -> Sequence[Any]:
    if type(node) is dict and key != "*":  # by far the most usual, and Mapping's own check is slow
        return (node.get(key, MISSING),)
    if node is MISSING or isinstance(node, Odd):
        return (node,)
    if isinstance(node, Mapping):
        return (Odd(node),) if key == "*" else (node.get(key, MISSING),)
    if isinstance(node, list | tuple):
        if key == "*":
            return node if len(node) <= MOST else (Odd(node),)
        if _INDEX.fullmatch(key):
            return (node[int(key)],) if int(key) < len(node) else (MISSING,)
    return (Odd(node),)
