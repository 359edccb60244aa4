"""The console for a screen reader: plain lines, one after the other, and one line of input at a time.

The same board as the full screen's decides what counts. Nothing moves the cursor, nothing is coloured, and no line
begins with a text that is not ours: such lines have a title, a bar or a colon before it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

import anyio

from rule_of_two.approvals import console_text
from rule_of_two.approvals.answer import LONGEST_MINUTES, MOST_USES
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import REFUSING, Choice
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.definition_view import change_lines, row_lines
from rule_of_two.approvals.hints import question_keys
from rule_of_two.approvals.items import Deed, Item
from rule_of_two.approvals.messages import Asked, Changed, GatewayHello, Sessions, ToConsole, Withheld
from rule_of_two.approvals.plain_voice import PAGE_LINES, Voice
from rule_of_two.approvals.render import NARROWEST
from rule_of_two.approvals.roster import Row, marks
from rule_of_two.approvals.sentences import KEY_OF, name
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import Line, Span, Style, clip
from rule_of_two.approvals.typed_lines import typed_lines
from rule_of_two.approvals.withheld_view import review_lines, withheld_lines
from rule_of_two.escape import visible
from rule_of_two.wording import counted

_TICK_SECONDS: Final = 1.0

HELP: Final = (
    "Type a key and Enter: y once, d drop C, g grant (g 5 15: calls and minutes), r rest only, n no, f freeze, "
    "s new session, a arguments (a 3: page 3, a last), i what came back (i 3: item 3, i 3 2: page 2 of it), "
    "m 1 3: mark only these items (m: all), h what was held back (h 2: item 2), e endorse it, w why, "
    "c what servers changed (c 2: item 2, p accepts it, n refuses it), "
    "x leave what is to be confirmed, l list (l 2: session 2), "
    "a number: that question, Enter alone: the question again, q quit."
)
_CHOICES: Final = {key: choice for choice, key in KEY_OF.items()}


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
        self._voice = Voice(out, columns)
        self._now = now
        self._monotonic = monotonic
        self._client = DeskClient(state, self._hear)
        self._sessions: dict[str, str] = {}
        self._leaving = False
        self._deeds: dict[str, Callable[[Sequence[str]], None]] = {
            "a": self._arguments,
            "i": self._items,
            "m": self._mark,
            "h": self._look_back,
            "e": self._endorse,
            "c": self._look_at_changes,
            "p": self._accept,
            "w": self._why,
            "x": self._leave,
            "l": self._list,
        }
        self._shown = False
        """Whether a question was shown since the human's last line: what is half typed may be meant for it, so no
        other one is shown unasked."""

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Attach to all gateways, until ``lines`` end or one of them is q."""
        self._voice.say(f"rule-of-two console, plain lines. Your answers are {self._signer.standing(())}. {HELP}")
        self._voice.say(f"Looking for gateways on {visible(str(self._state))}.")
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
            self._voice.say("Calls are waiting; without a console they are refused. Type q again to leave.")
        elif key in self._deeds:
            self._deeds[key](rest)
        elif key.isdecimal():
            self._choose(int(key) - 1)
        elif not key:
            self._again()
        else:
            self._voice.say(HELP)
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
            self._voice.say(Span("Gateway "), name(gateway), Span(" went away."))
        elif isinstance(message, GatewayHello) and gateway in self.board.roster.tiers:
            worth = self._signer.standing([message.tier])
            self._voice.say(Span("Gateway "), name(gateway), Span(f" is attached. Your answers to it are {worth}."))
        if self.board.notice is not notice and self.board.notice:
            self._voice.say(*self.board.notice)
        if message is None or isinstance(message, Sessions):
            self._say_sessions()
        for note in self._notes(self.board.selected):
            if note not in known:
                self._voice.say("Note: ", *note)
        if shown is not None and self.board.selected is None and self.board.items:
            self._voice.say(f"{counted(len(self.board.items), 'question')} waiting. Enter reads out the first.")
        if isinstance(message, Changed) and message.changes.changes:
            told = counted(len(message.changes.changes) + message.changes.more, "definition")
            server = name(message.changes.server)
            self._voice.say("The server ", server, f" offers {told} that nobody accepted so. Type c and Enter.")
        if isinstance(message, Withheld):
            told = counted(len(message.items), "item")
            self._voice.say(f"{told} of a result held back by policy. Type h and Enter to have the list read out.")
        if new and isinstance(message, Asked):
            self._announce(next(item for item in self.board.items if item.question is message.question))

    def _announce(self, item: Item) -> None:
        place = self.board.items.index(item)
        if self.board.selected is None and not self._is_hidden and not self._shown:
            self._choose(place)
            return
        what = Span(clip(f"{item.question.upstream} · {item.question.name}", 60), Style.QUOTED)
        self._voice.say(
            Span("Another question waits, about "), what, Span(f". Type {place + 1} and Enter to have it read out.")
        )

    def _notes(self, item: Item | None) -> list[Line]:
        return [] if item is None else console_text.notes(item, self.board, self._signer)

    def _say_sessions(self) -> None:
        """The sessions that are new or have changed, and those that are gone."""
        before = self._sessions
        self._sessions = {row.status.id: _told(row) for row in self.board.roster.rows}
        for session in before.keys() - self._sessions.keys():
            self._voice.say(Span("Session "), name(session), Span(" has ended."))
        for row in self.board.roster.rows:
            told = self._sessions[row.status.id]
            if before.get(row.status.id) != told:
                by = (name(row.status.id), Span(" of "), name(row.status.client))
                self._voice.say(Span("Session "), *by, Span(f" holds {told}."))

    def _press(self, choice: Choice, rest: Sequence[str]) -> None:
        if not self._voice.is_wide and choice not in REFUSING:
            self._voice.say(f"Make the terminal at least {NARROWEST} wide.")
            return
        terms = self.board.terms
        wanted = _numbers(rest)
        if rest and (choice is not Choice.GRANT or wanted is None):
            self._voice.say(
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
            self._voice.lines(self.board.selected.view.terms(self.board.terms, self._voice.width))
            self._voice.say("g with two numbers changes calls and minutes; x leaves.")
            self.board.terms_read = True

    def _choose(self, place: int) -> None:
        self.board.list_sessions(on=False)
        if self.board.choose(place):
            self._again()
        else:
            self._voice.say(f"There is no question {place + 1}; {counted(len(self.board.items), 'question')} wait.")

    def _again(self) -> None:
        """The whole question, from its beginning; the first one where none is shown."""
        board, now = self.board, self._now()
        board.list_sessions(on=False)
        if board.selected is None and not board.choose(0):
            self._voice.say("No question waits.")
            return
        item = board.selected
        if item is None:
            return
        board.leave()
        page = item.view.page(self._voice.width, now, argument_lines=PAGE_LINES, notes=self._notes(item))
        place = f"Question {board.items.index(item) + 1} of {len(board.items)}, from gateway "
        self._voice.say(Span(place), name(item.gateway), Span(":"))
        self._voice.lines(page.lines)
        self._voice.turn_back()
        self._mark_read(item, end=page.arguments_end is not None)
        self._say_keys(item)
        self._shown = True
        board.painted(board.showing, self._monotonic())

    def _arguments(self, rest: Sequence[str]) -> None:
        """The next page of the arguments, or the one that is named."""
        item = self.board.selected
        if item is None or self._is_hidden:
            self._voice.say("No question is shown.")
            return
        lines = item.view.arguments(self._voice.width)
        end = self._voice.page(lines, "the arguments", rest[0] if rest else None)
        if end is None:
            return
        self._mark_read(item, end=end and item.picks is None)
        self._voice.say("That was the last page." if end else "a goes on; a last is the last page.")
        if end:
            self._say_keys(item)

    @property
    def _is_hidden(self) -> bool:
        """Whether keys act on something else than the question."""
        return self.board.listing or self.board.aside is not None

    def _items(self, rest: Sequence[str]) -> None:
        """The next page of the list of what came back, or an item of it."""
        item = self.board.selected
        if item is None or self._is_hidden:
            self._voice.say("No question is shown.")
        elif item.picks is None:
            self._voice.say("Nothing has come back: this call was not sent.")
        elif rest and rest[0].isdecimal():
            if not item.picks.choose(int(rest[0]) - 1):
                self._voice.say(f"There is no such item; {counted(len(item.picks.items), 'item')} came back.")
                return
            page = rest[1] if len(rest) > 1 else None
            what = f"item {item.picks.place + 1:,} and its text"
            if self._voice.page(item.view.item(item.picks, self._voice.width), what, page) is False:
                self._voice.say(f"i {rest[0]} goes on; i {rest[0]} last is the last page.")
        else:
            lines, _ = item.view.items(item.picks, self._voice.width)
            end = self._voice.page(lines, "the list of what came back", "last" if rest == ["last"] else None)
            self._mark_read(item, end=bool(end))
            self._voice.say("That was the last page." if end else "i goes on; i last is the last page.")
            if end:
                self._say_keys(item)

    def _mark(self, rest: Sequence[str]) -> None:
        """Which items a yes lets in."""
        item = self.board.selected
        if item is None or self._is_hidden or item.picks is None:
            self._voice.say("Nothing that came back is shown.")
        elif not all(word.isdecimal() for word in rest):
            self._voice.say("m takes numbers of items, as in m 1 3; m alone marks all.")
        else:
            asking = range(len(item.picks.asking))
            self.board.mark(only={int(word) - 1 for word in rest} if rest else set(asking))
            self._say_words()

    def _look_back(self, rest: Sequence[str]) -> None:
        """What was held back, or an item of it."""
        board, width = self.board, self._voice.width
        board.look_back(on=True, text=bool(rest))
        if not rest:
            lines, _ = review_lines(board.review, width, self._now())
            self._voice.page(lines, "the list of what was held back", None)
            self._voice.say("h with a number reads out an item; Enter alone goes back to the questions.")
        elif not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1) or board.review.chosen is None:
            board.look_back(on=True)
            self._voice.say(f"There is no such item; {counted(len(board.review.rows), 'item')} were held back.")
        else:
            kept = board.review.chosen
            what = f"item {int(rest[0]):,} that was held back"
            lines = withheld_lines(kept.withheld, width, self._now())
            end = self._voice.page(lines, what, rest[1] if len(rest) > 1 else None)
            if end is False:
                self._voice.say(f"h {rest[0]} goes on; h {rest[0]} last is the last page.")
            if end and self._voice.is_wide:
                board.review.read.add(kept.key)
                self._voice.say("That was all of it. e endorses it.")

    def _look_at_changes(self, rest: Sequence[str]) -> None:
        """What servers changed, or a row of it."""
        board, width = self.board, self._voice.width
        board.look_at_changes(on=True, text=bool(rest))
        if not rest:
            lines, _ = change_lines(board.changes, width)
            self._voice.page(lines, "the list of what servers changed", None)
            self._voice.say("c with a number reads out an item; Enter alone goes back to the questions.")
        elif not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1) or board.changes.chosen is None:
            board.look_at_changes(on=True)
            self._voice.say(f"There is no such item; the list has {counted(len(board.changes.rows), 'item')}.")
        else:
            row = board.changes.chosen
            lines = row_lines(row, width)
            end = self._voice.page(lines, f"item {int(rest[0]):,} of what changed", rest[1] if len(rest) > 1 else None)
            if end is False:
                self._voice.say(f"c {rest[0]} goes on; c {rest[0]} last is the last page.")
            if end and self._voice.is_wide:
                board.changes.read.add(row.key)
                self._voice.say("That was all of it. p accepts it, n refuses it.")

    def _accept(self, _: Sequence[str]) -> None:
        if not self._voice.is_wide:
            self._voice.say(f"Make the terminal at least {NARROWEST} wide.")
            return
        self._send(self.board.settle(Verdict.ACCEPT, at=self._monotonic(), now=self._now()))
        self._say_words()

    def _leave(self, _: Sequence[str]) -> None:
        self.board.leave()
        self._say_words()

    def _endorse(self, _: Sequence[str]) -> None:
        if not self._voice.is_wide:
            self._voice.say(f"Make the terminal at least {NARROWEST} wide.")
            return
        self._send(self.board.endorse(at=self._monotonic(), now=self._now()))
        self._say_words()

    def _send(self, deed: Deed | None) -> None:
        if deed is not None and not self._signer.send(deed, self._client, self._now()):
            self.board.not_sent(deed)

    def _why(self, _: Sequence[str]) -> None:
        item = self.board.selected
        if item is None or self._is_hidden:
            self._voice.say("No question is shown.")
        else:
            self._voice.lines(item.view.why(self._voice.width, self._now()))

    def _list(self, rest: Sequence[str]) -> None:
        """What waits, and the sessions; with a number, that session is chosen for d, f and s."""
        board = self.board
        if rest:
            board.list_sessions(on=True)
            if not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1):
                board.list_sessions(on=False)
                self._voice.say("There is no such session; l lists them.")
                return
            self._voice.say("Now d, f and s act on the marked session; Enter alone goes back to the questions.")
        self._voice.say(f"{counted(len(board.items), 'question')} waiting.")
        for number, item in enumerate(board.items[:PAGE_LINES], 1):
            self._voice.lines([(Span(f"{number:>3}. "), *item.view.row(self._voice.width - 6, self._now()))])
        self._voice.say(f"{counted(len(board.roster.rows), 'session')}:")
        self._voice.lines(console_text.sessions(board, self._voice.width, PAGE_LINES))

    def _mark_read(self, item: Item, *, end: bool) -> None:
        item.read = item.read or (end and self._voice.is_wide)

    def _say_keys(self, item: Item) -> None:
        keys = question_keys(item.question.offers, read=item.read, release=item.picks is not None)
        self._voice.say(f"Keys: {', '.join(f'{key} {text}'.strip() for key, text in keys)}.")

    def _say_words(self) -> None:
        for line in self.board.words:
            self._voice.say(*line)


def _told(row: Row) -> str:
    return ", ".join((console_text.labels(row.status), *marks(row.status)))


def _numbers(words: Sequence[str]) -> tuple[int, int] | None:
    """Calls and minutes, both within what a grant may be."""
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    uses, minutes = map(int, words)
    return (uses, minutes) if 1 <= uses <= MOST_USES and 1 <= minutes <= LONGEST_MINUTES else None
