"""The two widgets of the console. Both draw finished lines: no text is parsed on its way to the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from rule_of_two.approvals.spans import BLANK, RICH_STYLES, Line, Style


class Lines(Widget):
    """A fixed part of the screen, as high as its lines."""

    def __init__(self, *, id: str) -> None:  # noqa: A002  # the name of Textual's own parameter
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines."""
        self._lines = lines
        self.styles.height = len(lines)
        self.display = bool(lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the terminal."""
        return _strip(self._lines[y] if y < len(self._lines) else BLANK, self.size.width)


class Paper(ScrollView, can_focus=True):
    """A long page that scrolls; only what is on screen is drawn."""

    class Scrolled(Message):
        """Another part of the page is on screen."""

    def __init__(self, *, id: str) -> None:  # noqa: A002  # the name of Textual's own parameter
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()

    @property
    def allow_vertical_scroll(self) -> bool:
        """Always: a key that comes before a new page was laid out scrolls that page, and is not lost."""
        return True

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the page, and keep the place in it."""
        self._lines = lines
        self.virtual_size = Size(self.size.width, len(lines))
        self.refresh()

    def to_top(self) -> None:
        """Go to the first line, before any key that comes next."""
        self.scroll_home(animate=False, immediate=True)

    def last_visible(self) -> int:
        """The index of the last line that is on screen."""
        return self.scroll_offset.y + self.size.height - 1

    def keep_in_sight(self, index: int) -> None:
        """Scroll no further than it takes to have a line on screen, or the page's edge where that is next to it."""
        top, height = self.scroll_offset.y, max(1, self.size.height)
        first = max(0, min(top, index - 1))
        self.scroll_to(y=max(first, index + 2 - height), animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say so."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Scrolled())

    def render_line(self, y: int) -> Strip:
        """One line of the terminal."""
        index = self.scroll_offset.y + y
        return _strip(self._lines[index] if index < len(self._lines) else BLANK, self.size.width)


@cache
def _rich(style: Style) -> RichStyle:
    return RichStyle.parse(RICH_STYLES[style])


def _strip(line: Line, width: int) -> Strip:
    return Strip([Segment(span.text, _rich(span.style)) for span in line]).adjust_cell_length(width)
