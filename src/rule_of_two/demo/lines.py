"""How the story sets its texts: paragraphs, columns and frames, as lines of spans. No markup is read in any of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rule_of_two.approvals.spans import BLANK, Line, Span, Style, clip, line_width, wrap
from rule_of_two.escape import visible
from rule_of_two.model import Labels

_LABEL: Final = re.compile(r"(\[[ABC]\])")


def heading(text: str, style: Style = Style.HEADLINE) -> tuple[Line, ...]:
    """A page's title."""
    return ((Span(f" {text}", style),), BLANK)


def told(text: str, width: int, *, indent: int = 1, style: Style = Style.PLAIN) -> list[Line]:
    """A paragraph of ours, its labels marked."""
    pieces = enumerate(_LABEL.split(text))
    spans = [Span(piece, Style.LABEL if number % 2 else style) for number, piece in pieces if piece]
    return [(Span(" " * indent), *line) for line in wrap(spans, width - indent - 1)]


def rows(pairs: Sequence[tuple[str, str]], width: int, *, column: int) -> Iterator[Line]:
    """Two columns: a name, and what is told about it."""
    for name, text in pairs:
        for number, line in enumerate(told(text, width - column, indent=0)):
            yield (Span(f"  {'' if number else name:<{column - 2}}", Style.HEADLINE), *line)


def framed(title: str, text: str, width: int) -> Iterator[Line]:
    """A text that is not ours: whole, escaped, and behind a bar that it cannot leave."""
    top = Span(f" ╭─ {clip(title, width - 8)} ", Style.FRAME)
    yield (top, Span("─" * max(0, width - line_width((top,)) - 1), Style.FRAME))
    for part in text.splitlines():
        for line in wrap([Span(visible(part))], width - 4):
            yield (Span(" │ ", Style.FRAME), *(Span(span.text, Style.QUOTED) for span in line))
    yield (Span(f" ╰{'─' * (width - 3)}", Style.FRAME),)


def labels_text(held: Labels) -> str:
    """``[A][ ][C]``: a place for each, so that one sees them fill."""
    return "".join(f"[{label if label in held else ' '}]" for label in ("A", "B", "C"))
