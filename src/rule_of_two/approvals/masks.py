"""Secrets in arguments: found by JSON Pointer, hidden wherever their value is shown, as it is or encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rule_of_two.approvals.secret_forms import forms
from rule_of_two.json_pointer import tokens_of

MASK: Final = "••••••••"

SHORTEST: Final = 4
"""Characters of a secret that is also hidden where it stands elsewhere. A shorter one would hide half of every text."""

Path = tuple[str, ...]


class Masks:
    """What of one question may not be shown. ``pointers`` are RFC 6901, with ``*`` for each element or member."""

    def __init__(self, arguments: Any, pointers: Sequence[str], values: Sequence[str] = ()) -> None:
        """``values`` are secrets known from elsewhere: the operator's configuration."""
        self._patterns = tuple(tokens_of(pointer) for pointer in pointers)
        found = {
            text
            for pattern in self._patterns
            for value in _at(arguments, pattern)
            for text in _texts(value)
            if len(text) >= SHORTEST
        }
        found.update(text for text in values if len(text) >= SHORTEST)
        longest_first = sorted({form for text in found for form in forms(text)}, key=len, reverse=True)
        self._values = re.compile("|".join(re.escape(text) for text in longest_first)) if found else None

    def hides(self, path: Path) -> bool:
        """Whether the argument at ``path`` is a secret."""
        return any(
            len(pattern) == len(path) and all(token in ("*", step) for token, step in zip(pattern, path, strict=True))
            for pattern in self._patterns
        )

    def masked(self, value: Any, path: Path = ()) -> Any:
        """A copy of the value at ``path`` with every secret hidden, by place and by value."""
        if self.hides(path):
            return MASK
        if isinstance(value, dict):
            return {self.hide(name): self.masked(member, (*path, name)) for name, member in value.items()}
        if isinstance(value, list):
            return [self.masked(member, (*path, str(index))) for index, member in enumerate(value)]
        if isinstance(value, str):
            return self.hide(value)
        return value if self.hide(str(value)) == str(value) else MASK

    def hide(self, text: str) -> str:
        """``text`` with the value of every secret hidden."""
        return text if self._values is None else self._values.sub(MASK, text)


def _at(value: Any, pattern: Path) -> Iterator[Any]:
    if not pattern:
        yield value
        return
    for step, member in _members(value):
        if pattern[0] in ("*", step):
            yield from _at(member, pattern[1:])


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(index), member) for index, member in enumerate(value))


def _texts(value: Any) -> Iterator[str]:
    """The value, or all that is inside it, as it would stand in other texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    for _, member in _members(value):
        yield from _texts(member)
