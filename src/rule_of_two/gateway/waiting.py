"""What of a server's definitions waits for a person: with its differences, its marks, and who refused it before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.changes import DefinitionChange, ServerChanges, definition_text
from rule_of_two.approvals.definition_answer import DefinitionAnswer, Verdict, definition_answer_in
from rule_of_two.approvals.definition_diff import summary
from rule_of_two.approvals.suspicion import Mark, Names, marks_of
from rule_of_two.errors import BadRequest
from rule_of_two.gateway.definitions import Change, Definition, Kind
from rule_of_two.records import replace
from rule_of_two.store.pins import FIRST_USE, Pin, PinAnswer

MOST_LOOKED_THROUGH: Final = 2 * 1024 * 1024
"""Characters of one server's definitions that are looked through for marks at a time."""

_NOT_LOOKED: Final = Mark(reason="was not looked through: its server offers too much text", where="", excerpt="")
_REMEMBERED: Final = 4000


class PinnedServer(Struct, frozen=True):
    """One upstream, as it is spoken of: by its name, and by what its pins belong to."""

    name: str
    identity: str
    state: str


class Looks(Struct):
    """Looks definitions through, each once as long as it is remembered. To be used by one thread at a time."""

    _found: dict[tuple[str, str, str, Names], tuple[Mark, ...]] = field(default_factory=dict)

    def at(self, server: PinnedServer, changes: Iterable[DefinitionChange], names: Names) -> list[DefinitionChange]:
        """The changes with their marks. Slow for long texts."""
        left = MOST_LOOKED_THROUGH
        looked: list[DefinitionChange] = []
        for one in changes:
            key = (server.identity, *one.digests, names)
            if key not in self._found:
                left -= one.size
                if left < 0 or one.new is None:
                    looked.append(replace(one, marks=() if one.new is None else (_NOT_LOOKED,)))
                    continue
                if len(self._found) >= _REMEMBERED:
                    self._found.clear()
                old = None if one.old is None or one.first_seen else json.loads(one.old)
                self._found[key] = marks_of(json.loads(one.new), old, server=server.name, names=names)
            looked.append(replace(one, marks=self._found[key]))
        return looked


def as_shown(change: Change) -> DefinitionChange:
    """A change as people are shown it."""
    old, new = (None if one is None else definition_text(one.body) for one in (change.old, change.new))
    return DefinitionChange(kind=str(change.kind), name=change.name, old=old, new=new)


def first_seen(pins: Iterable[Pin], offered: Iterable[Definition]) -> list[DefinitionChange]:
    """What is accepted by nobody's word and still offered so."""
    now = {(one.kind, one.name): one.digest for one in offered}
    found: list[DefinitionChange] = []
    for pin in pins:
        if pin.accepted_by == FIRST_USE and now.get((Kind(pin.kind), pin.name)) == pin.digest:
            text = definition_text(pin.definition)
            found.append(DefinitionChange(kind=pin.kind, name=pin.name, old=text, new=text, first_seen=True))
    return found


def refused(
    server: PinnedServer, answers: Iterable[PinAnswer], approvers: Approvers
) -> dict[tuple[str, str, str], DefinitionAnswer]:
    """What people refused and said nothing else of since, by kind, name and digest.

    # INVARIANT: where approvers are enrolled, only their signed word keeps a change from the consoles;
    # tests/attacks/test_pins.py.
    """
    newest: dict[tuple[str, str], PinAnswer] = {(one.kind, one.name): one for one in answers}
    found: dict[tuple[str, str, str], DefinitionAnswer] = {}
    for row in newest.values():
        try:
            answer = definition_answer_in(row.text)
            subject = answer.subject
            known = not isinstance(approvers.who(answer), Refusal)
        except BadRequest:
            continue
        here = (subject.state, subject.upstream) == (server.state, server.identity)
        if known and here and answer.verdict is Verdict.REFUSE:
            found[subject.kind, subject.name, subject.new] = answer
    return found


def server_changes(server: PinnedServer, changes: Sequence[DefinitionChange]) -> ServerChanges:
    """All of them, as one message."""
    return ServerChanges(state=server.state, upstream=server.identity, server=server.name, changes=tuple(changes))


def names_of(pins: Mapping[str, Iterable[Pin]]) -> Names:
    """What the gateway offers, by the pins of each server's name."""
    tools = {server: frozenset(pin.name for pin in of if pin.kind == Kind.TOOL) for server, of in pins.items()}
    return Names(frozenset(tools), FrozenTools(tools))


class FrozenTools(dict[str, frozenset[str]]):
    """Tools by server, which nobody changes: it can be a key."""

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return hash(frozenset(self.items()))


def told(one: DefinitionChange) -> dict[str, Any]:
    """A change as it is written down: never its texts."""
    old, new = one.digests
    told: dict[str, Any] = {"kind": one.kind, "name": one.name[:200], "what": one.what, "old": old, "new": new}
    if one.what == "changed":
        told["summary"] = summary(one.differences)
    if one.marks:
        told["marks"] = sorted({mark.reason for mark in one.marks if not mark.before})
    return told
