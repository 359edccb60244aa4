"""The changed definitions of all gateways as a console looks at them. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rule_of_two.approvals import sentences
from rule_of_two.approvals.aside import Aside
from rule_of_two.approvals.changes import DefinitionChange, ServerChanges
from rule_of_two.approvals.definition_answer import DefinitionSubject, Verdict
from rule_of_two.approvals.definition_view import change_lines, row_lines
from rule_of_two.approvals.items import Settles
from rule_of_two.approvals.messages import Changed, Settled
from rule_of_two.approvals.spans import Line


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


class ChangeList(Aside[ChangeRow]):
    """What waits, by server."""

    letter = "c"
    what = "what servers changed"
    settling = (("p", "accept"), ("n", "refuse"))
    can_refuse = True
    elsewhere = "This key accepts a changed definition: c shows what servers changed."
    read_first = "Read what changed to its end first"
    sending = "Sending your answer."

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[tuple[str, str], ServerChanges] = {}

    @property
    def count(self) -> int:
        """Changes that wait, those that follow included."""
        return sum(len(row.changes) for row in self.rows if not row.whole) + sum(one.more for one in self._distinct())

    @property
    def summary(self) -> str:
        """How many changes."""
        return f"{self.count:,} changed"

    def hear(self, gateway: str, message: Changed | Settled) -> None:
        """What waits of a server, instead of what did; or one change was settled."""
        if isinstance(message, Changed):
            self._waiting[gateway, message.changes.upstream] = message.changes
        else:
            # Every gateway on that state has the same of it.
            self._waiting = {key: one.without(message.subject) for key, one in self._waiting.items()}
        self._sort()

    def detach(self, gateway: str) -> None:
        """A gateway is gone, with what waited there."""
        self._waiting = {key: one for key, one in self._waiting.items() if key[0] != gateway}
        self._sort()

    def list_lines(self, width: int, now: datetime) -> tuple[list[Line], int]:  # it has no times
        """All changes in short."""
        return change_lines(self, width)

    def row_lines(self, row: ChangeRow, width: int, now: datetime) -> list[Line]:  # as above
        """All of what one row is about."""
        return row_lines(row, width)

    def confirmation(self, row: ChangeRow, verdict: Verdict) -> Line:
        """What a second key would accept or refuse."""
        return sentences.settling(row, verdict)

    def deed(self, row: ChangeRow, verdict: Verdict) -> Settles:
        """An answer to each change of the row."""
        return Settles(row, verdict)

    def _distinct(self) -> Iterator[ServerChanges]:
        """Each server once: gateways on one state have the same of it."""
        seen: set[tuple[str, str]] = set()
        for one in self._waiting.values():
            if one.changes and (one.state, one.upstream) not in seen:
                seen.add((one.state, one.upstream))
                yield one

    def _sort(self) -> None:
        self._waiting = {key: one for key, one in self._waiting.items() if one.changes}
        gateway_of = {id(one): key[0] for key, one in self._waiting.items()}
        rows: list[ChangeRow] = []
        for one in sorted(self._distinct(), key=lambda one: (one.server, one.upstream)):
            gateway = gateway_of[id(one)]
            if len(one.changes) > 1:
                rows.append(ChangeRow(gateway, one, one.changes, whole=True))
            rows += [ChangeRow(gateway, one, (change,), whole=False) for change in one.changes]
        self._list(rows)
