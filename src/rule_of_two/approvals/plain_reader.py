"""Reads out what is on the board, in plain lines: a question from each side, what came back, and the lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rule_of_two.approvals import console_text
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.hints import question_keys
from rule_of_two.approvals.items import Item
from rule_of_two.approvals.plain_voice import PAGE_LINES, Voice
from rule_of_two.approvals.seat import Seat
from rule_of_two.approvals.sentences import name
from rule_of_two.approvals.spans import Line, Span
from rule_of_two.wording import counted


class Reader:
    """Speaks with ``voice`` of what is on the board of ``seat``. ``rest``: what was typed behind a key."""

    def __init__(self, seat: Seat, voice: Voice) -> None:
        self._seat = seat
        self._board = seat.board
        self._voice = voice
        self.has_shown = False
        """Whether a question was shown since the human's last line: what is half typed may be meant for it, so no
        other one is shown unasked."""

    @property
    def is_question_hidden(self) -> bool:
        """Whether keys act on something else than the question."""
        return self._board.listing or self._board.aside is not None

    def words(self) -> None:
        """What is to be confirmed, and the newest notice."""
        for line in self._board.words:
            self._voice.say(*line)

    def notes(self, item: Item | None) -> list[Line]:
        """What else there is to know of a question."""
        return [] if item is None else console_text.notes(item, self._board, self._seat.signer)

    def choose(self, place: int) -> None:
        """The question at ``place`` (from 0)."""
        self._board.list_sessions(on=False)
        if self._board.choose(place):
            self.question()
        else:
            self._voice.say(f"There is no question {place + 1}; {counted(len(self._board.items), 'question')} wait.")

    def question(self) -> None:
        """The whole question, from its beginning; the first one where none is shown."""
        board = self._board
        board.list_sessions(on=False)
        if board.selected is None and not board.choose(0):
            self._voice.say("No question waits.")
            return
        item = board.selected
        if item is None:
            return
        board.leave()
        page = item.view.page(self._voice.width, self._seat.now(), argument_lines=PAGE_LINES, notes=self.notes(item))
        place = f"Question {board.items.index(item) + 1} of {len(board.items)}, from gateway "
        self._voice.say(Span(place), name(item.gateway), Span(":"))
        self._voice.lines(page.lines)
        self._voice.turn_back()
        self._mark_read(item, end=page.arguments_end is not None)
        self._keys(item)
        self.has_shown = True
        self._seat.painted(board.showing)

    def arguments(self, rest: Sequence[str]) -> None:
        """The next page of the arguments, or the one that is named."""
        item = self._shown_question()
        if item is None:
            return
        lines = item.view.arguments(self._voice.width)
        end = self._voice.page(lines, "the arguments", rest[0] if rest else None)
        if end is None:
            return
        self._mark_read(item, end=end and item.picks is None)
        self._voice.say("That was the last page." if end else "a goes on; a last is the last page.")
        if end:
            self._keys(item)

    def items(self, rest: Sequence[str]) -> None:
        """The next page of the list of what came back, or an item of it."""
        item = self._shown_question()
        if item is None:
            return
        if item.picks is None:
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
                self._keys(item)

    def why(self, _: Sequence[str]) -> None:
        """Why it is asked."""
        item = self._shown_question()
        if item is not None:
            self._voice.lines(item.view.why(self._voice.width, self._seat.now()))

    def terms(self) -> None:
        """The terms of the grant that a second key would sign."""
        terms = self._board.confirmation.terms
        if self._board.selected is not None and terms is not None:
            self._voice.lines(self._board.selected.view.terms(terms, self._voice.width))
            self._voice.say("g with two numbers changes calls and minutes; x leaves.")
            self._board.confirmation.terms_read = True

    def aside(self, aside: Aside[Any], rest: Sequence[str]) -> None:
        """One of the lists, or a row of it."""
        board, width, now, key = self._board, self._voice.width, self._seat.now(), aside.letter
        board.look_at(aside, on=True, text=bool(rest))
        if not rest:
            lines, _ = aside.list_lines(width, now)
            self._voice.page(lines, f"the list of {aside.what}", None)
            self._voice.say(f"{key} with a number reads out an item; Enter alone goes back to the questions.")
        elif not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1) or aside.chosen is None:
            board.look_at(aside, on=True)
            self._voice.say(f"There is no such item; the list has {counted(len(aside.rows), 'item')}.")
        else:
            lines = aside.row_lines(aside.chosen, width, now)
            what = f"item {int(rest[0]):,} of {aside.what}"
            end = self._voice.page(lines, what, rest[1] if len(rest) > 1 else None)
            if end is False:
                self._voice.say(f"{key} {rest[0]} goes on; {key} {rest[0]} last is the last page.")
            if end and self._voice.is_wide:
                aside.seen()
                keys = ", ".join(f"{key} {deed}s it" for key, deed in aside.settling)
                self._voice.say(f"That was all of it. {keys}.")

    def sessions(self, rest: Sequence[str]) -> None:
        """What waits, and the sessions; with a number, that session is chosen for d, f and s."""
        board = self._board
        if rest:
            board.list_sessions(on=True)
            if not rest[0].isdecimal() or not board.choose(int(rest[0]) - 1):
                board.list_sessions(on=False)
                self._voice.say("There is no such session; l lists them.")
                return
            self._voice.say("Now d, f and s act on the marked session; Enter alone goes back to the questions.")
        self._voice.say(f"{counted(len(board.items), 'question')} waiting.")
        for number, item in enumerate(board.items[:PAGE_LINES], 1):
            self._voice.lines([(Span(f"{number:>3}. "), *item.view.row(self._voice.width - 6, self._seat.now()))])
        self._voice.say(f"{counted(len(board.roster.rows), 'session')}:")
        self._voice.lines(console_text.sessions(board, self._voice.width, PAGE_LINES))

    def _shown_question(self) -> Item | None:
        """The question that keys act on; says so where there is none."""
        if self._board.selected is None or self.is_question_hidden:
            self._voice.say("No question is shown.")
            return None
        return self._board.selected

    def _mark_read(self, item: Item, *, end: bool) -> None:
        item.read = item.read or (end and self._voice.is_wide)

    def _keys(self, item: Item) -> None:
        keys = question_keys(item.question.offers, read=item.read, release=item.picks is not None)
        self._voice.say(f"Keys: {', '.join(f'{key} {text}'.strip() for key, text in keys)}.")
