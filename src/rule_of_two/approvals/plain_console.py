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
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

import anyio

from rule_of_two.approvals.answer import LONGEST_MINUTES, MOST_USES
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.messages import ToConsole
from rule_of_two.approvals.plain_news import News
from rule_of_two.approvals.plain_reader import Reader
from rule_of_two.approvals.plain_voice import Voice
from rule_of_two.approvals.render import NARROWEST
from rule_of_two.approvals.seat import Seat, wall
from rule_of_two.approvals.sentences import KEY_OF
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.typed_lines import typed_lines
from rule_of_two.escape import visible

_TICK_SECONDS: Final = 1.0

HELP: Final = (
    "Type a key and Enter: y once, d drop C, g grant (g 5 15: calls and minutes), r rest only, n no, f freeze, "
    "s new session, a arguments (a 3: page 3, a last), i what came back (i 3: item 3, i 3 2: page 2 of it), "
    "m 1 3: mark only these items (m: all), h what was held back (h 2: item 2), e endorse it, w why, "
    "c what servers changed (c 2: item 2, p accepts it, n refuses it), "
    "x leave what is to be confirmed, l list (l 2: session 2), "
    "a number: that question, Enter alone: the question again, q quit."
)


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
        now: Callable[[], datetime] = wall,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._voice = Voice(out, columns)
        self._seat = Seat(
            state, signer, self._hear, follows=False, too_small=self._too_small, now=now, monotonic=monotonic
        )
        self.board = self._seat.board
        self._state = state
        self._reader = Reader(self._seat, self._voice)
        self._news = News(self._seat, self._voice, self._reader)
        self._leaving = False
        self._deeds: dict[str, Callable[[Sequence[str]], None]] = {
            **{key: partial(self._press, choice) for choice, key in KEY_OF.items()},
            **{letter: partial(self._reader.aside, aside) for letter, aside in self.board.asides.items()},
            "e": partial(self._accept, self.board.review),
            "p": partial(self._accept, self.board.changes),
            "a": self._reader.arguments,
            "i": self._reader.items,
            "m": self._mark,
            "w": self._reader.why,
            "x": self._leave,
            "l": self._reader.sessions,
        }

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Attach to all gateways, until ``lines`` end or one of them is q."""
        self._voice.say(f"rule-of-two console, plain lines. Your answers are {self._seat.signer.standing(())}. {HELP}")
        self._voice.say(f"Looking for gateways on {visible(str(self._state))}.")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._seat.client.run)
            tasks.start_soon(self._watch_clocks)
            async for line in lines:
                if not self.typed(line):
                    break
            tasks.cancel_scope.cancel()

    def typed(self, line: str) -> bool:
        """Do what the human typed. ``False``: they leave."""
        key, *rest = line.split() or [""]
        key = key.lower()
        self._reader.has_shown = False
        leaving, self._leaving = self._leaving, False
        if key == "q":
            if leaving or not self.board.items:
                return False
            self._leaving = True
            self._voice.say("Calls are waiting; without a console they are refused. Type q again to leave.")
        elif key in self._deeds:
            self._deeds[key](rest)
        elif key.isdecimal():
            self._reader.choose(int(key) - 1)
        elif not key:
            self._reader.question()
        else:
            self._voice.say(HELP)
        self._seat.painted(self.board.showing)
        return True

    async def _watch_clocks(self) -> None:
        while True:
            notice = self.board.notice
            self._seat.tick()
            if self.board.notice is not notice:
                self._reader.words()
                self._seat.painted(self.board.showing)
            await anyio.sleep(_TICK_SECONDS)

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        self._news.hear(gateway, message)

    def _too_small(self) -> str:
        return "" if self._voice.is_wide else f"Make the terminal at least {NARROWEST} wide."

    def _press(self, choice: Choice, rest: Sequence[str]) -> None:
        if not self._seat.can_say(choice):
            self._reader.words()
            return
        terms = self.board.confirmation.terms
        wanted = _numbers(rest)
        if rest and (choice is not Choice.GRANT or wanted is None):
            self._voice.say(
                f"Only g has numbers: calls (1 to {MOST_USES}) and minutes (1 to {LONGEST_MINUTES}), as in g 5 15."
            )
            return
        if wanted is None or terms is None:
            self._seat.press(choice)
        now = self.board.confirmation.terms
        if wanted is not None and now is not None:
            uses, minutes = wanted
            self.board.confirmation.adjust(uses=uses - now.uses, minutes=minutes - now.minutes)
        now = self.board.confirmation.terms
        if now is not None and now is not terms:
            self._reader.terms()
        self._reader.words()

    def _accept(self, aside: Aside[Any], _: Sequence[str]) -> None:
        self._seat.settle(aside, Verdict.ACCEPT)
        self._reader.words()

    def _mark(self, rest: Sequence[str]) -> None:
        """Which items a yes lets in."""
        item = self.board.shown
        if item is None or item.picks is None:
            self._voice.say("Nothing that came back is shown.")
        elif not all(word.isdecimal() for word in rest):
            self._voice.say("m takes numbers of items, as in m 1 3; m alone marks all.")
        else:
            asking = range(len(item.picks.asking))
            self.board.mark(only={int(word) - 1 for word in rest} if rest else set(asking))
            self._reader.words()

    def _leave(self, _: Sequence[str]) -> None:
        self.board.leave()
        self._reader.words()


def _numbers(words: Sequence[str]) -> tuple[int, int] | None:
    """Calls and minutes, both within what a grant may be."""
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    uses, minutes = map(int, words)
    return (uses, minutes) if 1 <= uses <= MOST_USES and 1 <= minutes <= LONGEST_MINUTES else None
