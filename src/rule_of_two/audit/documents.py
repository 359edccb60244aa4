"""What calls brought into a session, item by item, from the journal's entries: ids, authors, labels and digests.

All of it is the upstreams' own word, kept as it was asserted: texts from here are escaped before anybody reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from rule_of_two.audit.journal import described
from rule_of_two.escape import visible
from rule_of_two.model import NONE, Labels, label_text, labels_in
from rule_of_two.store.journal import Entry, JournalStore

MOST_RESULTS: Final = 100
"""Results of a session that scripts are told the items of: the newest."""
_LISTS: Final = {"items": "items", "dropped": "dropped_items", "withheld": "withheld_items"}
_NAMED: Final = 3
_AUTHORS: Final = 3
"""Of one list, and of one item, for people."""


class Document(Struct, frozen=True):
    """One item as an entry lists it. ``authors`` as asserted; ``None``: nobody said. ``name`` is ours, by which the
    client was told that it is withheld, and ``policies`` what dropped it."""

    id: str
    sha256: str
    labels: Labels = NONE
    authors: tuple[str, ...] | None = None
    name: str | None = None
    policies: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        told: dict[str, Any] = {"id": self.id, "sha256": self.sha256, "labels": sorted(self.labels)}
        if self.authors is not None:
            told["authors"] = list(self.authors)
        return told

    @property
    def text(self) -> str:
        """``m2 by eve@evil.example [A], sha256 0123456789ab…``, in one line."""
        parts = [visible(self.id)] if self.id else []
        if self.authors:
            more = f" and {len(self.authors) - _AUTHORS} more" if len(self.authors) > _AUTHORS else ""
            parts.append(f"by {visible(', '.join(self.authors[:_AUTHORS]))}{more}")
        if self.labels:
            parts.append(label_text(self.labels))
        known = f", sha256 {visible(self.sha256[:12])}…" if self.sha256 else ""
        called = f", withheld as {visible(self.name)}" if self.name else ""
        return f"{' '.join(parts) or 'the whole result'}{known}{called}"


class HandedOver(Struct, frozen=True):
    """What one call handed over: ``number`` is its decision, ``count`` how many items it were."""

    number: int
    call: str
    at: str
    documents: tuple[Document, ...]
    count: int

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "decision": f"d{self.number}",
            "call": self.call,
            "at": self.at,
            "count": self.count,
            "items": [one.as_facts() for one in self.documents],
        }

    @property
    def text(self) -> str:
        """``d5 mail__search: m2 by eve@evil.example [A], sha256 …``; what came untrusted is named first."""
        return f"d{self.number} {visible(self.call)}: {named(self.documents, self.count)}"


def listed(value: Any) -> tuple[Document, ...]:
    """The items of a list in an entry's body; what is none is left out."""
    return tuple(_document(one) for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()


def named(documents: Iterable[Document], count: int) -> str:
    """The first few for people, those that bring [A] before the others, and how many more there are."""
    first = sorted(documents, key=lambda one: "A" not in one.labels)[:_NAMED]
    more = f" and {count - len(first):,} more" if count > len(first) else ""
    return "; ".join(one.text for one in first) + more


def handed_over_by(store: JournalStore, number: int) -> HandedOver | None:
    """What the call of a decision handed over, be it the decision to send it or one about what it brought back;
    ``None``: no items are known of it."""
    entry = store.get(number)
    if entry is None or entry.kind != "decision":
        return None
    call = call_of(entry)
    outcomes = [one for one in store.of_decision(call) if one.kind == "outcome" and "items" in one.body]
    return _handed_over(outcomes[-1] if outcomes else entry, call, described(entry.body))


def handed_over_before(store: JournalStore, session: str, number: int) -> list[HandedOver]:
    """What a session had been handed before a decision: the newest :data:`MOST_RESULTS` results with items, newest
    first."""
    found = []
    for one in store.handed_over(session, before=number, count=MOST_RESULTS):
        call = store.get(one.decision) if one.decision is not None else None
        if call is not None and (handed := _handed_over(one, call.number, described(call.body))) is not None:
            found.append(handed)
    return found


def call_of(entry: Entry) -> int:
    """The number of the decision that sent the call which a decision is about."""
    releases = entry.body.get("releases")
    earlier = isinstance(releases, int) and not isinstance(releases, bool) and 0 < releases < entry.number
    return int(releases) if earlier and releases else entry.number


def count_of(body: Mapping[str, Any]) -> int:
    """How many items an entry says were handed over, those that it does not list included."""
    return len(listed(body.get("items"))) + _count(body.get("more_items"), 0)


def lists_of(body: Mapping[str, Any]) -> dict[str, tuple[list[Document], int]]:
    """What a decision about a result says of its items: those handed over, dropped and withheld, each with how many
    these are in all."""
    counts = body.get("counts")
    said = counts if isinstance(counts, Mapping) else {}
    lists = {name: list(listed(body.get(key))) for name, key in _LISTS.items()}
    of = {name: _count(said.get(name), len(lists[name])) for name in ("dropped", "withheld")}
    handed = max(_count(said.get("items"), 0) - of["dropped"] - of["withheld"], len(lists["items"]))
    return {name: (lists[name], of.get(name, handed)) for name in lists}


def _handed_over(entry: Entry, call: int, name: str) -> HandedOver | None:
    documents = listed(entry.body.get("items"))
    if not documents:
        return None
    return HandedOver(call, name, entry.at, documents, count_of(entry.body))


def _document(value: Mapping[str, Any]) -> Document:
    authors, labels, policies = value.get("authors"), value.get("labels"), value.get("policies")
    name = value.get("name")
    return Document(
        id=str(value.get("id", "")),
        sha256=str(value.get("sha256", "")),
        labels=labels_in(one for one in labels if isinstance(one, str)) if isinstance(labels, list) else NONE,
        authors=tuple(map(str, authors)) if isinstance(authors, list) else None,
        name=name if isinstance(name, str) else None,
        policies=tuple(map(str, policies)) if isinstance(policies, list) else (),
    )


def _count(value: Any, at_least: int) -> int:
    return max(value, at_least) if isinstance(value, int) and not isinstance(value, bool) else at_least
