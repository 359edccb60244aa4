"""Arguments that an upstream stores or sends as they are: where a handle may stand for what the gateway holds.

Such an argument names nothing. What says where a call reaches, what it touches or which labels it has is never one.
"""

from __future__ import annotations

from collections.abc import Iterable

from rule_of_two.json_pointer import tokens_of

_ANY = "*"


def clash(pointer: str, claimed: Iterable[tuple[str, str]]) -> str | None:
    """Why ``pointer`` cannot be opaque, given what else is ``claimed`` to stand where; ``None``: it can."""
    tokens = tokens_of(pointer)
    if _ANY in tokens:
        return "names one argument each: write its place without '*'"
    for what, other in claimed:
        if _touch(tokens, tokens_of(other)):
            where = "" if other == pointer else f" at '{other}'"
            return f"'{pointer}' is read as {what}{where}, so it cannot be opaque; take one of the two off"
    return None


def _touch(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one stands in the other, or is it."""
    return all(a == b or _ANY in (a, b) for a, b in zip(one, other, strict=False))
