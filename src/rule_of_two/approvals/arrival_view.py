"""What came back, as lines: who wrote each item, its size and name; and one item's text, on request. Pure.

Every line has a bar of ours before it, every quotation its marks, and a text that is an upstream's a second bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rule_of_two.approvals.arrival import Arrival, ArrivedItem
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.picks import Picks, in_order
from rule_of_two.approvals.spans import TEXT_BAR, Line, Span, Style, chop, clip, wrap
from rule_of_two.escape import name_warning, visible
from rule_of_two.model import label_text
from rule_of_two.wording import counted

BAR: Final = "│ "

NOT_KNOWN: Final = "author not known"
NOT_PLAIN: Final = "not what it looks like"

_MARKS: Final = 5
"""Cells of the marker and the mark."""

_NAMED_AUTHORS: Final = 3
"""Of one item, in the list. All that are known stand beside its text."""

_PIECE: Final = 46
_LONG: Final = 400
"""Cells of one quotation in the list, and beside an item's text."""

_MAX_BREAKS: Final = 10_000


def list_lines(arrival: Arrival, masks: Masks, width: int) -> Iterator[Line]:
    """The items, those that ask first, made one at a time."""
    ordered = in_order(arrival)
    digits = len(str(len(ordered)))
    for place, item in enumerate(ordered):
        yield from item_lines(f"{place + 1:>{digits}} ", item, masks, width)


def marked_rows(picks: Picks, masks: Masks, width: int) -> list[list[Line]]:
    """The same with room for marks, each item by itself; see :func:`with_marks`."""
    digits = len(str(len(picks.items)))
    return [
        item_lines(f"{' ' * _MARKS}{place + 1:>{digits}} ", item, masks, width)
        for place, item in enumerate(picks.items)
    ]


def with_marks(rows: Sequence[list[Line]], picks: Picks) -> Iterator[Line]:
    """The rows with their marks as they are now. Cheap: nothing is laid out anew."""
    for place, (first, *rest) in enumerate(rows):
        item, (bar, lead, *words) = picks.items[place], first
        at = "▸" if picks.place == place else " "
        mark = "[x]" if item.id in picks.marked else "[ ]"
        marks = f"{at}{mark if item.asks and picks.can_pick else '   '} "
        yield (bar, Span(f"{marks}{lead.text[_MARKS:]}", lead.style), *words)
        yield from rest


def item_lines(lead: str, item: ArrivedItem, masks: Masks, width: int) -> list[Line]:
    """One item of the list."""
    # What is wrong with a name is said at length above the list and beside the text.
    labels = Span(f"{label_text(item.labels)} ", Style.LABEL) if item.asks else Span("passes unasked ", Style.DIM)
    spans = [Span(lead, Style.KEY_OFF), labels, *authors(item, masks)]
    spans += [Span(", "), _quotation(item.name, masks, _PIECE), Span(f", {item.size:,} bytes", Style.DIM)]
    return [_barred(line) for line in wrap(spans, width - len(BAR), indent=" " * len(lead))]


def authors(item: ArrivedItem, masks: Masks) -> list[Span]:
    """``by "bob@example.com" and 2 more``, and whether a name is not what it looks like."""
    if item.authors is None:
        return [Span(NOT_KNOWN, Style.WARNING)]
    if not item.authors:
        return [Span("no author named", Style.WARNING)]
    spans: list[Span] = []
    for author in item.authors[:_NAMED_AUTHORS]:
        spans += [Span(", " if spans else "by "), _quotation(author, masks, _PIECE)]
        spans += [Span(f" ({NOT_PLAIN})", Style.WARNING)] if name_warning(author) else []
    more = len(item.authors) + item.more_authors - min(_NAMED_AUTHORS, len(item.authors))
    return [*spans, *([Span(f" and {more:,} more", Style.WARNING)] if more else [])]


def all_authors(item: ArrivedItem, masks: Masks) -> list[Span]:
    """All authors that are known of, each with what is strange about the name."""
    if not item.authors:
        return authors(item, masks)
    spans: list[Span] = []
    for author in item.authors:
        spans += [*([Span(", ")] if spans else []), *named_spans(author, masks, _LONG)]
    return [*spans, *([Span(f" and {item.more_authors:,} more", Style.WARNING)] if item.more_authors else [])]


def named_spans(author: str, masks: Masks, room: int = _PIECE) -> list[Span]:
    """An author, or where something came from, as asserted; and a warning where that is not what it looks like."""
    warning = name_warning(author)
    strange = [] if warning is None else [Span(f" {warning}", Style.WARNING)]
    return [_quotation(author, masks, room), *strange]


class Writers(NamedTuple):
    """Who wrote the items that ask: ``named`` each once, in order, ``more`` that are not named, and how many items have
    an author ``unknown``."""

    named: list[str]
    more: int
    unknown: int


def whose(arrival: Arrival) -> Writers:
    """Who wrote the items that ask, as asserted."""
    asking = arrival.asking
    named = dict.fromkeys(author for item in asking for author in item.authors or ())
    return Writers(list(named), sum(item.more_authors for item in asking), sum(not item.authors for item in asking))


def facts_of(item: ArrivedItem, masks: Masks) -> list[tuple[str, list[Span]]]:
    """What stands beside an item's text: titles and what they are about."""
    brings = label_text(item.labels) + ("" if item.asks else ", passes unasked")
    return [
        ("Item", [_quotation(item.name, masks, _LONG)]),
        ("Author", all_authors(item, masks)),
        ("Brings", [Span(brings, Style.LABEL)]),
        ("Size", [Span(f"{item.size:,} bytes, sha256 {item.digest}")]),
        ("Our id", [Span(item.id)]),
    ]


def text_lines(item: ArrivedItem, masks: Masks, width: int) -> Iterator[Line]:
    """Its text, escaped, each line behind two bars; what is left out is counted."""
    text = masks.hide(item.text)
    lines = text.split("\n") if text.count("\n") <= _MAX_BREAKS else [text]
    for number, line in enumerate(lines):
        shown = visible(line) + ("↵" if number < len(lines) - 1 else "")
        for piece in chop(shown, width - len(BAR) - len(TEXT_BAR)):
            yield (Span(f"{BAR}{TEXT_BAR}", Style.FRAME), Span(piece, Style.QUOTED))
    if item.left_out:
        cut = f"… {counted(item.left_out, 'more character')} of it are not shown"
        yield from (_barred(line) for line in wrap([Span(cut, Style.WARNING)], width - len(BAR)))


def _quotation(text: str, masks: Masks, room: int) -> Span:
    inner = clip(masks.hide(text), room).replace('"', '\\"')
    return Span(f'"{inner}"', Style.QUOTED)


def _barred(line: Sequence[Span]) -> Line:
    return (Span(BAR, Style.FRAME), *line)
