"""Changed definitions as lines: the list, and one of them, or all of a server's, with marks first. Pure.

Every line of a server's text begins with a sign of ours, so that none can pass for a line of the console's, and nothing
in it can say whether it was there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rule_of_two.approvals.changes import DefinitionChange
from rule_of_two.approvals.definition_diff import Difference
from rule_of_two.approvals.spans import BLANK, Line, Span, Style, chop, clip, rule, wrap
from rule_of_two.approvals.suspicion import INCOMPLETE, Mark
from rule_of_two.approvals.word_diff import Part
from rule_of_two.escape import visible
from rule_of_two.wording import counted

if TYPE_CHECKING:
    from rule_of_two.approvals.change_list import ChangeList, ChangeRow

_SHORT: Final = 40
_CONTEXT: Final = 120
"""Characters of what stayed the same that are shown on each side of a change."""

ABOUT: Final = "What servers offer now and nobody accepted so. It is not called until somebody accepts it."
_SIGNS: Final = {Part.SAME: "= ", Part.OLD: "- ", Part.NEW: "+ "}


def change_lines(changes: ChangeList, width: int) -> tuple[list[Line], int]:
    """The list, by server, and the index of the line of the chosen row."""
    lines: list[Line] = [*wrap([Span(f" {ABOUT}")], width - 1, indent=" "), BLANK]
    at = 0
    for number, row in enumerate(changes.rows, 1):
        chosen = row == changes.chosen
        at = len(lines) if chosen else at
        lead = f"{'▸' if chosen else ' '}{number:>3} "
        spans = [Span(lead, Style.KEY_OFF), *_row(row)]
        if row.key in changes.sent:
            spans.append(Span(", your answer is on its way", Style.DIM))
        lines += wrap(spans, width - 1, indent=" " * len(lead))
    return lines, at


def _row(row: ChangeRow) -> Iterator[Span]:
    marks = sum(len(one.marks) for one in row.changes)
    if row.whole:
        yield Span(clip(row.of.server, _SHORT), Style.QUOTED)
        yield Span(f": all of its {counted(len(row.changes), 'change')}")
        if row.of.more:
            yield Span(f", and {row.of.more:,} more when these are settled", Style.WARNING)
    else:
        (one,) = row.changes
        yield Span(clip(row.of.server, _SHORT), Style.QUOTED)
        yield Span(f" · {one.kind} ")
        yield Span(_quoted(one.name, _SHORT), Style.QUOTED)
        yield Span(f", {one.what}")
    if marks:
        yield Span(f", {counted(marks, 'mark')}", Style.WARNING)


def row_lines(row: ChangeRow, width: int) -> list[Line]:
    """All of what one row is about: marks first, then every change. Its end is the last line."""
    lines = [*_marks(row, width)]
    for one in row.changes:
        lines += definition_lines(one, row.of.server, width)
    lines.append(rule("╰", " end of what changed ", width))
    return lines


def _marks(row: ChangeRow, width: int) -> Iterator[Line]:
    marked = [one for one in row.changes if one.marks]
    if not marked:
        yield from wrap([Span(f" No marks. {INCOMPLETE}", Style.DIM)], width - 1, indent=" ")
        return
    yield from wrap([Span(f" Look twice. {INCOMPLETE}", Style.WARNING)], width - 1, indent=" ")
    for one in marked:
        if len(row.changes) > 1:
            yield from wrap(
                [Span(f"  {one.kind} "), Span(_quoted(one.name, _SHORT), Style.QUOTED)], width - 1, indent="  "
            )
        for mark in one.marks:
            yield from wrap(list(_mark(mark)), width - 1, indent="    ")


def _mark(mark: Mark) -> Iterator[Span]:
    before = ", as it had before" if mark.before else ""
    times = f", at {mark.count:,} places" if mark.count > 1 else ""
    yield Span(f"  ! {mark.reason}{before}{times}: ", Style.DIM if mark.before else Style.WARNING)
    yield Span(_quoted(mark.excerpt, 2 * _SHORT), Style.QUOTED)
    yield Span(" in ")
    yield Span(_quoted(mark.where, _SHORT), Style.QUOTED)


def definition_lines(one: DefinitionChange, server: str, width: int) -> list[Line]:
    """One change, framed: what it is of, and each difference."""
    lines = [rule("╭", f" {one.kind}, {one.what} ", width)]
    name = Span(_quoted(one.name), Style.QUOTED)
    lines += wrap(
        [Span("│ ", Style.FRAME), name, Span(" of the server "), Span(_quoted(server), Style.QUOTED)],
        width - 1,
        indent="│ ",
    )
    if one.first_seen:
        told = "│ It was accepted without a person's word. To accept it signs it; to refuse it stops it."
        lines += wrap([Span(told)], width - 1, indent="│ ")
    for difference in one.differences:
        lines += _difference(difference, width)
    return lines


def _difference(one: Difference, width: int) -> Iterator[Line]:
    where = Span(_quoted(one.where or "/"), Style.QUOTED)
    yield from wrap([Span("├ ", Style.FRAME), where, Span(f" {one.says}", Style.HEADLINE)], width - 1, indent="│ ")
    if one.pieces:
        last = len(one.pieces) - 1
        for number, piece in enumerate(one.pieces):
            if piece.part is Part.SAME:
                yield from _same(piece.text, width, first=number == 0, last=number == last)
            else:
                yield from _text(piece.text, piece.part, width)
        return
    if one.old is not None:
        yield from _text(one.old, Part.OLD, width)
    if one.new is not None:
        yield from _text(one.new, Part.NEW, width)


def _same(text: str, width: int, *, first: bool, last: bool) -> Iterator[Line]:
    """What stayed the same around a change; what is left out of it is counted."""
    head, tail = 0 if first else _CONTEXT, 0 if last else _CONTEXT
    if len(text) <= head + tail + _SHORT:
        yield from _text(text, Part.SAME, width)
        return
    if head:
        yield from _text(text[:head], Part.SAME, width)
    yield (Span("│ ", Style.FRAME), Span(f"… {len(text) - head - tail:,} characters as before …", Style.DIM))
    if tail:
        yield from _text(text[len(text) - tail :], Part.SAME, width)


def _text(text: str, part: Part, width: int) -> Iterator[Line]:
    """A text of the server's, whole."""
    sign = (Span("│ ", Style.FRAME), Span(_SIGNS[part], Style.DIM if part is Part.SAME else Style.LABEL))
    style = Style.DIM if part is Part.SAME else Style.QUOTED
    lines = text.split("\n")
    for number, line in enumerate(lines):
        shown = visible(line) + ("↵" if number + 1 < len(lines) else "")
        if shown or len(lines) == 1:
            for piece in chop(shown, width - 6):
                yield (*sign, Span(piece, style))


def _quoted(text: str, room: int | None = None) -> str:
    inner = (visible(text) if room is None else clip(text, room)).replace('"', '\\"')
    return f'"{inner}"'
