"""The demo as a console: attached to the gateway's desk over the same channel, showing the same question.

The answer is a key of the person's at the terminal, or a scripted one. Nothing else of the demo can approve a call.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from rule_of_two.approvals.board import Board
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.hints import keys_lines, question_keys
from rule_of_two.approvals.items import Item, Said
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import GatewayHello, ToConsole
from rule_of_two.approvals.question_list import Face
from rule_of_two.approvals.signer import Signer
from rule_of_two.approvals.spans import BLANK, Line, Span, wrap
from rule_of_two.demo.keyboard import Keyboard
from rule_of_two.demo.lines import heading
from rule_of_two.demo.screen import Screen

SCRIPT: Final = "demo script"
"""Who a scripted answer says it is from."""

_FEWEST_ARGUMENT_LINES: Final = 4
_CHOICES: Final = {"y": Choice.YES, "n": Choice.NO}
_FACES: Final = {"a": Face.ARGUMENTS, "w": Face.WHY, "i": Face.ITEMS}


def _wall() -> datetime:
    return datetime.now().astimezone()


class Approver:
    """Puts the gateways' questions on ``screen``. Answers them as ``scripted``, else as ``keyboard`` says."""

    def __init__(
        self,
        state: Path,
        screen: Screen,
        keyboard: Keyboard | None,
        scripted: Choice | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _wall,
    ) -> None:
        self.asked = 0
        """How many questions came."""
        self.choice: Choice | None = None
        """The last answer that was given; ``None``: none was, so the calls were refused."""
        self._screen = screen
        self._keyboard = keyboard if scripted is None else None
        self._scripted = scripted or Choice.NO
        self.person = "you" if self._keyboard else f"a script that answers {self._scripted}"
        """Who is asked, for the story to tell."""
        self._monotonic = monotonic
        self._now = now
        self._board = Board()
        self._keypad = Keypad(self._board)
        self._client = DeskClient(state, self._hear)
        self._gateways: set[str] = set()
        self._heard = anyio.Event()

    async def run(self) -> None:
        """Stay attached to every gateway, until cancelled."""
        await self._client.run()

    async def attached(self) -> None:
        """Wait until a gateway knows that somebody is there to be asked."""
        await self._until(lambda: bool(self._gateways))

    async def alone(self) -> None:
        """Wait until the last gateway is gone."""
        await self._until(lambda: not self._gateways)

    async def answer(self, title: str) -> None:
        """Put each question on a page of that title, and answer it; until cancelled."""
        while True:
            await self._until(lambda: self._board.selected is not None)
            item = self._board.selected
            if item is not None:
                if self._keyboard is not None:
                    self._keyboard.forget()
                self._draw(item, title)
                await (self._by_script(item) if self._keyboard is None else self._by_key(item, title, self._keyboard))
                await self._until(partial(self._is_over, item))

    def _is_over(self, item: Item) -> bool:
        """Whether the question is gone, or waits again since its answer was not accepted."""
        return self._board.selected is not item or item.sent is None

    async def _by_script(self, item: Item) -> None:
        await self._screen.pause()
        item.sent = self._scripted
        self._send(Said(item, self._scripted), SCRIPT)

    async def _by_key(self, item: Item, title: str, keyboard: Keyboard) -> None:
        """Take keys until one is an answer. As in the console, none counts before the question could be read."""
        self._board.painted(self._board.showing, self._monotonic())
        while item.sent is None:
            key = await keyboard.key()
            if key in _CHOICES:
                said = self._keypad.press(_CHOICES[key], at=self._monotonic(), now=self._now())
                if isinstance(said, Said):
                    self._send(said, _user())
                self._screen.show(_notice(self._board.notice, self._screen.width))
            elif key in _FACES:
                self._board.turn(_FACES[key])
                self._draw(item, title)

    def _send(self, said: Said, approver: str) -> None:
        self.choice = said.choice
        if not Signer(approver).send(said, self._client, self._now()):
            self._keypad.not_sent(said)

    def _draw(self, item: Item, title: str) -> None:
        """The side of the question that is turned up, as the console lays it out."""
        width, now, head = self._screen.width, self._now(), heading(title)
        self._screen.turn()
        if self._board.face is Face.WHY:
            head, lines, whole = (), item.view.why(width, now), False  # long: it has a sentence of its own on top
        elif self._board.face is Face.ITEMS and item.picks is not None:
            lines, whole = item.view.items(item.picks, width)[0], True
        elif self._board.face is Face.ARGUMENTS:
            lines, whole = item.view.arguments(width), item.picks is None
        else:
            page = item.view.page(width, now, argument_lines=self._room(item, width, now))
            lines, whole = page.lines, page.arguments_end is not None
        item.read = item.read or whole
        self._screen.show((*head, *lines, *self._keys(item, width)))

    def _room(self, item: Item, width: int, now: datetime) -> int | None:
        """Lines for the arguments; all that they need where nothing is cut off by a page."""
        if self._screen.height is None:
            return None
        besides = len(item.view.page(width, now, argument_lines=1).lines) - 1 + len(self._keys(item, width))
        return max(_FEWEST_ARGUMENT_LINES, self._screen.height - besides - len(heading("")))

    def _keys(self, item: Item, width: int) -> list[Line]:
        """Those of the console that this one has; the key of this side leads back. One leaves with Ctrl-C."""
        back = {Face.ARGUMENTS: "a", Face.WHY: "w", Face.ITEMS: "i"}.get(self._board.face)
        offers = [choice for choice in item.question.offers if choice in _CHOICES.values()]
        keys = [key for key in question_keys(offers, read=item.read, release=item.picks is not None) if key[0] != "q"]
        return keys_lines([(key, "back" if key and key == back else text) for key, text in keys], width)

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        if message is None:
            self._gateways.discard(gateway)
        elif isinstance(message, GatewayHello):
            self._gateways.add(gateway)
        self.asked += self._board.hear(gateway, message)
        self._heard.set()
        self._heard = anyio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._heard.wait()


def _notice(notice: Line, width: int) -> Iterator[Line]:
    yield BLANK
    yield from ((Span(" "), *line) for line in wrap(notice, width - 2))


def _user() -> str:
    """The name of this user, as a claim: an unsigned answer proves nobody."""
    try:
        return getpass.getuser()[:100] or "unknown"
    except (OSError, KeyError):
        return "unknown"
