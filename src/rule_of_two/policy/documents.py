"""Items of a result as policies see them, in as few different forms as the policies in force can tell apart.

Cedar compares entities by name and does nothing else with names. So an item is told without the attributes that no
policy reads; times that are only compared with now say before, at or after; and whoever no policy and no description
names is nobody in particular. Items of one form share one evaluation.

# INVARIANT: an item and its form are decided alike; tests/policy/test_documents.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from rule_of_two.model import ORDER, Item, Labels, Principal
from rule_of_two.policy.context import minute
from rule_of_two.policy.directory import NAMESPACE, Directory, Entity, Key, entity_literals, reference, uid
from rule_of_two.policy.slices import scope_of
from rule_of_two.policy.trees import Tree

_DOCUMENT: Final = f"{NAMESPACE}::Document"
_RESOURCE: Final = {"Var": "resource"}
_NOW: Final = {".": {"left": {"Var": "context"}, "attr": "now"}}
_TIMES: Final = ("created", "expires")
_COMPARISONS: Final = frozenset(("<", "<=", ">", ">="))
_BY_NAME: Final = frozenset(("==", "!=", "in", "is"))
"""What looks at an entity's name, type and parents only."""
_ALL: Final = frozenset(("authors", "owner", "tenant", "role", "confidentiality", "purposes", "created", "expires"))
_MINUTE: Final = timedelta(minutes=1)


class DocumentReads(Struct, frozen=True):
    """What the policies about items read of them."""

    attributes: frozenset[str] = _ALL
    against_now: frozenset[str] = frozenset()
    """Times that are only compared with now."""
    by_id: bool = True
    """A policy names one item."""


def document_reads(trees: Iterable[Tree]) -> DocumentReads:
    """What policies in Cedar's JSON form read of items. What is not understood reads everything."""
    about = [tree for tree in trees if _is_about_items(tree)]
    attributes: set[str] = set()
    precise: set[str] = set()
    for tree in about:
        _read(tree["conditions"], attributes, precise)
    return DocumentReads(
        frozenset(attributes) & _ALL,
        frozenset(_TIMES) & (attributes - precise),
        any(kind == _DOCUMENT for kind, _ in entity_literals(about)),
    )


def _is_about_items(tree: Tree) -> bool:
    scope = scope_of(tree)
    return (scope.actions is None or "return_document" in scope.actions) and scope.resource_type in {None, _DOCUMENT}


def _read(conditions: Any, attributes: set[str], precise: set[str]) -> None:
    """Add the attributes that are read, and those that are read other than by comparing them with now."""
    waiting = [conditions]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif node == _RESOURCE:  # as a value, in a way that is not followed
            attributes |= _ALL
            precise |= _ALL
        elif isinstance(node, dict):
            for operator, operands in node.items():
                if operator == "Record":  # whose keys are no operators
                    waiting += operands.values()
                elif operator in {".", "has"} and operands.get("left") == _RESOURCE:
                    attributes.add(operands["attr"])
                    if operator == ".":
                        precise.add(operands["attr"])
                elif operator in _COMPARISONS and (read := _compared_with_now(operands)) is not None:
                    attributes.add(read)
                elif operator in _BY_NAME:
                    waiting += [one for one in operands.values() if one != _RESOURCE]
                else:
                    waiting.append(operands)


def _compared_with_now(operands: Mapping[str, Any]) -> str | None:
    sides = [operands.get("left"), operands.get("right")]
    if _NOW not in sides:
        return None
    other = sides[1 - sides.index(_NOW)]
    read = other.get(".") if isinstance(other, dict) else None
    return str(read["attr"]) if read is not None and read.get("left") == _RESOURCE else None


class Moment:
    """One minute as policies are told it, and what is before and after it."""

    __slots__ = ("_end", "_start", "_texts")

    def __init__(self, now: datetime) -> None:
        """:raises PolicyError: ``now`` has no time zone."""
        self._start = now.replace(second=0, microsecond=0)
        self._end = self._start + _MINUTE
        self._texts = (minute(self._start - _MINUTE), minute(self._start), minute(self._end))

    def relative(self, time: datetime) -> str:
        """A time before it, itself, or a time after it.

        :raises TypeError: ``time`` has no time zone.
        """
        return self._texts[0 if time < self._start else 1 if time < self._end else 2]


Form = tuple[Any, ...]
"""All that is told of an item; items of one form are one to policies."""


class Documents:
    """Brings items into forms, and forms into entities."""

    def __init__(
        self, reads: DocumentReads, directory: Directory, literals: Iterable[Key], principal: Principal
    ) -> None:
        self._reads = reads
        # Being named anywhere is enough: an agent's authors need not be described themselves.
        named = {*entity_literals(list(directory)), *literals}
        self._named: dict[str, frozenset[str]] = {
            kind: frozenset(name for one, name in named if one == f"{NAMESPACE}::{kind}") | own
            for kind, own in (
                ("User", {principal.user}),
                ("Tenant", {principal.tenant}),
                ("Role", set(principal.roles)),
                ("Purpose", {principal.purpose}),
            )
        }

    def form(self, item: Item, now: Moment) -> Form:
        """The form of an item.

        :raises PolicyError: a time has no time zone; or TypeError.
        """
        reads = self._reads.attributes
        strangers: dict[tuple[str, str], str] = {}
        return (
            item.id if self._reads.by_id else "item",
            item.labels,
            self._all("User", item.authors, strangers) if "authors" in reads else None,
            self._one("User", item.owner, strangers) if "owner" in reads else None,
            self._one("Tenant", item.tenant, strangers) if "tenant" in reads else None,
            self._one("Role", item.role, strangers) if "role" in reads else None,
            item.confidentiality if "confidentiality" in reads else None,
            self._all("Purpose", item.purposes, strangers) if "purposes" in reads else None,
            self._time("created", item.created, now) if "created" in reads else None,
            self._time("expires", item.expires, now) if "expires" in reads else None,
        )

    def _one(self, kind: str, name: str | None, strangers: dict[tuple[str, str], str]) -> str | None:
        """The name itself, or one that stands for whoever is not named anywhere, the same within an item."""
        if name is None or name in self._named[kind]:
            return name
        alias = strangers.get((kind, name))
        if alias is None:
            alias = f"?{len(strangers)}"
            while alias in self._named[kind]:
                alias = f"?{alias}"
            strangers[kind, name] = alias
        return alias

    def _all(self, kind: str, names: Iterable[str] | None, strangers: dict[tuple[str, str], str]) -> Any:
        if names is None:
            return None
        return frozenset(one for name in names if (one := self._one(kind, name, strangers)) is not None)

    def _time(self, name: str, time: datetime | None, now: Moment) -> str | None:
        if time is None:
            return None
        return now.relative(time) if name in self._reads.against_now else minute(time)


def entity_of(form: Form, upstream: str) -> Entity:
    """A form as an entity of type ``Document`` of a server."""
    name, labels, authors, owner, tenant, role, confidentiality, purposes, created, expires = form
    attributes: dict[str, Any] = {
        "server": reference("Server", upstream),
        "labels": labels_of(labels),
        "authors": [reference("User", one) for one in sorted(authors or ())],
        "owner": None if owner is None else reference("User", owner),
        "tenant": None if tenant is None else reference("Tenant", tenant),
        "role": None if role is None else reference("Role", role),
        "confidentiality": confidentiality,
        "purposes": None if purposes is None else [reference("Purpose", one) for one in sorted(purposes)],
        "created": created,
        "expires": expires,
    }
    known = {key: value for key, value in attributes.items() if value is not None}
    return {"uid": uid("Document", name), "attrs": known, "parents": [uid("Server", upstream)]}


def labels_of(labels: Labels) -> dict[str, bool]:
    """Labels as a record."""
    return {label: label in labels for label in ORDER}
