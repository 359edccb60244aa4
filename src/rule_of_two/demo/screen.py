"""The story's pages in a terminal: 80 by 24 is enough, colour is not needed, and no text is read as markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Final

import anyio
from rich.console import Console
from rich.control import Control
from rich.text import Text

from rule_of_two.approvals.spans import BLANK, RICH_STYLES, Line, Span, Style, line_text
from rule_of_two.demo.keyboard import Keyboard
from rule_of_two.demo.stage import StoryError

WIDEST: Final = 96
"""Cells. Longer lines are harder to read."""

_LEAST_SECONDS: Final = 3
_WORDS_A_SECOND: Final = 4.0


class Paper(Console):
    """Standard output, whose end is the story's."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Stop cleanly, where Rich would leave at once.

        :raises StoryError: always.
        """
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoryError("nobody reads the story any more")


class Screen:
    """Prints lines. With a ``keyboard`` each page begins at the top of the terminal, and waits to be read."""

    def __init__(self, console: Console, keyboard: Keyboard | None) -> None:
        self._console = console
        self._keyboard = keyboard
        self._words = 0
        self._at_top = True

    @property
    def width(self) -> int:
        """Cells of a line."""
        return min(self._console.width, WIDEST)

    @property
    def height(self) -> int | None:
        """Lines of a page; ``None`` where pages have no end."""
        return self._console.height if self._keyboard else None

    def turn(self) -> None:
        """Begin a page. What stood on the last one stays in the terminal's history."""
        if self._keyboard:
            self._console.file.write("\n" * self._console.height)
            self._console.control(Control.home())
            self._at_top = True
        elif not self._at_top:
            self.show((BLANK, (Span("─" * (self.width - 1), Style.FRAME),), BLANK))
        self._words = 0

    def show(self, lines: Iterable[Line]) -> None:
        """Print finished lines, below what is there. The last one stays open, so that a page may fill the screen."""
        for line in lines:
            self._words += len(line_text(line).split())
            text = Text.assemble(*((span.text, RICH_STYLES[span.style]) for span in line))
            self._console.print(text if self._at_top else Text.assemble("\n", text), soft_wrap=True, end="")
            self._at_top = False

    def close(self) -> None:
        """End the last line: what comes next is not ours."""
        if not self._at_top:
            self._console.print()

    async def pause(self) -> None:
        """Let the person read: until a key, or for as long as reading takes. Where nobody is, go on at once."""
        if self._keyboard is None:
            return
        seconds = _LEAST_SECONDS + round(self._words / _WORDS_A_SECOND)
        self._keyboard.forget()
        self.show((BLANK, (Span(f" press a key to go on, or wait {seconds} s", Style.DIM),)))
        with anyio.move_on_after(seconds):
            await self._keyboard.key()
