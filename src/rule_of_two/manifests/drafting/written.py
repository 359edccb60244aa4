"""YAML, written by hand so that comments stand where they belong. Whatever the server says stays on its line, in its
quotes, behind its ``#``.

INVARIANT: no text of a server's begins a line or ends a quotation (tests/attacks/test_hostile_drafts.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rule_of_two.escape import quoted

_SHOWN: Final = 160
"""Characters of a description that are quoted in a comment."""
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./")


def key(name: str) -> str:
    """A name as a key: as it is where it can only be read as that text, else in double quotes."""
    plain = name[:1].isalpha() and name.isascii() and set(name) <= _PLAIN
    return name if plain and name.lower() not in _WORDS else text(name)


_WORDS: Final = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
"""Words that some reader of YAML takes for another type."""


def text(value: str) -> str:
    """Text in double quotes, every character that YAML or a person could take for another escaped."""
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isascii() and character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def pointers(at: Sequence[str]) -> str:
    """One pointer, or several as a list."""
    written = [key_in_flow(pointer) for pointer in at]
    return written[0] if len(written) == 1 else f"[{', '.join(written)}]"


def key_in_flow(pointer: str) -> str:
    """A pointer within brackets: plain where it has no character that means something there."""
    return pointer if pointer.isascii() and set(pointer) <= _PLAIN else text(pointer)


def mapping(entries: Mapping[str, Sequence[str]]) -> str:
    """``{url: /url, path: [/from, /to]}``."""
    return "{" + ", ".join(f"{name}: {pointers(at)}" for name, at in entries.items()) + "}"


def told(value: str) -> str:
    """The server's own words for a comment: one line, in quotes, cut, with every hidden character shown."""
    first = " ".join(value[: 4 * _SHOWN].split())
    return quoted(first[:_SHOWN]) + ("…" if len(first) > _SHOWN or len(value) > 4 * _SHOWN else "")
