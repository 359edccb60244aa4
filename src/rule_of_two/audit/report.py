"""What sessions would have been asked, or were: counted and grouped by cause, from the journal's decisions alone.

One pass over the entries, in order, in memory that does not grow with their number: what is kept of each kind is
limited, and what does not fit is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct, field

from rule_of_two.audit.recorded import Reached, Recorded, recorded
from rule_of_two.model import ALL, Label, Labels, Outcome
from rule_of_two.records import replace
from rule_of_two.store.journal import Entry

MOST_GROUPS: Final = 500
MOST_TARGETS: Final = 50
MOST_CALLS: Final = 2000
MOST_NAMES: Final = 500
"""How many causes, targets of one cause, distinct calls and names of one server are kept apart."""
EXAMPLES: Final = 3
_BEFORE: Final = "before the first call"
_NOT_HERE: Final = "a call that the journal does not have"

Find = Callable[[int], Recorded | None]
"""The decision of that number, if there is one."""
Key = tuple[str, str, Labels, tuple[tuple[Label, str], ...] | tuple[str, ...]]
"""What makes two questions one cause."""


class Tally(Struct):
    """How often each of some values came. Values beyond :data:`MOST_TARGETS` are counted as ``others``."""

    times: dict[str, int] = field(default_factory=dict)
    others: int = 0

    def add(self, values: Iterable[str]) -> None:
        """Count each once."""
        for value in values:
            if value in self.times or len(self.times) < MOST_TARGETS:
                self.times[value] = self.times.get(value, 0) + 1
            else:
                self.others += 1

    def most(self, count: int) -> list[tuple[str, int]]:
        """The most frequent, first come first among equals."""
        return sorted(self.times.items(), key=lambda item: -item[1])[:count]


class Brought(Struct):
    """Where another label came from: the call that first brought it to the session, and what that reached."""

    label: Label
    call: str
    targets: Tally = field(default_factory=Tally)


class Group(Struct):
    """All questions of one cause. ``policies`` is empty when the completed set is the only one."""

    cause: Literal["third_label", "policy"]
    call: str
    labels: Labels
    policies: tuple[str, ...]
    brought: tuple[Brought, ...]
    asked: int = 0
    denied: int = 0
    decisions: list[int] = field(default_factory=list)
    targets: Tally = field(default_factory=Tally)

    @property
    def questions(self) -> int:
        """How many questions, denials among them."""
        return self.asked + self.denied


class Server(Struct):
    """What the journal shows of one server: the tools that were called, and whether a manifest named them."""

    tools: dict[str, bool] = field(default_factory=dict)
    """Each tool with whether a manifest names it."""
    manifest: str | None = None
    """The manifest that names something of it."""
    only_tools: bool = True
    """Nothing but tools was used that no manifest names."""


class Survey(Struct):
    """The whole of it."""

    sessions: set[str] = field(default_factory=set)
    since: datetime | None = None
    until: datetime | None = None
    calls: int = 0
    asked: int = 0
    denied: int = 0
    let_pass: int = 0
    """Of those asked or denied: what observe mode let pass."""
    confirmed: int = 0
    """Of those asked: what a person said yes to."""
    left_out: int = 0
    """Texts that no request asked for, and that policy would not let in."""
    refused: int = 0
    """What could not be carried out, whatever policy says."""
    unreadable: int = 0
    groups: dict[Key, Group] = field(default_factory=dict)
    ungrouped: int = 0
    seen: dict[tuple[object, ...], tuple[Recorded, int]] = field(default_factory=dict)
    """Distinct calls that brought labels, one of each with how often it came."""
    servers: dict[str, Server] = field(default_factory=dict)
    quiet_ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each session its last call that carried C, and how many questions came after it."""

    @property
    def questions(self) -> int:
        """How many questions, denials among them."""
        return self.asked + self.denied

    def ordered(self) -> list[tuple[Key, Group]]:
        """The causes, the one with most questions first."""
        return sorted(self.groups.items(), key=lambda item: (-item[1].questions, item[1].decisions))


def survey(entries: Iterable[Entry], find: Find) -> Survey:
    """Count and group. An entry that cannot be read is counted, and nothing else is concluded from it."""
    found = Survey()
    for entry in entries:
        call = recorded(entry)
        if call is not None:
            _count(found, call, find)
        elif entry.kind == "decision":
            found.unreadable += 1
    return found


def _count(found: Survey, call: Recorded, find: Find) -> None:
    found.sessions.add(call.session)
    if call.at is not None:
        found.since = call.at if found.since is None else min(call.at, found.since)
        found.until = call.at if found.until is None else max(call.at, found.until)
    if call.again:
        found.confirmed += call.approves is not None and call.outcome is Outcome.ALLOW
        return
    if call.unasked:
        found.left_out += call.outcome is not Outcome.ALLOW
        return
    found.calls += not call.arrives
    _remember(found, call)
    if call.questioned:
        found.asked += call.outcome is Outcome.ASK
        found.denied += call.outcome is Outcome.DENY
        found.let_pass += call.observed
        _group(found, call, find)
    elif call.outcome is Outcome.DENY:
        found.refused += 1


def _remember(found: Survey, call: Recorded) -> None:
    """What suggestions start from. A call whose result is decided by itself counts with all that it can bring."""
    last, after = found.quiet_ends.get(call.session, (0, 0))
    if "C" in call.labels and (call.passed or call.questioned):
        found.quiet_ends[call.session] = (call.number, 0)
    elif last and call.questioned:
        found.quiet_ends[call.session] = (last, after + 1)
    if call.arrives:
        return
    if call.defers:
        call = replace(call, labels=call.can_bring)
    if call.labels and (call.passed or call.questioned):
        like = (call.upstream, call.action, call.name, call.manifest, call.targets, call.labels)
        if like in found.seen or len(found.seen) < MOST_CALLS:
            one, times = found.seen.get(like, (call, 0))
            found.seen[like] = (one, times + 1)
    if call.upstream not in found.servers and len(found.servers) >= MOST_NAMES:
        return
    server = found.servers.setdefault(call.upstream, Server())
    server.manifest = call.manifest or server.manifest
    if call.action != "call_tool":
        server.only_tools &= not call.unnamed
    elif (call.unnamed or call.manifest is not None) and len(server.tools) < MOST_NAMES:
        server.tools[call.name] = not call.unnamed


def _group(found: Survey, call: Recorded, find: Find) -> None:
    origins = _origins(call, find)
    key = key_of(call, find)
    group = found.groups.get(key)
    if group is None:
        if len(found.groups) >= MOST_GROUPS:
            found.ungrouped += 1
            return
        cause: Literal["third_label", "policy"] = "third_label" if call.by_third_label else "policy"
        policies = () if call.by_third_label else call.policies
        brought = tuple(Brought(label, _name(origin, number)) for label, number, origin in origins)
        group = found.groups[key] = Group(cause, call.qualified, call.labels, policies, brought)
    group.asked += call.outcome is Outcome.ASK
    group.denied += call.outcome is Outcome.DENY
    if len(group.decisions) < EXAMPLES:
        group.decisions.append(call.number)
    group.targets.add(_values(call.targets))
    for one, (_, _, origin) in zip(group.brought, origins, strict=True):
        one.targets.add(() if origin is None else _values(origin.targets))


def key_of(call: Recorded, find: Find) -> Key:
    """The cause of a question."""
    if not call.by_third_label:
        return "policy", call.qualified, call.labels, call.policies
    brought = tuple((label, _name(origin, number)) for label, number, origin in _origins(call, find))
    return "third_label", call.qualified, call.labels, brought


def _origins(call: Recorded, find: Find) -> list[tuple[Label, int, Recorded | None]]:
    """Of each label that the call did not carry itself, the call that first brought it to the session."""
    if not call.by_third_label:
        return []
    others = sorted((label, number) for label, number in call.before.items() if label in ALL - call.labels)
    return [(label, number, find(number) if number > 0 else None) for label, number in others]


def _name(origin: Recorded | None, number: int) -> str:
    if origin is not None:
        return origin.qualified
    return _NOT_HERE if number > 0 else _BEFORE


def _values(targets: tuple[Reached, ...]) -> list[str]:
    return list(dict.fromkeys(target.value or "(unreadable)" for target in targets))
