"""A list that is looked at instead of a question or the sessions: which row, whether it was read, and what can be said
of it. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from rule_of_two.approvals.definition_answer import Verdict
from rule_of_two.approvals.hints import Key
from rule_of_two.approvals.items import Settles, Vouched
from rule_of_two.approvals.spans import Line


class Row(Protocol):
    """What one key settles."""

    @property
    def key(self) -> Hashable:
        """What it is known by."""


R = TypeVar("R", bound=Row)


class Aside(ABC, Generic[R]):
    """The rows of all gateways, and the one that is chosen. ``open``: it is on screen as a whole."""

    letter: ClassVar[str]
    """The key that shows the list, and leaves it."""
    what: ClassVar[str]
    """What the list is of."""
    settling: ClassVar[tuple[Key, ...]]
    """The keys that say something of a row."""
    can_refuse: ClassVar[bool]
    elsewhere: ClassVar[str]
    """What there is to say of such a key where the list is not on screen."""
    read_first: ClassVar[str]
    sending: ClassVar[str]

    def __init__(self) -> None:
        self.rows: tuple[R, ...] = ()
        self.open = False
        self.read: set[Hashable] = set()
        """Rows whose end has been on screen."""
        self.sent: set[Hashable] = set()
        """Rows that something was said of, and no gateway has taken or refused it yet."""
        self._chosen: Hashable | None = None

    @property
    def chosen(self) -> R | None:
        """The first one until another was chosen, or when that one is gone."""
        return next((row for row in self.rows if row.key == self._chosen), self.rows[0] if self.rows else None)

    @property
    @abstractmethod
    def summary(self) -> str:
        """How much there is, for the line of keys."""

    @abstractmethod
    def detach(self, gateway: str) -> None:
        """A gateway is gone, with its rows."""

    @abstractmethod
    def list_lines(self, width: int, now: datetime) -> tuple[list[Line], int]:
        """The list, and the index of the line of the chosen row."""

    @abstractmethod
    def row_lines(self, row: R, width: int, now: datetime) -> list[Line]:
        """A row as a whole. Its end is the last line."""

    @abstractmethod
    def confirmation(self, row: R, verdict: Verdict) -> Line:
        """What a second key would do."""

    @abstractmethod
    def deed(self, row: R, verdict: Verdict) -> Settles | Vouched:
        """What it does."""

    def show(self, *, text: bool) -> None:
        """Show the chosen row as a whole, or the list."""
        self._chosen = self._chosen if self.chosen is None else self.chosen.key
        self.open = text and self.chosen is not None

    def step(self, step: int) -> None:
        """Choose the next (1) or previous (-1) row, and no further than the ends."""
        if self.chosen is not None:
            self.choose(min(max(self.rows.index(self.chosen) + step, 0), len(self.rows) - 1))

    def choose(self, place: int) -> bool:
        """Choose the row at ``place`` (from 0). ``False``: there is none."""
        if not 0 <= place < len(self.rows):
            return False
        self._chosen = self.rows[place].key
        return True

    def seen(self) -> None:
        """The end of the chosen row has been on screen."""
        if self.chosen is not None:
            self.read.add(self.chosen.key)

    def waits_for(self, row: R, verdict: Verdict) -> str | None:
        """Why nothing can be said of the row yet: something was, or it has to be read to its end before a yes."""
        if row.key in self.sent:
            return "Your answer is on its way."
        if verdict is Verdict.ACCEPT and row.key not in self.read:
            return f"{self.read_first}: {'read on' if self.open else 'enter shows it'}."
        return None

    def _list(self, rows: Iterable[R]) -> None:
        """Replace the rows. What a person has chosen, read or answered stays so while it is exactly that."""
        self.rows = tuple(rows)
        keys = {row.key for row in self.rows}
        self.read &= keys
        self.sent &= keys
        self._chosen = self._chosen if self._chosen in keys else None
        self.open = self.open and self._chosen is not None
