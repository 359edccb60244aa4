"""JSON values as lines that a human can read: exact, nothing left out, and nothing that could pass for ours.

Every line begins with a bar, and each line of a longer text with a bar of its own, so a text that imitates a screen
or another argument stays visibly inside. Short members come first, so that the recipient is not below the letter: the
order of members means nothing in JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from rich.cells import cell_len

from rule_of_two.approvals.masks import MASK, Masks, Path
from rule_of_two.approvals.spans import TEXT_BAR, Line, Span, Style, chop
from rule_of_two.escape import quoted, visible
from rule_of_two.wording import counted

BAR: Final = "│ "

_MAX_BREAKS: Final = 10_000
"""Line feeds of one text that are shown as lines. Ten million empty ones would be ten million lines to hold."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}", re.ASCII)
_NARROWEST: Final = 24
"""Cells that an indented level needs. Below that the rest follows as one text of JSON."""


def value_lines(value: Any, masks: Masks, width: int) -> Iterator[Line]:
    """Lines of ``width`` cells, made one at a time: the first screen of ten megabytes costs no more than a screen."""
    room = width - len(BAR)
    content = _members(value, (), masks, room) if value else iter([[Span("(none)", Style.DIM)]])
    for spans in content:
        yield (Span(BAR, Style.FRAME), *spans)


def _members(value: Any, path: Path, masks: Masks, room: int) -> Iterator[list[Span]]:
    if masks.hides(path):
        yield [Span(f"{MASK} (secret)", Style.MASKED)]
        return
    items: list[tuple[str, Any]]
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda member: _is_long(member[1]))
    else:
        items = [(str(index), member) for index, member in enumerate(value)]
    names = [_name(name, masks) if isinstance(value, dict) else f"{name}." for name, _ in items]
    column = min(max((cell_len(name) for name in names), default=0), 16)
    for (step, member), name in zip(items, names, strict=True):
        yield from _member(name, member, (*path, step), masks, room, column)


def _member(name: str, value: Any, path: Path, masks: Masks, room: int, column: int) -> Iterator[list[Span]]:
    label = name + " " * max(0, column - cell_len(name)) + "  "
    if cell_len(label) > room // 2:
        yield from ([Span(piece)] for piece in chop(name, room))
        label = "  "
    inline = _inline(value, path, masks, room - cell_len(label))
    if masks.hides(path):
        yield from _headed(label, f"{MASK} (secret)", Style.MASKED, room)
    elif inline is not None:
        yield [Span(label), Span(inline, Style.QUOTED)]
    elif isinstance(value, (dict, list)) and room >= _NARROWEST:
        yield from _headed(label, _count(value), Style.DIM, room)
        for spans in _members(value, path, masks, room - 2):
            yield [Span("  "), *spans]
    elif isinstance(value, (dict, list)):
        yield from _headed(label, "as JSON", Style.DIM, room)
        yield from _text(json.dumps(masks.masked(value, path), ensure_ascii=False), masks, room)
    elif isinstance(value, str):
        yield from _headed(label, _size(value), Style.DIM, room)
        yield from _text(value, masks, room)
    else:
        yield [Span(label)]
        yield from _text(json.dumps(value), masks, room)


def _headed(label: str, remark: str, style: Style, room: int) -> Iterator[list[Span]]:
    """A name with what is said of its value: beside it, or below where both do not fit."""
    if cell_len(label) + cell_len(remark) <= room:
        yield [Span(label), Span(remark, style)]
        return
    yield [Span(label)]
    yield from ([Span("  "), Span(piece, style)] for piece in chop(remark, room - 2))


def _text(text: str, masks: Masks, room: int) -> Iterator[list[Span]]:
    """A text in quotes, its line feeds as real lines (marked ``↵``), each behind a bar; too many stay in the line."""
    text = masks.hide(text)
    lines = text.split("\n") if text.count("\n") <= _MAX_BREAKS else [text]
    for number, line in enumerate(lines):
        shown = visible(line)
        if number == 0:
            shown = '"' + shown
        shown += '"' if number == len(lines) - 1 else "↵"
        for piece in chop(shown, room - 2 - len(TEXT_BAR)):
            yield [Span("  "), Span(TEXT_BAR, Style.FRAME), Span(piece, Style.QUOTED)]


def _inline(value: Any, path: Path, masks: Masks, room: int) -> str | None:
    """The value in one line, if it fits: a scalar, or a list of scalars."""
    if isinstance(value, list):
        shown = _inline_list(value, path, masks, room)
    elif isinstance(value, str):
        shown = None if len(value) > room or "\n" in value else quoted(masks.hide(value))
    elif isinstance(value, dict):
        shown = None if value else "{}"
    else:
        shown = masks.hide(json.dumps(value))
    return shown if shown is not None and cell_len(shown) <= room else None


def _inline_list(values: list[Any], path: Path, masks: Masks, room: int) -> str | None:
    if len(values) * 3 > room or any(isinstance(value, (dict, list)) for value in values):
        return None
    shown: list[str] = []
    for index, value in enumerate(values):
        here = (*path, str(index))
        one = MASK if masks.hides(here) else _inline(value, here, masks, room)
        if one is None:
            return None
        shown.append(one)
    return f"[{', '.join(shown)}]"


def _is_long(value: Any) -> bool:
    return isinstance(value, (dict, list)) or (isinstance(value, str) and (len(value) > 60 or "\n" in value))


def _name(name: str, masks: Masks) -> str:
    name = masks.hide(name)
    return name if _PLAIN_KEY.fullmatch(name) else quoted(name)


def _size(text: str) -> str:
    lines = text.count("\n") + 1
    return counted(len(text), "character") + (f", {counted(lines, 'line')}" if lines > 1 else "")


def _count(value: dict[str, Any] | list[Any]) -> str:
    return counted(len(value), "member" if isinstance(value, dict) else "element")
