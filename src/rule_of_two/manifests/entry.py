"""One tool, prompt or resource of a manifest, bound: from arguments to :class:`~rule_of_two.model.Facts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct

from rule_of_two.manifests.arguments import Slot, SlotTable, Value
from rule_of_two.manifests.condition import reference
from rule_of_two.manifests.document import PromptSpec, ResourceSpec, StoredSpec, TargetSpec
from rule_of_two.manifests.hints import HintName, Hints, read_hints
from rule_of_two.manifests.parameters import Bound
from rule_of_two.manifests.pointer import Pointer
from rule_of_two.manifests.rules import Judgement, Rules, bind_rules
from rule_of_two.model import ALL, EGRESS, Action, Facts, Labels, StoredResource, Target, TargetKind
from rule_of_two.normalise import whole_url

_WHOLE_STORE: Final = "store"


def whole_store(store: str) -> StoredResource:
    """The ledger's key for everything in ``store``."""
    return StoredResource(store, _WHOLE_STORE, None)


class Stored(Struct, frozen=True):
    """What an entry reads, or writes: ``None`` for ``slots`` means the whole store."""

    slots: tuple[tuple[str, int], ...] | None

    def resources(self, store: str, values: Sequence[tuple[Value, ...]]) -> tuple[StoredResource, ...]:
        """The ledger's keys. A value that is missing or has no canonical form is the whole store."""
        if self.slots is None:
            return (whole_store(store),)
        found: dict[StoredResource, None] = {}
        for kind, slot in self.slots:
            for value in values[slot]:
                named = None if value.canonical is None else StoredResource(store, kind, value.canonical)
                found[named or whole_store(store)] = None
            if not values[slot]:
                found[whole_store(store)] = None
        return tuple(found)


class Aim(Struct, frozen=True):
    """A place of targets: the number of its slot, and, where it is optional, that of the argument as it is."""

    kind: TargetKind
    slot: int
    indirect: bool
    optional: int | None

    def targets(self, values: Sequence[tuple[Value, ...]]) -> tuple[Target, ...]:
        """Those of one call."""
        if self.optional is not None:
            whole = values[self.optional]
            if len(whole) == 1 and whole[0].is_nothing:
                return ()
        return _targets(self.kind, values[self.slot], indirect=self.indirect)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the manifest ``server``, compiled. ``writes`` ``None``: the manifest does not say."""

    action: Action
    server: str
    upstream: str
    store: str
    rules: Rules
    slots: tuple[Slot, ...]
    targets: tuple[Aim, ...]
    fixed: tuple[Target, ...]
    reads: Stored
    writes: Stored | None
    secrets: tuple[Pointer, ...]
    only_communication: str | None = None
    """The policy set by which C counts only where it communicates."""
    known_hints: frozenset[HintName] = frozenset()
    """The hints that add nothing to it."""
    known_lines: Mapping[HintName, str] = field(default_factory=dict, hash=False)
    """For each of them the line that says so."""

    @property
    def is_local(self) -> bool:
        """Whether all that it reaches are paths, and it says so."""
        return (
            bool(self.targets)
            and not self.fixed
            and all(aim.kind == "path" and not aim.indirect for aim in self.targets)
        )

    def facts(self, name: str, arguments: Mapping[str, Any], annotations: Any = None) -> Facts:
        """What this call touches. Never raises for any arguments: what cannot be read is the worst case."""
        values = [slot.read(arguments) for slot in self.slots]
        judged = self.rules.judge(values)
        labels, lowered_by = judged.labels, judged.lowered_by
        hints = read_hints(annotations, self.known_hints)
        added = hints.labels - self.rules.labels
        labels |= added
        communicates = judged.communicates or "C" in added or hints.open_world
        irreversible = judged.irreversible or "C" in added or hints.destructive
        if hints.known:
            lowered_by = (*lowered_by, *self._left_out(hints, labels, communicates, irreversible))
        if self.writes is not None:
            writes = self.writes.resources(self.store, values)
        else:
            writes = (whole_store(self.store),) if "C" in labels else ()
        if self.only_communication is not None and "C" in labels and not communicates:
            labels -= EGRESS
            lowered_by = (*lowered_by, f"policy set {self.only_communication}: C counts only where it communicates")
        return Facts(
            self.action,
            self.upstream,
            name,
            labels,
            targets=(*(target for aim in self.targets for target in aim.targets(values)), *self.fixed),
            reads=self.reads.resources(self.store, values),
            writes=writes,
            lowered_by=lowered_by,
            manifest=self.server,
            communicates=communicates,
            irreversible=irreversible,
        )

    def _left_out(self, hints: Hints, labels: Labels, communicates: bool, irreversible: bool) -> Iterator[str]:
        """The lines of the known hints without which this call would carry a label more, or more would be said of its
        C. A label that a rule took off is none that a hint would have brought back."""
        for hint, would_add in hints.known:
            reaches = hint == "openWorldHint" and "C" in labels and not communicates
            destroys = hint == "destructiveHint" and "C" in labels and not irreversible
            if reaches or destroys or not would_add <= labels | self.rules.labels:
                yield self.known_lines[hint]


def _targets(kind: TargetKind, values: tuple[Value, ...], *, indirect: bool) -> tuple[Target, ...]:
    if not values:
        return (Target(kind, None, "[]", exact=False, indirect=indirect),)
    return tuple(
        Target(
            kind, value.canonical, value.shown, value.exact, whole_url(value.raw) if kind == "url" else None, indirect
        )
        for value in values
    )


def unnamed(action: Action, upstream: str, store: str, name: str) -> Facts:
    """The facts of what no manifest names: it can do everything, to the whole store."""
    return Facts(action, upstream, name, ALL, reads=(whole_store(store),), writes=(whole_store(store),))


def bind_entry(
    spec: PromptSpec,
    action: Action,
    *,
    upstream: str,
    store: str,
    server: str,
    what: str,
    parameters: Mapping[str, Bound],
    only_communication: str | None = None,
    known_hints: frozenset[HintName] = frozenset(),
) -> Entry:
    """Compile a tool or prompt. ``server`` and ``what`` name it in ``lowered_by``; ``only_communication`` is the policy
    set by which C counts only where it communicates; ``known_hints`` add nothing."""
    table = SlotTable()
    targets = tuple(
        _aim(target, Pointer.parse(pointer), table) for target in spec.targets.values() for pointer in target.at
    )
    rules = bind_rules(spec, table, parameters, server=server, what=what)
    fixed = tuple(
        found
        for target in spec.targets.values()
        if target.value is not None
        for found in _fixed(target.kind, target.value, parameters)
    )
    reads = _stored(spec.reads, table) or Stored(())
    writes = _stored(spec.writes, table)
    secrets = tuple(Pointer.parse(pointer) for pointer in spec.secrets)
    return Entry(
        action,
        server,
        upstream,
        store,
        rules,
        tuple(table.slots),
        targets,
        fixed,
        reads,
        writes,
        secrets,
        only_communication=only_communication,
        known_hints=known_hints,
        known_lines={hint: f"{server}: known hint {hint} of {what}" for hint in known_hints},
    )


def bind_resource(spec: ResourceSpec, *, upstream: str, store: str, server: str) -> Entry:
    """Compile a resource rule. Its arguments are ``{uri: ...}``."""
    table = SlotTable()
    reads = _stored(spec.reads, table) or Stored(())
    writes = _stored(spec.writes, table)
    rules = Rules(Judgement(spec.labels), ())
    return Entry(Action.READ_RESOURCE, server, upstream, store, rules, tuple(table.slots), (), (), reads, writes, ())


def _aim(target: TargetSpec, pointer: Pointer, table: SlotTable) -> Aim:
    whole = table.place(None, pointer.list_) if target.optional else None
    return Aim(target.kind, table.place(target.kind, pointer), target.indirect, whole)


def _fixed(kind: TargetKind, written: str, parameters: Mapping[str, Bound]) -> tuple[Target, ...]:
    """What is written, or what the operator filled in there. Where he filled in nothing, it is not known."""
    name = reference(written)
    if name is None:
        return (Target(kind, written, written),)
    bound = parameters[name]
    filled = bound if isinstance(bound, tuple) else ()
    return tuple(Target(kind, one, one) for one in filled) or (Target(kind, None, written, exact=False),)


def _stored(spec: StoredSpec | None, table: SlotTable) -> Stored | None:
    if spec is None:
        return None
    if spec.scope == "store":
        return Stored(None)
    places = ((kind, pointer) for kind, pointers in spec.at.items() for pointer in pointers)
    return Stored(tuple((kind, table.place(kind, pointer)) for kind, pointer in places))
