"""JSON Pointers (RFC 6901) as texts: their tokens, and texts of tokens."""

from __future__ import annotations

from collections.abc import Iterable


def tokens_of(pointer: str) -> tuple[str, ...]:
    """The keys on the way, unescaped: none for the empty pointer, which is the whole document."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def pointer_of(tokens: Iterable[str]) -> str:
    """The pointer that :func:`tokens_of` takes apart."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)
