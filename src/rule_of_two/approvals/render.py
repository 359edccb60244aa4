"""A question as a screen. Pure: question, width and time in, lines out; the console and the demo print the same.

In three seconds the reader must know what is about to leave, to whom, what put the idea there, and what can be done.
So the order is: one sentence, the target, the exact arguments, the calls that brought the other labels, what policy
says, the time left, the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from msgspec import Struct
from rich.cells import cell_len

from rule_of_two.approvals.answer import MOST_TARGET_CHARACTERS, GrantTerms
from rule_of_two.approvals.argument_view import value_lines
from rule_of_two.approvals.arrival import Arrival
from rule_of_two.approvals.arrival_view import (
    facts_of,
    list_lines,
    marked_rows,
    named_spans,
    text_lines,
    whose,
    with_marks,
)
from rule_of_two.approvals.headline import headline, target_text
from rule_of_two.approvals.masks import Masks
from rule_of_two.approvals.origin_lines import LONG, origin_lines, whole_origin
from rule_of_two.approvals.picks import Picks
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.spans import BLANK, COLUMN, Line, Span, Style, clip, entry, rule, wrap
from rule_of_two.approvals.times import ago, clock, span_of
from rule_of_two.escape import host_warning, visible
from rule_of_two.model import Target, Tier
from rule_of_two.wording import counted

NARROWEST: Final = 50
"""Cells below which lines may be cut. The console lets nobody say yes on a narrower screen."""

_MARGIN: Final = " "
_TARGET_LINES: Final = 4
_SENT_ALONG_LINES: Final = 3
_AUTHORS: Final = 4

_HURRY: Final = timedelta(seconds=10)
_TARGET_TITLES: Final = {"recipient": "To", "url": "To", "host": "To", "path": "Path", "command": "Command"}
_WORTH: Final[dict[Tier, str]] = {
    Tier.ADVISORY: "This gateway has no approver enrolled, so any answer is advisory (T0).",
    Tier.SIGNED: "This gateway takes answers that an enrolled approver has signed, and no others (T1).",
    Tier.SEPARATE: "Answers are signed by an enrolled approver, and the agent runs as another user (T2).",
    Tier.DEVICE: "Answers are signed by an enrolled approver on another device (T3).",
}


class Page(Struct, frozen=True):
    """``arguments_end`` is the index of the line that closes the arguments, or the list of what came back; ``None`` if
    that was shortened."""

    lines: tuple[Line, ...]
    arguments_end: int | None


class View:
    """A question made ready to be shown, at any width and time: parsed once, its secrets known."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._arguments = question.arguments
        self._forwarded = question.forwarded
        self._masks = Masks(self._arguments, question.secret_pointers)
        self._digest = question.digest
        self._frames: dict[tuple[int, int | None], tuple[tuple[Line, ...], bool]] = {}
        self._rows: tuple[int, list[list[Line]]] | None = None
        self._lists: dict[tuple[int, int | None], tuple[tuple[Line, ...], bool]] = {}

    def page(self, width: int, now: datetime, *, argument_lines: int | None = None, notes: Sequence[Line] = ()) -> Page:
        """The question. With ``argument_lines`` only that many lines of longer arguments, or of a longer list of what
        came back, and a line that says so; ``notes`` are what else there is to know."""
        width, arrival = max(width, NARROWEST), self.question.arrival
        if arrival is None:
            framed, whole = self._framed(width, argument_lines)
            about = self._targets(width)
        else:
            framed, whole = self._listed(arrival, width, argument_lines)
            about = self._source(arrival, width)
        head = [*self._headline(width), *about, *framed]
        tail = [*origin_lines(self.question, self._masks, width, now), *self._policy(width), *self._time(width, now)]
        for note in notes:
            tail += entry("Note", note, width)
        return Page(lines=(*head, *tail), arguments_end=len(head) - 1 if whole else None)

    def arguments(self, width: int) -> tuple[Line, ...]:
        """All arguments, and everything else that is sent along."""
        return self._framed(max(width, NARROWEST), None)[0]

    def items(self, picks: Picks, width: int) -> tuple[tuple[Line, ...], int]:
        """All that came back, with its marks, and the index of the line of the item that a person is at."""
        width = max(width, NARROWEST)
        if self._rows is None or self._rows[0] != width:
            self._rows = width, marked_rows(picks, self._masks, width)
        rows = self._rows[1]
        lines = (rule("╭", _list_title(picks.arrival, width), width), *with_marks(rows, picks), self._list_end(width))
        return lines, 1 + sum(map(len, rows[: picks.place]))

    def item(self, picks: Picks, width: int) -> tuple[Line, ...]:
        """The item that a person is at: what is known of it, and its text, framed."""
        width, item = max(width, NARROWEST), picks.current
        lines = [line for title, spans in facts_of(item, self._masks) for line in entry(title, spans, width)]
        title = f" text of item {picks.place + 1:,} of {len(picks.items):,}: not ours "
        end = f" end of what is shown of item {picks.place + 1:,} "
        return (
            *lines,
            rule("╭", title, width),
            *text_lines(item, self._masks, width),
            rule("╰", end, width),
        )

    def why(self, width: int, now: datetime) -> tuple[Line, ...]:
        """Everything about the question but its arguments, at length."""
        question = self.question
        width = max(width, NARROWEST)
        lines = [*self._headline(width), BLANK]
        for label in ("A", "B", "C"):
            lines += whole_origin(self.question, self._masks, label, width, now)
        lines += [BLANK, *self._policy(width)]
        facts = (
            ("Agent", f"{question.client}, session {question.session}"),
            ("For", f"user {question.user}, tenant {question.tenant}"),
            ("Call", f"{question.action} {question.upstream} · {question.name}"),
            *(
                (_TARGET_TITLES.get(target.kind, "Target"), f"{target.kind}: {target.shown}")
                for target in question.targets
            ),
            ("Pin", question.pin or "none"),
            ("Policies", f"version {question.policy_version}"),
            ("Asked", f"{clock(question.created_at, now)}, expires {clock(question.expires_at, now)}"),
            ("Digest", self._digest),
            *self._results(),
        )
        for title, text in facts:
            lines += entry(title, [Span(clip(self._masks.hide(text), LONG), Style.QUOTED)], width)
        needs = f" It needs {question.needs} different approvers." if question.needs > 1 else ""
        covers = "exactly this call" if question.arrival is None else "exactly this result of a call that was sent"
        ending = f"A yes covers {covers}, once.{needs} {_WORTH[question.tier]}"
        return (*lines, BLANK, *entry("", [Span(ending)], width))

    def terms(self, terms: GrantTerms, width: int) -> tuple[Line, ...]:
        """A grant before it is given. Its end is the last line."""
        width = max(width, NARROWEST)
        calls = f"{terms.uses} call{'s' * (terms.uses > 1)}, this one included, within {terms.minutes} minutes"
        lines = [
            rule("╭", " the grant that would be given ", width),
            *entry("Calls", [Span(calls, Style.HEADLINE)], width),
            *entry("Tool", [Span(clip(f"{terms.upstream} · {terms.name}", LONG), Style.QUOTED)], width),
        ]
        for kind, value in terms.targets:
            lines += entry(
                _TARGET_TITLES.get(kind, kind.title()),
                self._target_spans(kind, value, MOST_TARGET_CHARACTERS * 8),
                width,
            )
        meaning = (
            "Later calls of this tool in this session pass unasked if they reach all of these targets and no other, "
            "whatever else they carry. It lapses when the session gains a label."
        )
        return (*lines, BLANK, *entry("", [Span(meaning)], width), rule("╰", " end of the grant ", width))

    def row(self, width: int, now: datetime) -> Line:
        """The question in one line, for the list."""
        question = self.question
        left = f"{span_of(question.expires_at - now)} left" if now < question.expires_at else "expired"
        what = f"{question.upstream} · {question.name}"
        if question.arrival is not None:
            what += f" ← {counted(len(question.arrival.asking), 'item')} to let in"
        elif question.targets:
            what += f" → {self._masks.hide(target_text(question.targets[0]))}"
        room = width - cell_len(left) - 2
        shown = clip(what, room)
        return (Span(shown, Style.QUOTED), Span(" " * (room - cell_len(shown) + 2)), Span(left, Style.DIM))

    def _headline(self, width: int) -> Iterator[Line]:
        for line in wrap(headline(self.question, self._masks), width - 2):
            yield (Span(_MARGIN), *line)

    def _targets(self, width: int) -> Iterator[Line]:
        yield BLANK
        for target in self.question.targets[:_TARGET_LINES]:
            title = _TARGET_TITLES.get(target.kind, target.kind.title())
            yield from entry(title, self._target(target, width - COLUMN - 2), width)
        if len(self.question.targets) > _TARGET_LINES:
            more = len(self.question.targets) - _TARGET_LINES
            yield from entry("", [Span(f"and {more:,} more targets: press w", Style.WARNING)], width)
        yield from self._tool("Tool", width)

    def _tool(self, title: str, width: int) -> list[Line]:
        tool = clip(f"{self.question.upstream} · {self.question.name}", width - COLUMN - 2)
        asked = (
            Span("  asked by ", Style.DIM),
            Span(clip(self.question.client, 30), Style.QUOTED),
            Span(", session ", Style.DIM),
            Span(clip(self.question.session, 20), Style.QUOTED),
        )
        return entry(title, [Span(tool, Style.QUOTED), *asked], width)

    def _source(self, arrival: Arrival, width: int) -> Iterator[Line]:
        """Where a result came from, and who wrote it."""
        yield BLANK
        yield from self._tool("From", width)
        if arrival.where:
            yield from entry("Where", named_spans(arrival.where, self._masks), width)
        writers = whose(arrival)
        spans: list[Span] = []
        for author in writers.named[:_AUTHORS]:
            spans += [*([Span(", ")] if spans else []), *named_spans(author, self._masks)]
        more = writers.more + max(0, len(writers.named) - _AUTHORS)
        if more:
            spans.append(Span(f" and {more:,} more: press i", Style.WARNING))
        if writers.unknown:
            words = f"{'; ' if spans else ''}{counted(writers.unknown, 'item')} of which the author is not known"
            spans.append(Span(words, Style.WARNING))
        yield from entry("Author", spans, width)

    def _listed(self, arrival: Arrival, width: int, limit: int | None) -> tuple[tuple[Line, ...], bool]:
        """The list of what came back, and whether that is all of it. Kept, as the arguments are."""
        if (width, limit) not in self._lists:
            content = list_lines(arrival, self._masks, width)
            shown = list(content if limit is None else islice(content, limit + 1))
            whole = limit is None or len(shown) <= limit
            if not whole:
                shown = shown[: limit - 1] if limit else []
                more = "… there is more: press i to see all of it"
                shown.append((Span("│ ", Style.FRAME), Span(more, Style.WARNING)))
            end = self._list_end(width) if whole else rule("╰", " not the end ", width)
            self._lists = {key: lines for key, lines in self._lists.items() if key[0] == width}
            self._lists[width, limit] = (rule("╭", _list_title(arrival, width), width), *shown, end), whole
        return self._lists[width, limit]

    def _list_end(self, width: int) -> Line:
        return rule("╰", f" end of the list, sha256 {self._digest[:16]} ", width)

    def _results(self) -> list[tuple[str, str]]:
        arrival = self.question.arrival
        if arrival is None:
            return []
        return [("Result", arrival.digest), ("Rest", arrival.without or "cannot be handed over alone")]

    def _target(self, target: Target, room: int) -> list[Span]:
        if target.value is None:
            unreadable = Span(" cannot be read as a target, so nothing is known about it", Style.WARNING)
            return [Span(clip(self._masks.hide(target.shown), room), Style.QUOTED), unreadable]
        spans = self._target_spans(target.kind, target.value, room)
        if target.kind == "path" and target.shown != target.value:
            spans += [Span(" written as ", Style.DIM), Span(clip(self._masks.hide(target.shown), room), Style.QUOTED)]
        if target.given is False:
            spans.append(Span(" this address is not known from any result of this session", Style.WARNING))
        return spans

    def _target_spans(self, kind: str, value: str, room: int) -> list[Span]:
        spans = [Span(clip(self._masks.hide(value), room), Style.QUOTED)]
        if kind in ("url", "host", "recipient"):
            host = value.rpartition("@")[2]
            warning = "is no host's name" if " " in host else host_warning(host)
            if warning:
                spans.append(Span(f" {warning}", Style.WARNING))
        return spans

    def _framed(self, width: int, limit: int | None) -> tuple[tuple[Line, ...], bool]:
        """The arguments, and whether that is all of them. Kept, as the screen is drawn again every second."""
        if (width, limit) not in self._frames:
            self._frames = {key: frame for key, frame in self._frames.items() if key[0] == width}
            self._frames[width, limit] = self._frame(width, limit)
        return self._frames[width, limit]

    def _frame(self, width: int, limit: int | None) -> tuple[tuple[Line, ...], bool]:
        size = len(self.question.arguments_json.encode())
        content = value_lines(self._arguments, self._masks, width)
        shown = list(content if limit is None else islice(content, limit + 1))
        whole = limit is None or len(shown) <= limit
        if not whole:
            shown = shown[: limit - 1] if limit else []
            shown.append((Span("│ ", Style.FRAME), Span("… there is more: press a to read all of it", Style.WARNING)))
        lines = [rule("╭", f" exact arguments, {size:,} bytes ", width), *shown]
        if self._forwarded:
            whole = self._sent_along(lines, width, limit) and whole
        end = f" end of arguments, sha256 {self._digest[:16]} " if whole else " not the end "
        return (*lines, rule("╰", end, width)), whole

    def _sent_along(self, lines: list[Line], width: int, limit: int | None) -> bool:
        lines.append(rule("├", f" sent along, {len(self.question.forwarded_json.encode()):,} bytes ", width))
        content = value_lines(self._forwarded, self._masks, width)
        shown = list(content if limit is None else islice(content, _SENT_ALONG_LINES + 1))
        whole = limit is None or len(shown) <= _SENT_ALONG_LINES
        if whole:
            lines += shown
        else:
            lines.append((Span("│ ", Style.FRAME), Span("press a to read what is sent along", Style.WARNING)))
        return whole

    def _policy(self, width: int) -> list[Line]:
        question = self.question
        named = [
            Span(f"{', ' if number else ''}@{visible(one)}", Style.QUOTED)
            for number, one in enumerate(question.policies)
        ]
        spans = named or [Span("none named", Style.DIM)]
        spans += [Span(f" {visible(message)}", Style.QUOTED) for message in question.messages]
        return entry("Policy", spans, width)

    def _time(self, width: int, now: datetime) -> list[Line]:
        question = self.question
        asked = f"asked {ago(now - question.created_at)} ago, "
        if now >= question.expires_at:
            return entry("Time", [Span(asked), Span("expired: it was refused", Style.WARNING)], width)
        remaining = question.expires_at - now
        left = Span(f"{span_of(remaining)} left", Style.WARNING if remaining < _HURRY else Style.PLAIN)
        return entry("Time", [Span(asked), left, Span("; no answer means no")], width)


def _list_title(arrival: Arrival, width: int) -> str:
    size, asking, total = sum(item.size for item in arrival.items), len(arrival.asking), len(arrival.items)
    ask = "the one item asks" if total == 1 else f"{asking:,} of {total:,} items ask{'s' * (asking == 1)}"
    title = f" what came back: {ask}, {size:,} bytes "
    return title if len(title) + 2 <= width else f" what came back: {counted(total, 'item')} "
