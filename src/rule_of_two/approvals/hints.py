"""The line of keys: what can be pressed now, in short words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from rule_of_two.approvals.choice import APPROVING, Choice
from rule_of_two.approvals.sentences import KEY_OF, KEY_TEXT, RELEASE_TEXT
from rule_of_two.approvals.spans import Line, Span, Style, line_width

Key = tuple[str, str]
"""A key and what it does; an empty key cannot be pressed now."""

NOT_YET: Final[Key] = ("", "press a first")
"""Instead of what approves, until the end of the arguments has been on screen."""

LIST_NOT_YET: Final[Key] = ("", "press i first")
"""The same, until the end of the list of what came back has been."""

SIDES: Final[tuple[Key, ...]] = (("a", "args"), ("w", "why"))


def question_keys(offers: Collection[Choice], *, read: bool = True, release: bool = False) -> list[Key]:
    """The keys of a question that offers so much; those that approve only once its arguments were ``read``. In a
    ``release`` it is about what came back."""
    keys: list[Key] = []
    not_yet, texts = (LIST_NOT_YET, RELEASE_TEXT) if release else (NOT_YET, KEY_TEXT)
    for choice, key in KEY_OF.items():
        if choice in offers and (read or choice not in APPROVING):
            keys.append((key, texts[choice]))
        elif choice in offers and not_yet not in keys:
            keys.append(not_yet)
    return [*keys, *[("i", "items")] * release, *SIDES, ("q", "quit")]


def keys_lines(keys: Sequence[Key], width: int) -> list[Line]:
    """What can be pressed, in as many lines as it takes."""
    lines: list[Line] = [()]
    for key, text in keys:
        chunk = (Span(key, Style.KEY), Span(f" {text}")) if key else (Span(text, Style.KEY_OFF),)
        if lines[-1] and line_width((*lines[-1], *chunk)) + 2 > width:
            lines.append(())
        lines[-1] = (*lines[-1], Span("  " if lines[-1] else " "), *chunk)
    return lines
