"""How the plain console speaks: paragraphs of ours, and long texts a page at a time, in lines that begin with neither a
text that is not ours nor a frame that a screen reader would spell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TextIO

from rule_of_two.approvals.render import NARROWEST
from rule_of_two.approvals.spans import Line, Span, Style, wrap
from rule_of_two.wording import counted

PAGE_LINES: Final = 20
"""Lines of arguments, or of a list, that are said at once."""

_FRAMES: Final = str.maketrans({"│": "|", "┊": ":", "╭": "--", "╰": "--", "├": "--", "─": "", "▸": ">"})
_OURS: Final = frozenset((Style.FRAME, Style.KEY_OFF))


def plain(line: Line) -> str:
    """A line without style, and without our frames: a screen reader would spell them."""
    return "".join(span.text.translate(_FRAMES) if span.style in _OURS else span.text for span in line).rstrip()


class Voice:
    """Writes to ``out``, in a terminal of so many ``columns``."""

    def __init__(self, out: TextIO, columns: Callable[[], int]) -> None:
        self._out = out
        self._columns = columns
        self._page = 0
        self._of = ""
        """What the last page was of."""

    @property
    def is_wide(self) -> bool:
        """Whether the terminal cuts nothing off."""
        return self._columns() >= NARROWEST

    def turn_back(self) -> None:
        """Begin with the first page again, whatever is paged next."""
        self._of = ""

    def page(self, lines: Sequence[Line], what: str, word: str | None) -> bool | None:
        """Say the page that a word names, or the next one; whether it was the last. ``None``: there is none such."""
        pages = -(-len(lines) // PAGE_LINES)
        if self._of != what:
            self._of, self._page = what, 0
        word = word or str(self._page % pages + 1)
        number = pages if word == "last" else int(word) if word.isdecimal() else 0
        if not 1 <= number <= pages:
            self.say(
                f"There is no such page; of {what} there {'is' if pages == 1 else 'are'} {counted(pages, 'page')}."
            )
            return None
        self._page = number
        self.say(f"Page {number:,} of {pages:,} of {what}:")
        self.lines(lines[(number - 1) * PAGE_LINES : number * PAGE_LINES])
        return number == pages

    def say(self, *parts: str | Span) -> None:
        """A paragraph of ours, whose lines fit."""
        spans = [Span(part) if isinstance(part, str) else part for part in parts]
        self.lines(wrap(spans, self.width))

    def lines(self, lines: Iterable[Line]) -> None:
        """Lines as they are."""
        self._out.write("".join(f"{plain(line)}\n" for line in lines))
        self._out.flush()

    @property
    def width(self) -> int:
        """Cells of a line, which the terminal must not break: it would begin a new one in the middle of a text."""
        return max(NARROWEST, self._columns()) - 1
