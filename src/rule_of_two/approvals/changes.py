"""What a server offers and nobody accepted so: as a person is shown it, one definition at a time. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pydantic import ConfigDict

from rule_of_two.approvals.definition_answer import DefinitionSubject
from rule_of_two.approvals.definition_diff import Difference, differences
from rule_of_two.approvals.suspicion import Mark
from rule_of_two.definition_digest import definition_digest
from rule_of_two.records import replace

MOST_SHOWN: Final = 200
MOST_SHOWN_CHARACTERS: Final = 2 * 1024 * 1024
"""Changes of one server that are shown at once, and their size as JSON; others follow when these are settled."""


@dataclass(frozen=True, kw_only=True)
class DefinitionChange:
    """One definition as it was accepted (``old``) and as it is offered (``new``), as JSON; ``None``: there is none.

    ``first_seen``: it is accepted as it is, but by first use, so by nobody's word. ``marks``: see
    :mod:`~.suspicion`.
    """

    kind: str
    name: str
    old: str | None
    new: str | None
    marks: tuple[Mark, ...] = ()
    first_seen: bool = False

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    @cached_property
    def digests(self) -> tuple[str, str]:
        """Of both, computed from what is shown; empty where there is none.

        # INVARIANT: an answer is bound to the very text that was on screen, whatever else a gateway says of it;
        # tests/approvals/test_changes.py.
        """
        old, new = ("" if text is None else definition_digest(json.loads(text)) for text in (self.old, self.new))
        return old, new

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """What changed; of one that is new, gone, or was accepted as first seen, all of it."""
        old, new = (None if text is None else json.loads(text) for text in (self.old, self.new))
        return differences(None if self.first_seen else old, new)

    @property
    def what(self) -> str:
        """``changed``, ``new``, ``removed``, ``accepted as first seen``: in words of ours."""
        if self.first_seen:
            return "accepted as first seen"
        return "new" if self.old is None else "removed" if self.new is None else "changed"

    @property
    def size(self) -> int:
        """Characters that are sent."""
        return len(self.old or "") + len(self.new or "")


@dataclass(frozen=True, kw_only=True)
class ServerChanges:
    """All that waits of one server. ``upstream`` is what its pins belong to, ``state`` the state that they are in.
    ``more``: so many changes follow when these are settled."""

    state: str
    upstream: str
    server: str
    changes: tuple[DefinitionChange, ...]
    more: int = 0

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    def subject(self, change: DefinitionChange) -> DefinitionSubject:
        """What an answer to one of them is about."""
        old, new = change.digests
        return DefinitionSubject(
            state=self.state, upstream=self.upstream, kind=change.kind, name=change.name, old=old, new=new
        )

    def bounded(self) -> ServerChanges:
        """The same as it can be shown: as many whole changes as fit, and at least one."""
        kept = 0
        size = 0
        for one in self.changes[:MOST_SHOWN]:
            size += one.size
            if kept and size > MOST_SHOWN_CHARACTERS:
                break
            kept += 1
        return replace(self, changes=self.changes[:kept], more=self.more + len(self.changes) - kept)

    def without(self, subject: DefinitionSubject) -> ServerChanges:
        """The others."""
        return replace(self, changes=tuple(one for one in self.changes if self.subject(one) != subject))


def definition_text(body: Any) -> str:
    """A definition as it is sent: JSON with every digit of its integers."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


class ChangeShelf:
    """What waits of each server, for one gateway process. :meth:`due` bounds how often consoles hear of one server that
    changes again and again: the pause doubles, and only the newest is told.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._kept: dict[str, ServerChanges] = {}
        self._told: dict[str, tuple[float, float]] = {}
        """When a server was told of last, and how long it rests then."""
        self._untold: set[str] = set()

    @property
    def items(self) -> Iterable[ServerChanges]:
        """What waits, by server."""
        return tuple(self._kept.values())

    def put(self, changes: ServerChanges) -> bool:
        """Replace what waits of a server. ``False``: it is as it was."""
        before = self._kept.get(changes.upstream)
        if before == changes or (before is None and not changes.changes):
            return False
        if changes.changes:
            self._kept[changes.upstream] = changes
        else:
            del self._kept[changes.upstream]
        self._untold.add(changes.upstream)
        return True

    def find(self, subject: DefinitionSubject) -> ServerChanges | None:
        """The changes that exactly this one is among, while it waits."""
        kept = self._kept.get(subject.upstream)
        return kept if kept is not None and any(kept.subject(one) == subject for one in kept.changes) else None

    def take(self, subject: DefinitionSubject) -> None:
        """Forget a change that was settled. Consoles are told by who settles it."""
        kept = self._kept.get(subject.upstream)
        if kept is not None:
            left = kept.without(subject)
            if left.changes:
                self._kept[subject.upstream] = left
            else:
                del self._kept[subject.upstream]

    def due(self, at: float) -> list[ServerChanges]:
        """What is to be told now, of each server the newest."""
        told: list[ServerChanges] = []
        for upstream in sorted(self._untold):
            last, rest = self._told.get(upstream, (float("-inf"), 0.0))
            if at - last < rest:
                continue
            calm = at - last > CALM_SECONDS
            self._told[upstream] = (at, FIRST_REST if calm else min(LONGEST_REST, rest * 2))
            self._untold.discard(upstream)
            kept = self._kept.get(upstream)
            told.append(kept or ServerChanges(state="", upstream=upstream, server="", changes=()))
        return told


FIRST_REST: Final = 0.5
LONGEST_REST: Final = 64.0
CALM_SECONDS: Final = 300.0
"""Seconds between two times that consoles are told of a server's changes: at first, at most, and after how much quiet
it begins anew."""
