"""Splits Cedar text into statements and says on which line each begins, since the engine gives no positions.

Cedar has strings with backslash escapes, comments from ``//`` to the end of the line, and nothing else in which a
semicolon does not end a statement. Each statement is parsed by the engine afterwards; nothing is understood here.

The engine recurses over what it parses: text that is nested deeply enough crashes the process (cedarpy 4.12.2: 90
brackets on a stack of 1 MiB), and the validator passes without a look what is too deep for it. So such text is refused
before the engine sees it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rule_of_two.errors import PolicyError

MAX_DEPTH: Final = 32
"""Brackets within brackets in one statement; an ``if`` counts as a bracket that stays open."""

MAX_OPERATORS: Final = 300
"""Operators that chain, and so nest, without a bracket (``&&``, ``||``, ``.``, …) in one statement."""

# A carriage return ends a comment too, as in Cedar's grammar.
_TOKEN: Final = re.compile(
    r"""(?P<skip> \s+ | //[^\n\r]* )
      | (?P<text> "(?: \\. | [^"\\] )*" )
      | (?P<operator> && | \|\| | [.!+*-] )
      | (?P<open> [(\[{] | if\b )
      | (?P<word> \w+ )
      | (?P<close> [)\]}] )
      | (?P<other> . )""",
    re.DOTALL | re.VERBOSE,
)


class Statement(Struct, frozen=True):
    """One statement of a file, from its first token to its semicolon. ``number`` and ``line`` start at 1."""

    file: Path
    number: int
    line: int
    text: str

    def error(self, problem: str, name: str | None = None) -> PolicyError:
        """An error that says file, line and ``@id``, or the statement's number where there is no ``@id``."""
        called = f"statement {self.number}" if name is None else f"@id '{name}'"
        return PolicyError(f"{self.file}:{self.line}: {called}: {problem}")


def split(text: str, file: Path) -> Sequence[Statement]:
    """The statements of ``text`` in order. What follows the last semicolon, comments aside, is a statement too.

    :raises PolicyError: a statement is nested more deeply than the engine can parse safely.
    """
    found: list[Statement] = []
    start: int | None = None
    line, counted = 1, 0
    depth = deepest = operators = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "skip":
            continue
        if start is None:
            start = token.start()
            line += text.count("\n", counted, start)
            counted = start
        depth += (kind == "open") - (kind == "close")
        deepest = max(deepest, depth)
        operators += kind == "operator"
        if token.group() == ";":
            found.append(_statement(file, len(found) + 1, line, text[start : token.end()], deepest, operators))
            start = None
            depth = deepest = operators = 0
    if start is not None:
        found.append(_statement(file, len(found) + 1, line, text[start:].rstrip(), deepest, operators))
    return found


def _statement(file: Path, number: int, line: int, text: str, depth: int, operators: int) -> Statement:
    statement = Statement(file, number, line, text)
    if depth > MAX_DEPTH:
        raise statement.error(f"nests more than {MAX_DEPTH} brackets or ifs; split it into several policies")
    if operators > MAX_OPERATORS:
        raise statement.error(
            f"has more than {MAX_OPERATORS} operators; list alternatives in a set, or split it into several policies"
        )
    return statement
