"""Which earlier calls brought the labels of a session, as the screen of a question says it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.cells import cell_len

from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.approvals.spans import Line, Span, Style, clip, entry, wrap
from rule_of_two.approvals.times import ago, clock
from rule_of_two.model import Label

LONG: Final = 1000
"""Cells of one text on the `why` side. What is longer is counted; arguments are shown whole on their own side."""

_SHORT_NAME: Final = 12
_MEANING: Final[dict[Label, str]] = {"A": "untrusted", "B": "private", "C": "acted"}
_THIS_CALL: Final[dict[Label, str]] = {
    "A": "this call brings in untrusted content",
    "B": "this call brings in private data",
    "C": "this call changes something or sends something out",
}
_CAME_BACK: Final[dict[Label, str]] = {
    "A": "what came back is untrusted content",
    "B": "what came back is private data",
    "C": "the call changes something or sends something out",
}


def origin_lines(question: Question, masks: Masks, width: int, now: datetime) -> Iterator[Line]:
    """A line for each label that the session holds, and what the call itself brings."""
    for label in ("A", "B", "C"):
        origin = question.held.get(label)
        if origin is not None:
            yield _short(label, origin, masks, width, now)
        elif label in question.labels:
            words = _THIS_CALL if question.arrival is None else _CAME_BACK
            first, *rest = wrap([Span(words[label])], width - 6)
            yield (Span(f" [{label}] ", Style.LABEL), *first)
            yield from ((Span(" " * 5), *line) for line in rest)


def _short(label: Label, origin: Origin, masks: Masks, width: int, now: datetime) -> Line:
    """What it was comes first; the call's name gives way before it."""
    when = f"  {clock(origin.at, now)}, {ago(now - origin.at)} ago"
    room = width - 16 - cell_len(when)
    shown = clip(masks.hide(origin.shown or origin.name), room)
    spare = room - cell_len(shown) - 2
    name = f"  {clip(origin.name, spare)}" if origin.shown and spare >= _SHORT_NAME else ""
    return (
        Span(f" [{label}] ", Style.LABEL),
        Span(f"{_MEANING[label]:<10}"),
        Span(shown, Style.QUOTED),
        Span(name, Style.DIM),
        Span(when, Style.DIM),
    )


def whole_origin(question: Question, masks: Masks, label: Label, width: int, now: datetime) -> list[Line]:
    """The same of one label at length, for the `why` side."""
    origin = question.held.get(label)
    if origin is None:
        words = _THIS_CALL if question.arrival is None else _CAME_BACK
        text = words[label] if label in question.labels else "not held"
        return entry(f"[{label}]", [Span(text)], width)
    when = f"{clock(origin.at, now)} ({ago(now - origin.at)} ago), call {origin.call}, "
    what = f"{origin.name}: {masks.hide(origin.shown)}" if origin.shown else origin.name
    return entry(f"[{label}]", [Span(f"{_MEANING[label]} since {when}"), Span(clip(what, LONG), Style.QUOTED)], width)
