"""The changed definitions of all gateways as a console looks at them: which one, and whether it was read. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rule_of_two.approvals.changes import DefinitionChange, ServerChanges
from rule_of_two.approvals.definition_answer import DefinitionSubject
from rule_of_two.approvals.messages import Changed, Settled


@dataclass(frozen=True)
class ChangeRow:
    """What one key settles: one change of a server, or all that it has (``whole``)."""

    gateway: str
    of: ServerChanges
    changes: tuple[DefinitionChange, ...]
    whole: bool

    @property
    def subjects(self) -> tuple[DefinitionSubject, ...]:
        """What answers to it are about."""
        return tuple(self.of.subject(one) for one in self.changes)

    @property
    def key(self) -> tuple[object, ...]:
        """What it is known by: by another one as soon as anything in it changes."""
        return self.gateway, self.whole, self.subjects


class ChangeList:
    """What waits, by server. ``open``: the chosen row is on screen as a whole."""

    def __init__(self) -> None:
        self.rows: tuple[ChangeRow, ...] = ()
        self.open = False
        self.read: set[tuple[object, ...]] = set()
        """Rows the end of whose changes has been on screen."""
        self.sent: set[tuple[object, ...]] = set()
        """Rows that an answer was sent to."""
        self._waiting: dict[tuple[str, str], ServerChanges] = {}
        self._chosen: tuple[object, ...] | None = None

    @property
    def count(self) -> int:
        """Changes that wait, those that follow included."""
        return sum(len(row.changes) for row in self.rows if not row.whole) + sum(one.more for one in self._distinct())

    @property
    def chosen(self) -> ChangeRow | None:
        """The first one until another was chosen, or when that one is gone."""
        return next((row for row in self.rows if row.key == self._chosen), self.rows[0] if self.rows else None)

    def show(self, *, text: bool) -> None:
        """Show the chosen row's changes, or the list."""
        self._chosen = self._chosen if self.chosen is None else self.chosen.key
        self.open = text and self.chosen is not None

    def hear(self, gateway: str, message: Changed | Settled) -> None:
        """What waits of a server, instead of what did; or one change was settled."""
        if isinstance(message, Changed):
            self._waiting[gateway, message.changes.upstream] = message.changes
        else:
            # Every gateway on that state has the same of it.
            self._waiting = {key: one.without(message.subject) for key, one in self._waiting.items()}
        self._list()

    def detach(self, gateway: str) -> None:
        """A gateway is gone, with what waited there."""
        self._waiting = {key: one for key, one in self._waiting.items() if key[0] != gateway}
        self._list()

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

    def _distinct(self) -> Iterator[ServerChanges]:
        """Each server once: gateways on one state have the same of it."""
        seen: set[tuple[str, str]] = set()
        for one in self._waiting.values():
            if one.changes and (one.state, one.upstream) not in seen:
                seen.add((one.state, one.upstream))
                yield one

    def _list(self) -> None:
        """What a person has chosen stays so while it is exactly that."""
        self._waiting = {key: one for key, one in self._waiting.items() if one.changes}
        gateway_of = {id(one): key[0] for key, one in self._waiting.items()}
        rows: list[ChangeRow] = []
        for one in sorted(self._distinct(), key=lambda one: (one.server, one.upstream)):
            gateway = gateway_of[id(one)]
            if len(one.changes) > 1:
                rows.append(ChangeRow(gateway, one, one.changes, whole=True))
            rows += [ChangeRow(gateway, one, (change,), whole=False) for change in one.changes]
        self.rows = tuple(rows)
        keys = {row.key for row in self.rows}
        self.read &= keys
        self.sent &= keys
        self._chosen = self._chosen if self._chosen in keys else None
        self.open = self.open and self._chosen is not None
