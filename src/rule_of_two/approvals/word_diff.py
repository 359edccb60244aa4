"""Two texts, word by word: what both have, what was taken out, what came in. Pure, and bounded in time.

Myers' algorithm (1986) between the common beginning and the common end. Texts that differ in more than it is worth to
look through are one piece taken out and one come in: never less than all of either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

_TOKEN: Final = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_STEPS: Final = 2_000_000
_MOST_EDITS: Final = 400


class Part(Enum):
    """Where a piece stands."""

    SAME = "same"
    OLD = "old"
    NEW = "new"


class Piece(Struct, frozen=True):
    """A run of words."""

    part: Part
    text: str


def word_diff(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces in order; of a change, what was taken out comes first.

    # INVARIANT: SAME and OLD together are the old text, SAME and NEW the new one; tests/approvals/test_word_diff.py.
    """
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    stop_before, stop_after = len(before) - end, len(after) - end
    middle = _between(before[start:stop_before], after[start:stop_after])
    tokens = [(Part.SAME, one) for one in before[:start]]
    tokens += middle
    tokens += [(Part.SAME, one) for one in before[stop_before:]]
    return tuple(_joined(tokens))


def _between(before: Sequence[str], after: Sequence[str]) -> list[tuple[Part, str]]:
    edits = min(_MOST_EDITS, _MOST_STEPS // (len(before) + len(after) + 1))
    trace = _trace(before, after, edits)
    if trace is None:
        return [*((Part.OLD, one) for one in before), *((Part.NEW, one) for one in after)]
    return _backwards(before, after, trace)


def _trace(before: Sequence[str], after: Sequence[str], edits: int) -> list[dict[int, int]] | None:
    """How far each diagonal gets with 0, 1, 2, … edits, until the end is reached; ``None``: not with so many."""
    reached = {1: 0}
    trace: list[dict[int, int]] = []
    for cost in range(min(edits, len(before) + len(after)) + 1):
        trace.append(dict(reached))
        for diagonal in range(-cost, cost + 1, 2):
            down = diagonal == -cost or (diagonal != cost and reached[diagonal - 1] < reached[diagonal + 1])
            x = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            y = x - diagonal
            while x < len(before) and y < len(after) and before[x] == after[y]:
                x, y = x + 1, y + 1
            reached[diagonal] = x
            if x >= len(before) and y >= len(after):
                return trace
    return None


def _backwards(before: Sequence[str], after: Sequence[str], trace: list[dict[int, int]]) -> list[tuple[Part, str]]:
    found: list[tuple[Part, str]] = []
    x, y = len(before), len(after)
    for cost in range(len(trace) - 1, -1, -1):
        reached, diagonal = trace[cost], x - y
        down = diagonal == -cost or (diagonal != cost and reached[diagonal - 1] < reached[diagonal + 1])
        came_from = diagonal + 1 if down else diagonal - 1
        from_x = reached[came_from]
        from_y = from_x - came_from
        while x > from_x and y > from_y and x > 0 and y > 0:
            x, y = x - 1, y - 1
            found.append((Part.SAME, before[x]))
        if cost == 0:
            break
        if down:
            y -= 1
            found.append((Part.NEW, after[y]))
        else:
            x -= 1
            found.append((Part.OLD, before[x]))
    return found[::-1]


def _joined(tokens: Sequence[tuple[Part, str]]) -> Iterator[Piece]:
    """Runs of one part, with what was taken out before what came in for it."""
    texts: dict[Part, list[str]] = {part: [] for part in Part}
    for part, text in tokens:
        if part is Part.SAME:
            yield from _flushed(texts, Part.OLD, Part.NEW)
        elif texts[Part.SAME]:
            yield from _flushed(texts, Part.SAME)
        texts[part].append(text)
    yield from _flushed(texts, Part.SAME, Part.OLD, Part.NEW)


def _flushed(texts: dict[Part, list[str]], *parts: Part) -> Iterator[Piece]:
    for part in parts:
        if texts[part]:
            yield Piece(part, "".join(texts[part]))
            texts[part] = []
