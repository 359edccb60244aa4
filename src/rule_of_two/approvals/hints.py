"""The line of keys: what can be pressed now, in short words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.sentences import KEY_OF, KEY_TEXT
from rule_of_two.approvals.spans import Line, Span, Style, line_width

Key = tuple[str, str]
"""A key and what it does; an empty key cannot be pressed now."""

NOT_YET: Final[Key] = ("", "press a first")
"""Instead of what approves, until the end of the arguments has been on screen."""

SIDES: Final[tuple[Key, ...]] = (("a", "args"), ("w", "why"))


def question_keys(offers: Collection[Choice], *, read: bool = True) -> list[Key]:
    """The keys of a question that offers so much; those that approve only once its arguments were ``read``."""
    keys: list[Key] = []
    for choice, key in KEY_OF.items():
        if choice in offers and (read or choice not in APPROVING):
            keys.append((key, KEY_TEXT[choice]))
        elif choice in offers and NOT_YET not in keys:
            keys.append(NOT_YET)
    return [*keys, *SIDES, ("q", "quit")]


def keys_lines(keys: Sequence[Key], width: int) -> list[Line]:
    """What can be pressed, in as many lines as it takes."""
    lines: list[Line] = [()]
    for key, text in keys:
        chunk = (Span(key, Style.KEY), Span(f" {text}")) if key else (Span(text, Style.KEY_OFF),)
        if lines[-1] and line_width((*lines[-1], *chunk)) + 2 > width:
            lines.append(())
        lines[-1] = (*lines[-1], Span("  " if lines[-1] else " "), *chunk)
    return lines
