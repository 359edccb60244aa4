"""A result that came back, weighed before it is handed over: which of its items policy lets in, drops, or asks about.

Pure but for the verdicts, which are asked for and write nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from rule_of_two.gateway.flight import Call, Flight
from rule_of_two.gateway.verdicts import Verdicts
from rule_of_two.model import INGRESS, NONE, ORDER, Facts, Item, Labels, Outcome, SessionView, Verdict
from rule_of_two.records import replace

_A: Final[Labels] = frozenset(("A",))


class Brought(Protocol):
    """A result taken apart. ``frame`` are the labels of what is no item."""

    @property
    def items(self) -> tuple[Item, ...]: ...

    @property
    def frame(self) -> Labels: ...

    def without(self, dropped: Collection[int]) -> dict[str, Any]:
        """The result as it is handed over without these items."""

    def text(self, place: int) -> str:
        """One of the items as a person looks at it."""


class Whole(Struct, frozen=True):
    """A result of which nothing is known but what its call can bring."""

    result: dict[str, Any]
    frame: Labels
    items: tuple[Item, ...] = ()

    def without(self, dropped: Collection[int]) -> dict[str, Any]:
        """The result as it came: it has no items."""
        return self.result

    def text(self, place: int) -> str:
        """:raises IndexError: it has no items."""
        raise IndexError(place)


class Relabelled(Struct, frozen=True):
    """A result whose parts have other labels than its metadata say. ``vouched`` are the places of the items that
    somebody vouched for."""

    brought: Brought
    items: tuple[Item, ...]
    frame: Labels
    vouched: frozenset[int] = frozenset()

    def without(self, dropped: Collection[int]) -> dict[str, Any]:
        """The result as it is handed over without these items."""
        return self.brought.without(dropped)

    def text(self, place: int) -> str:
        """One of the items as a person looks at it."""
        return self.brought.text(place)


def carrying(brought: Brought, labels: Labels) -> Brought:
    """The result of a call that passed held values of these labels on: whatever comes back can repeat them, so all of
    it has them, whatever its metadata say, and whoever vouched for it."""
    if not labels:
        return brought
    private = "B" in labels  # and nobody says who may read that
    items = tuple(
        replace(item, labels=item.labels | labels, readers=None if private else item.readers) for item in brought.items
    )
    return Relabelled(brought, items, brought.frame | labels)


def vouched_for(brought: Brought, people: Mapping[int, str]) -> Brought:
    """The result where a person looked at exactly these items and vouched for them (by place, who did): they bring
    nothing untrusted."""
    if not people:
        return brought
    items = list(brought.items)
    for place, who in people.items():
        item = items[place]
        line = f"[A] {who} vouched for the item {item.id}"
        items[place] = replace(item, labels=item.labels - _A, lowered_by=(*item.lowered_by, line))
    return Relabelled(brought, tuple(items), brought.frame, frozenset(people))


class Weighed(Struct, frozen=True):
    """What is to become of a result.

    ``verdict`` is that of all that policy does not drop. ``dropped`` has the verdict of each item that it does,
    ``asking`` the items without which the rest, ``labels``, may be handed over unasked; ``rest`` is ``False`` where
    nothing may.
    """

    verdict: Verdict
    facts: Facts
    """With the labels of what is handed over by this verdict."""
    dropped: dict[int, Verdict]
    asking: frozenset[int]
    rest: bool

    @property
    def allowed(self) -> bool:
        """Whether all that is not dropped may be handed over."""
        return self.verdict.outcome is Outcome.ALLOW


class Scales(Struct, frozen=True):
    """Weighs what one call brought back. ``facts`` are the call's own as they are known now."""

    verdicts: Verdicts
    facts: Facts
    stored: Labels
    """What the ledger says of what it read: nothing that it brought back is without."""
    brought: Brought
    vouched: Collection[int] = ()
    """The items that somebody vouched for: policy sees them as approved."""
    people: int = 0
    """How many have said yes to the call with all that it could bring."""

    def weigh(self, view: SessionView) -> Weighed:
        """What policy says unasked.

        # INVARIANT: every item is decided by itself, and all that is handed over is decided together, since two items
        that are each fine can complete the set; tests/gateway/test_release.py.
        """
        items, each = self.brought.items, self._each(view)
        dropped = {place: one for place, one in enumerate(each) if one.outcome is Outcome.DENY}
        asking = frozenset(place for place, one in enumerate(each) if one.outcome is Outcome.ASK)
        kept = [place for place in range(len(items)) if place not in dropped]
        facts = self.facts_of(kept)
        verdict = _strictest([self._together(facts, view), *(each[place] for place in asking)])
        if verdict.outcome is Outcome.ALLOW:
            return Weighed(verdict, facts, dropped, frozenset(), rest=True)
        for without in self._ways(asking, kept, view):
            rest = [place for place in kept if place not in without]
            if rest and self._together(self.facts_of(rest), view).outcome is Outcome.ALLOW:
                return Weighed(verdict, facts, dropped, without, rest=True)
        return Weighed(verdict, facts, dropped, frozenset(kept), rest=False)

    def _each(self, view: SessionView) -> list[Verdict]:
        """What policy says of each item by itself."""
        items, upstream = self.brought.items, self.facts.upstream
        each = self.verdicts.of_documents(items, upstream, view, approvals=self.people)
        waits = [place for place in self.vouched if each[place].outcome is not Outcome.ALLOW]
        if waits:
            approved = self.verdicts.of_documents([items[place] for place in waits], upstream, view, approvals=1)
            for place, verdict in zip(waits, approved, strict=True):
                each[place] = verdict
        return each

    def let_in(self, places: Sequence[int], view: SessionView, *, approvals: int) -> tuple[Facts, Verdict]:
        """The verdict of handing over exactly these items, with so many people's yes."""
        items = [self.brought.items[place] for place in places]
        each = self.verdicts.of_documents(items, self.facts.upstream, view, approvals=approvals)
        facts = self.facts_of(places)
        return facts, _strictest([self._together(facts, view, approvals=approvals), *each])

    def _ways(self, asking: frozenset[int], kept: Sequence[int], view: SessionView) -> Iterable[frozenset[int]]:
        """What to leave out so that the rest may be handed over: the items that ask, and else those that bring a label
        that the session lacks."""
        if asking:
            yield asking
        for label in ORDER:
            if label not in view.after:
                yield asking | {place for place in kept if label in self.brought.items[place].labels}

    def readers_of(self, places: Iterable[int]) -> frozenset[str] | None:
        """Who may read all that is private of these items, by what their platform asserts; ``None``: that is not known,
        or something private is around them."""
        if "B" in self.brought.frame or "B" in self.stored:
            return None
        readers: frozenset[str] | None = None
        for item in (self.brought.items[place] for place in places):
            if "B" in item.labels:
                if not item.readers:
                    return None
                readers = item.readers if readers is None else readers & item.readers
        return readers

    def facts_of(self, places: Iterable[int]) -> Facts:
        """The call's facts with the labels of these items, and of what is around them."""
        items = [self.brought.items[place] for place in places]
        labels = self.brought.frame.union(*(item.labels for item in items)) & INGRESS
        stored = self.stored if items or self.brought.frame else NONE
        lowered = dict.fromkeys(line for item in items for line in item.lowered_by)
        return replace(self.facts, labels=labels | stored, lowered_by=(*self.facts.lowered_by, *lowered))

    def _together(self, facts: Facts, view: SessionView, *, approvals: int = 0) -> Verdict:
        """What the request's own action and that of handing over say, with the labels that came back."""
        people = max(approvals, self.people)
        own = self.verdicts.of(facts, view, approvals=people)
        return _strictest([own, self.verdicts.of(facts, view, approvals=people, releases=True)])


def worst_of(verdicts: Verdicts, flight: Flight) -> Labels:
    """What a call can bring by now: what it read can have been written while it was under way.

    # INVARIANT: a read that was decided before a write, and served after it, brings what the write stamped;
    # tests/gateway/test_ledger.py.

    :raises StoreError: the ledger cannot be read.
    """
    return verdicts.grown(flight.facts, flight.decision.number or 0) & INGRESS


def scales_for(verdicts: Verdicts, call: Call, flight: Flight, brought: Brought, view: SessionView) -> Scales:
    """What weighs the result of a call, with what is known now.

    :raises StoreError: the ledger cannot be read.
    """
    known = verdicts.known(call.facts, view)
    stored = verdicts.clinging(call.facts, flight.decision.number or 0) & INGRESS
    vouched = brought.vouched if isinstance(brought, Relabelled) else frozenset[int]()
    # A yes to the call covers all that it could bring. A platform can say that an item brings more than that.
    covered = stored.union(brought.frame, *(item.labels for item in brought.items)) <= flight.labels
    return Scales(verdicts, known, stored, brought, vouched, flight.people(view) if covered else 0)


def _strictest(verdicts: Sequence[Verdict]) -> Verdict:
    """The strictest of several, with what all that are as strict say."""
    strictest = max(verdicts, key=lambda one: one.outcome.strictness)
    same = [one for one in verdicts if one.outcome is strictest.outcome]
    return replace(
        strictest,
        policies=tuple(sorted({name for one in same for name in one.policies})),
        messages=tuple(dict.fromkeys(text for one in same for text in one.messages)),
        approvals=max(one.approvals for one in same),
    )
