"""Withheld items as lines: the list, and one of them with its text. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from rule_of_two.approvals.arrival_view import authors, facts_of, text_lines
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.spans import BLANK, Line, Span, Style, clip, entry, rule, wrap
from rule_of_two.approvals.withheld import WithheldItem
from rule_of_two.wording import counted

if TYPE_CHECKING:
    from rule_of_two.approvals.review import Review

_NOTHING_HIDDEN: Final = Masks({}, ())
_SHORT: Final = 46
_LONG: Final = 400

ABOUT: Final = (
    "Policy held these back. What you endorse counts from now on: the same item, with the same contents, is let in "
    "when it comes again."
)


def review_lines(review: Review, width: int, now: datetime) -> tuple[list[Line], int]:
    """All that was held back, the newest first, and the index of the line of the chosen one."""
    lines: list[Line] = [*wrap([Span(f" {counted(len(review.rows), 'item')} held back. {ABOUT}")], width - 1), BLANK]
    at = 0
    for number, row in enumerate(review.rows, 1):
        one, chosen = row.withheld, row == review.chosen
        at = len(lines) if chosen else at
        lead = f"{'▸' if chosen else ' '}{number:>3} "
        spans = [
            Span(lead, Style.KEY_OFF),
            Span(f"{one.at.astimezone(now.tzinfo):%H:%M:%S} ", Style.DIM),
            Span(clip(f"{one.upstream} · {one.tool}", _SHORT), Style.QUOTED),
            Span(" "),
            *authors(one.item, _NOTHING_HIDDEN),
            Span(", "),
            _quoted(one.item.name, _SHORT),
        ]
        lines += wrap(spans, width - 1, indent=" " * len(lead))
    return lines, at


def withheld_lines(one: WithheldItem, width: int, now: datetime) -> list[Line]:
    """One item: what is known of it, why it was held back, and its text, framed. Its end is the last line."""
    local = one.at.astimezone(now.tzinfo)
    policies = [
        Span(f"{', ' if number else ''}@{clip(name, _SHORT)}", Style.QUOTED) for number, name in enumerate(one.policies)
    ]
    facts: list[tuple[str, list[Span]]] = [
        *facts_of(one.item, _NOTHING_HIDDEN),
        ("From", [Span(clip(f"{one.upstream} · {one.tool}", _LONG), Style.QUOTED)]),
        ("Session", [Span(clip(one.session, _SHORT), Style.QUOTED), Span(f", {local:%Y-%m-%d %H:%M:%S}")]),
        ("Policy", policies or [Span("none named", Style.DIM)]),
    ]
    lines = [line for title, spans in facts for line in entry(title, spans, width)]
    return [
        *lines,
        rule("╭", " text of the item: not ours ", width),
        *text_lines(one.item, _NOTHING_HIDDEN, width),
        rule("╰", " end of what is shown of it ", width),
    ]


def _quoted(text: str, room: int) -> Span:
    inner = clip(text, room).replace('"', '\\"')
    return Span(f'"{inner}"', Style.QUOTED)
