"""The console for a screen reader: plain lines, one after the other, and one line of input at a time.

The same board as the full screen's decides what counts. Nothing moves the cursor, nothing is coloured, and no line
begins with a text that is not ours: such lines have a title, a bar or a colon before it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import anyio

from rule_of_two.approvals import console_text
from rule_of_two.approvals.answer import LONGEST_MINUTES, MOST_USES
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import REFUSING, Choice
from rule_of_two.approvals.hints import question_keys
from rule_of_two.approvals.items import Item, Ordered, Said, Vouched
from rule_of_two.approvals.messages import Asked, GatewayHello, Sessions, ToConsole, Withheld
from rule_of_two.approvals.render import NARROWEST
from rule_of_two.approvals.roster import Row, marks
from rule_of_two.approvals.sentences import KEY_OF, name
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import Line, Span, Style, clip, wrap
from rule_of_two.approvals.typed_lines import typed_lines
from rule_of_two.approvals.withheld_view import review_lines, withheld_lines
from rule_of_two.escape import visible
from rule_of_two.wording import counted

PAGE_LINES: Final = 20
"""Lines of arguments, or of a list, that are said at once."""

_TICK_SECONDS: Final = 1.0

HELP: Final = (
    "Type a key and Enter: y once, d drop C, g grant (g 5 15: calls and minutes), r rest only, n no, f freeze, "
    "s new session, a arguments (a 3: page 3, a last), i what came back (i 3: item 3, i 3 2: page 2 of it), "
    "m 1 3: mark only these items (m: all), h what was held back (h 2: item 2), e endorse it, w why, "
    "x leave what is to be confirmed, l list (l 2: session 2), "
    "a number: that question, Enter alone: the question again, q quit."
)
_CHOICES: Final = {key: choice for choice, key in KEY_OF.items()}
_FRAMES: Final = str.maketrans({"│": "|", "┊": ":", "╭": "--", "╰": "--", "├": "--", "─": "", "▸": ">"})
_OURS: Final = frozenset((Style.FRAME, Style.KEY_OFF))


def plain(line: Line) -> str:
    """A line without style, and without our frames: a screen reader would spell them."""
    return "".join(span.text.translate(_FRAMES) if span.style in _OURS else span.text for span in line).rstrip()


def run_plain(state: Path, signer: Signer) -> None:
    """Be a console on standard input and output, until the human leaves."""

    async def run() -> None:
        await PlainConsole(state, signer, sys.stdout).run(typed_lines(sys.stdin.fileno()))

    anyio.run(run)


def _columns() -> int:
    return shutil.get_terminal_size().columns


class PlainConsole:
    """Says what gateways say, and does what the human types."""

    def __init__(
        self,
        state: Path,
        signer: Signer,
        out: TextIO,
        *,
        columns: Callable[[], int] = _columns,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.board = Board(follows=False)
        self._state = state
        self._signer = signer
        self._out = out
        self._columns = columns
        self._now = now
        self._monotonic = monotonic
        self._client = DeskClient(state, self._hear)
        self._sessions: dict[str, str] = {}
        self._page = 0
        self._of = ""
        """What the last page was of."""
        self._leaving = False
        self._deeds: dict[str, Callable[[Sequence[str]], None]] = {
            "a": self._arguments,
            "i": self._items,
            "m": self._mark,
            "h": self._look_back,
            "e": self._endorse,
            "w": self._why,
            "x": self._leave,
            "l": self._list,
        }
        self._shown = False
        """Whether a question was shown since the human's last line: what is half typed may be meant for it, so no
        other one is shown unasked."""

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Attach to all gateways, until ``lines`` end or one of them is q."""
        self._say(f"rule-of-two console, plain lines. Your answers are {self._signer.standing(())}. {HELP}")
        self._say(f"Looking for gateways on {visible(str(self._state))}.")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._client.run)
            tasks.start_soon(self._watch_clocks)
            async for line in lines:
                if not self.typed(line):
                    break
            tasks.cancel_scope.cancel()

    def typed(self, line: str) -> bool:
        """Do what the human typed. ``False``: they leave."""
        key, *rest = line.split() or [""]
        key = key.lower()
        self._shown = False
        leaving, self._leaving = self._leaving, False
        if key in _CHOICES:
            self._press(_CHOICES[key], rest)
        elif key == "q":
            if leaving or not self.board.items:
                return False
            self._leaving = True
            self._say("Calls are waiting; without a console they are refused. Type q again to leave.")
        elif key in self._deeds:
            self._deeds[key](rest)
        elif key.isdecimal():
            self._choose(int(key) - 1)
        elif not key:
            self._again()
        else:
            self._say(HELP)
        self.board.painted(self.board.showing, self._monotonic())
        return True

    async def _watch_clocks(self) -> None:
        while True:
            notice = self.board.notice
            self.board.tick(self._monotonic(), self._now())
            if self.board.notice is not notice:
                self._say_words()
                self.board.painted(self.board.showing, self._monotonic())
            await anyio.sleep(_TICK_SECONDS)

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        notice, shown = self.board.notice, self.board.selected
        known = self._notes(shown)
        new = self.board.hear(gateway, message)
        if message is None:
            self._say(Span("Gateway "), name(gateway), Span(" went away."))
        elif isinstance(message, GatewayHello) and gateway in self.board.roster.tiers:
            worth = self._signer.standing([message.tier])
            self._say(Span("Gateway "), name(gateway), Span(f" is attached. Your answers to it are {worth}."))
        if self.board.notice is not notice and self.board.notice:
            self._say(*self.board.notice)
        if message is None or isinstance(message, Sessions):
            self._say_sessions()
        for note in self._notes(self.board.selected):
            if note not in known:
                self._say("Note: ", *note)
        if shown is not None and self.board.selected is None and self.board.items:
            self._say(f"{counted(len(self.board.items), 'question')} waiting. Enter reads out the first.")
        if isinstance(message, Withheld):
            told = counted(len(message.items), "item")
            self._say(f"{told} of a result held back by policy. Type h and Enter to have the list read out.")
        if new and isinstance(message, Asked):
            self._announce(next(item for item in self.board.items if item.question is message.question))

    def _announce(self, item: Item) -> None:
        place = self.board.items.index(item)
        if self.board.selected is None and not self._is_hidden and not self._shown:
            self._choose(place)
            return
        what = Span(clip(f"{item.question.upstream} · {item.question.name}", 60), Style.QUOTED)
        self._say(
            Span("Another question waits, about "), what, Span(f". Type {place + 1} and Enter to have it read out.")
        )

    def _notes(self, item: Item | None) -> list[Line]:
        return [] if item is None else console_text.notes(item, self.board, self._signer)

    def _say_sessions(self) -> None:
        """The sessions that are new or have changed, and those that are gone."""
        before = self._sessions
        self._sessions = {row.status.id: _told(row) for row in self.board.roster.rows}
        for session in before.keys() - self._sessions.keys():
            self._say(Span("Session "), name(session), Span(" has ended."))
        for row in self.board.roster.rows:
            told = self._sessions[row.status.id]
            if before.get(row.status.id) != told:
                by = (name(row.status.id), Span(" of "), name(row.status.client))
                self._say(Span("Session "), *by, Span(f" holds {told}."))

    def _press(self, choice: Choice, rest: Sequence[str]) -> None:
        if self._columns() < NARROWEST and choice not in REFUSING:
            self._say(f"Make the terminal at least {NARROWEST} wide.")
            return
        terms = self.board.terms
        wanted = _numbers(rest)
        if rest and (choice is not Choice.GRANT or wanted is None):
            self._say(
                f"Only g has numbers: calls (1 to {MOST_USES}) and minutes (1 to {LONGEST_MINUTES}), as in g 5 15."
            )
            return
        if wanted is None or terms is None:
            self._send(self.board.press(choice, at=self._monotonic(), now=self._now()))
        if wanted is not None and self.board.terms is not None:
            uses, minutes = wanted
            self.board.adjust(uses=uses - self.board.terms.uses, minutes=minutes - self.board.terms.minutes)
        if self.board.terms is not None and self.board.terms is not terms:
            self._say_terms()
        self._say_words()

    def _say_terms(self) -> None:
        if self.board.selected is not None and self.board.terms is not None:
            self._print(self.board.selected.view.terms(self.board.terms, self._width))
            self._say("g with two numbers changes calls and minutes; x leaves.")
            self.board.terms_read = True

    def _choose(self, place: int) -> None:
        self.board.list_sessions(on=False)
        if self.board.choose(place):
            self._again()
        else:
            self._say(f"There is no question {place + 1}; {counted(len(self.board.items), 'question')} wait.")

    def _again(self) -> None:
        """The whole question, from its beginning; the first one where none is shown."""
        board, now = self.board, self._now()
        board.list_sessions(on=False)
        if board.selected is None and not board.choose(0):
            self._say("No question waits.")
            return
        item = board.selected
        if item is None:
            return
        board.leave()
        page = item.view.page(self._width, now, argument_lines=PAGE_LINES, notes=self._notes(item))
        place = f"Question {board.items.index(item) + 1} of {len(board.items)}, from gateway "
        self._say(Span(place), name(item.gateway), Span(":"))
        self._print(page.lines)
        self._of = ""
        self._mark_read(item, end=page.arguments_end is not None)
        self._say_keys(item)
        self._shown = True
        board.painted(board.showing, self._monotonic())

    def _arguments(self, rest: Sequence[str]) -> None:
        """The next page of the arguments, or the one that is named."""
        item = self.board.selected
        if item is None or self._is_hidden:
            self._say("No question is shown.")
            return
        lines = item.view.arguments(self._width)
        end = self._say_page(lines, "the arguments", rest[0] if rest else None)
        if end is None:
            return
        self._mark_read(item, end=end and item.picks is None)
        self._say("That was the last page." if end else "a goes on; a last is the last page.")
        if end:
            self._say_keys(item)

    @property
    def _is_hidden(self) -> bool:
        """Whether keys act on something else than the question."""
        return self.board.listing or self.board.reviewing

    def _say_page(self, lines: Sequence[Line], what: str, word: str | None) -> bool | None:
        """The page that a word names, or the next one; whether it was the last. ``None``: there is none such."""
        pages = -(-len(lines) // PAGE_LINES)
        if self._of != what:
            self._of, self._page = what, 0
        word = word or str(self._page % pages + 1)
        number = pages if word == "last" else int(word) if word.isdecimal() else 0
        if not 1 <= number <= pages:
            self._say(
                f"There is no such page; of {what} there {'is' if pages == 1 else 'are'} {counted(pages, 'page')}."
            )
            return None
        self._page = number
        self._say(f"Page {number:,} of {pages:,} of {what}:")
        self._print(lines[(number - 1) * PAGE_LINES : number * PAGE_LINES])
        return number == pages

    def _items(self, rest: Sequence[str]) -> None:
        """The next page of the list of what came back, or an item of it."""
        item = self.board.selected
        if item is None or self._is_hidden:
            self._say("No question is shown.")
        elif item.picks is None:
            self._say("Nothing has come back: this call was not sent.")
        elif rest and rest[0].isdecimal():
            if not item.picks.choose(int(rest[0]) - 1):
                self._say(f"There is no such item; {counted(len(item.picks.items), 'item')} came back.")
                return
            page = rest[1] if len(rest) > 1 else None
            what = f"item {item.picks.place + 1:,} and its text"
            if self._say_page(item.view.item(item.picks, self._width), what, page) is False:
                self._say(f"i {rest[0]} goes on; i {rest[0]} last is the last page.")
        else:
            lines, _ = item.view.items(item.picks, self._width)
            end = self._say_page(lines, "the list of what came back", "last" if rest == ["last"] else None)
            self._mark_read(item, end=bool(end))
            self._say("That was the last page." if end else "i goes on; i last is the last page.")
            if end:
                self._say_keys(item)

    def _mark(self, rest: Sequence[str]) -> None:
        """Which items a yes lets in."""
        item = self.board.selected
        if item is None or self._is_hidden or item.picks is None:
            self._say("Nothing that came back is shown.")
        elif not all(word.isdecimal() for word in rest):
            self._say("m takes numbers of items, as in m 1 3; m alone marks all.")
        else:
            asking = range(len(item.picks.asking))
            self.board.mark(only={int(word) - 1 for word in rest} if rest else set(asking))
            self._say_words()

    def _look_back(self, rest: Sequence[str]) -> None:
        """What was held back, or an item of it."""
        board, width = self.board, self._width
        board.look_back(on=True, text=bool(rest))
        if not rest:
            lines, _ = review_lines(board.review, width, self._now())
            self._say_page(lines, "the list of what was held back", None)
            self._say("h with a number reads out an item; Enter alone goes back to the questions.")
        elif not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1) or board.review.chosen is None:
            board.look_back(on=True)
            self._say(f"There is no such item; {counted(len(board.review.rows), 'item')} were held back.")
        else:
            kept = board.review.chosen
            what = f"item {int(rest[0]):,} that was held back"
            lines = withheld_lines(kept.withheld, width, self._now())
            end = self._say_page(lines, what, rest[1] if len(rest) > 1 else None)
            if end is False:
                self._say(f"h {rest[0]} goes on; h {rest[0]} last is the last page.")
            if end and self._columns() >= NARROWEST:
                board.review.read.add(kept.key)
                self._say("That was all of it. e endorses it.")

    def _leave(self, _: Sequence[str]) -> None:
        self.board.leave()
        self._say_words()

    def _endorse(self, _: Sequence[str]) -> None:
        if self._columns() < NARROWEST:
            self._say(f"Make the terminal at least {NARROWEST} wide.")
            return
        self._send(self.board.endorse(at=self._monotonic(), now=self._now()))
        self._say_words()

    def _send(self, deed: Said | Ordered | Vouched | None) -> None:
        if deed is not None and not self._signer.send(deed, self._client, self._now()):
            self.board.not_sent(deed)

    def _why(self, _: Sequence[str]) -> None:
        item = self.board.selected
        if item is None or self._is_hidden:
            self._say("No question is shown.")
        else:
            self._print(item.view.why(self._width, self._now()))

    def _list(self, rest: Sequence[str]) -> None:
        """What waits, and the sessions; with a number, that session is chosen for d, f and s."""
        board = self.board
        if rest:
            board.list_sessions(on=True)
            if not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1):
                board.list_sessions(on=False)
                self._say("There is no such session; l lists them.")
                return
            self._say("Now d, f and s act on the marked session; Enter alone goes back to the questions.")
        self._say(f"{counted(len(board.items), 'question')} waiting.")
        for number, item in enumerate(board.items[:PAGE_LINES], 1):
            self._print([(Span(f"{number:>3}. "), *item.view.row(self._width - 6, self._now()))])
        self._say(f"{counted(len(board.roster.rows), 'session')}:")
        self._print(console_text.sessions(board, self._width, PAGE_LINES))

    def _mark_read(self, item: Item, *, end: bool) -> None:
        item.read = item.read or (end and self._columns() >= NARROWEST)

    def _say_keys(self, item: Item) -> None:
        keys = question_keys(item.question.offers, read=item.read, release=item.picks is not None)
        self._say(f"Keys: {', '.join(f'{key} {text}'.strip() for key, text in keys)}.")

    def _say_words(self) -> None:
        for line in self.board.words:
            self._say(*line)

    def _say(self, *parts: str | Span) -> None:
        """A paragraph of ours, whose lines fit."""
        spans = [Span(part) if isinstance(part, str) else part for part in parts]
        self._print(wrap(spans, self._width))

    def _print(self, lines: Iterable[Line]) -> None:
        self._out.write("".join(f"{plain(line)}\n" for line in lines))
        self._out.flush()

    @property
    def _width(self) -> int:
        """Cells of a line, which the terminal must not break: it would begin a new one in the middle of a text."""
        return max(NARROWEST, self._columns()) - 1


def _told(row: Row) -> str:
    return ", ".join((console_text.labels(row.status), *marks(row.status)))


def _numbers(words: Sequence[str]) -> tuple[int, int] | None:
    """Calls and minutes, both within what a grant may be."""
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    uses, minutes = map(int, words)
    return (uses, minutes) if 1 <= uses <= MOST_USES and 1 <= minutes <= LONGEST_MINUTES else None
