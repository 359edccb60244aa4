"""A person at a console: what their keys do is signed and sent to the gateways that it is about."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.board import Board
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import REFUSING, Choice
from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.items import Deed
from rule_of_two.approvals.keypad import Keypad
from rule_of_two.approvals.messages import ToConsole
from rule_of_two.approvals.signer import Signer


def wall() -> datetime:
    """The time of day."""
    return datetime.now().astimezone()


class Seat:
    """One console's, whatever it looks like. ``heard`` is told all that gateways say, and passes it on to the board."""

    def __init__(
        self,
        state: Path,
        signer: Signer,
        heard: Callable[[str, ToConsole | None], None],
        *,
        follows: bool,
        too_small: Callable[[], str],
        now: Callable[[], datetime] = wall,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``too_small`` says why nothing on screen could be read, if that is so; then there is no yes."""
        self.board = Board(follows=follows)
        self.signer = signer
        self.client = DeskClient(state, heard)
        self.now = now
        self._too_small = too_small
        self._monotonic = monotonic
        self._keypad = Keypad(self.board)

    def can_say(self, choice: Choice | Verdict) -> bool:
        """Whether what is on screen could be read, or need not be; else a notice says why."""
        if choice in REFUSING or choice is Verdict.REFUSE or not (why := self._too_small()):
            return True
        self.board.say(why)
        return False

    def press(self, choice: Choice) -> None:
        """A key that answers the question on screen, or is done to the chosen session."""
        if self.can_say(choice):
            self._send(self._keypad.press(choice, at=self._monotonic(), now=self.now()))

    def settle(self, aside: Aside[Any], verdict: Verdict) -> None:
        """A key that says something of the row of ``aside`` that is on screen."""
        if self.can_say(verdict):
            self._send(self._keypad.settle(aside, verdict, at=self._monotonic(), now=self.now()))

    def painted(self, showing: int) -> None:
        """What was ``showing`` when it was drawn is on screen now."""
        self.board.painted(showing, self._monotonic())

    def tick(self) -> None:
        """Look at the clocks."""
        self.board.tick(self._monotonic(), self.now())

    def _send(self, deed: Deed | None) -> None:
        if deed is not None and not self.signer.send(deed, self.client, self.now()):
            self._keypad.not_sent(deed)
