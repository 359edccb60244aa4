"""Lines of styled text: what the renderer makes and what the console, or a story in a terminal, prints.

No markup is ever parsed. A span's text is already :func:`~.escape.visible`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from rich.cells import cell_len, get_character_cell_size

from rule_of_two.escape import visible


class Style(StrEnum):
    """What a span means. Nothing is said by style alone: it must read the same without colour."""

    PLAIN = "plain"
    HEADLINE = "headline"
    QUOTED = "quoted"
    """Text that is not ours: a target, a tool's name, an argument."""
    LABEL = "label"
    FRAME = "frame"
    DIM = "dim"
    WARNING = "warning"
    MASKED = "masked"
    KEY = "key"
    KEY_OFF = "key_off"


RICH_STYLES: Final[Mapping[Style, str]] = {
    Style.PLAIN: "",
    Style.HEADLINE: "bold",
    Style.QUOTED: "bold cyan",
    Style.LABEL: "bold yellow",
    Style.FRAME: "dim",
    Style.DIM: "dim",
    Style.WARNING: "bold red",
    Style.MASKED: "italic dim",
    Style.KEY: "bold reverse",
    Style.KEY_OFF: "dim",
}
"""For terminals that speak Rich's style language."""


class Span(Struct, frozen=True):
    """A piece of one line in one style."""

    text: str
    style: Style = Style.PLAIN

    @property
    def width(self) -> int:
        """Terminal cells."""
        return cell_len(self.text)


Line = tuple[Span, ...]

BLANK: Final[Line] = ()

TEXT_BAR: Final = "┊ "
"""Begins a line of text that is not ours and goes on from the line before."""

MAX_CHARACTERS: Final = 8
"""Characters of one cell, as many as a letter with its marks has. It bounds a piece, whatever the text."""

_NARROW: Final = re.compile("[ -~\u00a1-\u02ff\u0370-\u0482\u048a-\u0588\u21b5\u21e5\u2022\u2026]*")
"""Texts of one cell a character: ASCII, Latin, Greek, Cyrillic and our own signs. They need no measuring."""

_WORDS: Final = re.compile(r"\s*\S+|\s+")


def line_width(line: Iterable[Span]) -> int:
    """Terminal cells of a line."""
    return sum(span.width for span in line)


def line_text(line: Iterable[Span]) -> str:
    """The line without its styles."""
    return "".join(span.text for span in line)


def wrap(spans: Sequence[Span], width: int, *, indent: str = "") -> list[Line]:
    """Break at blanks into lines of at most ``width`` cells; later lines begin with ``indent``. Nothing is lost.

    # INVARIANT: text that is not ours begins no later line, but a bar or a quotation mark of ours does: it cannot pass
    for a line of the console's; tests/approvals/test_spans.py
    """
    lines: list[Line] = []
    current: list[Span] = []
    used = 0
    fresh = False
    for span in spans:
        foreign = span.style is Style.QUOTED
        room = width - len(indent) - (len(TEXT_BAR) if foreign else 0)
        for number, word in enumerate(_words(span.text, room)):
            text = word
            if used and used + cell_len(word) > width:
                lines.append(tuple(current))
                text = word.lstrip(" ")
                current, used = ([Span(indent)] if indent else []), len(indent)
                fresh = True
            if text:
                if fresh and foreign and not (number == 0 and text.startswith('"')):
                    current.append(Span(TEXT_BAR, Style.FRAME))
                    used += len(TEXT_BAR)
                fresh = False
                current.append(Span(text, span.style))
                used += cell_len(text)
    lines.append(tuple(current))
    return [_joined(line) for line in lines]


def chop(text: str, width: int) -> Iterator[str]:
    """Break at ``width`` cells, one piece at a time. Nothing is lost; an empty text is one empty piece."""
    start = 0
    while start == 0 or start < len(text):
        end = start + width
        if not _NARROW.fullmatch(text, start, end + 1):
            end = _end_of_piece(text, start, width)
        yield text[start:end]
        start = end


def clip(text: str, width: int) -> str:
    """``visible`` text in at most ``width`` cells. What is left out is counted: ``https://exa… (+1,204)``."""
    if len(text) <= width and cell_len(visible(text)) <= width:
        return visible(text)
    for kept in range(min(len(text), width), 0, -1):
        shown = f"{visible(text[:kept])}… (+{len(text) - kept:,})"
        if cell_len(shown) <= width:
            return shown
    return f"… (+{len(text):,})"


def _end_of_piece(text: str, start: int, width: int) -> int:
    """Where the piece that begins at ``start`` ends; a mark stays with its letter."""
    used = 0
    for end in range(start, min(len(text), start + MAX_CHARACTERS * width)):
        used += get_character_cell_size(text[end])
        if used > width and end > start:
            return end
    return min(len(text), start + MAX_CHARACTERS * width)


def _words(text: str, width: int) -> Iterator[str]:
    for word in _WORDS.findall(text):
        if cell_len(word) <= width:
            yield word
        else:
            yield from chop(word, width)


def _joined(line: Line) -> Line:
    """Neighbours of one style become one span."""
    joined: list[Span] = []
    for span in line:
        if joined and joined[-1].style is span.style:
            joined[-1] = Span(joined[-1].text + span.text, span.style)
        else:
            joined.append(span)
    return tuple(joined)


COLUMN: Final = 9
"""Cells of the titles of paragraphs."""


def entry(title: str, spans: Sequence[Span], width: int) -> list[Line]:
    """A titled paragraph with a hanging indent."""
    first, *rest = wrap(spans, width - COLUMN - 2)
    indent = Span(" " * (COLUMN + 1))
    return [(Span(f" {title:<{COLUMN}}", Style.DIM), *first), *((indent, *line) for line in rest)]


def rule(corner: str, text: str, width: int) -> Line:
    """A line of a frame, with its title."""
    return (Span(f"{corner}─{text}{'─' * max(0, width - cell_len(text) - 2)}", Style.FRAME),)
