"""What people see of a result that came back: the question about it, and what was withheld."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rule_of_two.approvals.arrival import Arrival, ArrivedItem
from rule_of_two.approvals.withheld import MOST_OF_SESSION, WithheldItem
from rule_of_two.gateway.arrivals import Brought, Weighed
from rule_of_two.gateway.release_entry import digest_of, named, names_of
from rule_of_two.model import Decision, Facts
from rule_of_two.wire.frames import dump


def arrival_of(facts: Facts, brought: Brought, weighed: Weighed) -> Arrival:
    """What a person is shown of a result that a call of these facts brought.

    :raises BadRequest: it has no text that can be shown.
    :raises LimitExceeded: it has too many items.
    :raises ValueError: an item is no JSON.
    """
    ids, whole = names_of(brought), brought.without(list(weighed.dropped))
    without = None
    if weighed.rest and brought.items:
        without = digest_of(brought.without([*weighed.dropped, *weighed.asking]))
    items = [
        _arrived(brought, place, ids[place], asks=place in weighed.asking)
        for place in range(len(brought.items))
        if place not in weighed.dropped
    ]
    if not items or "A" in brought.frame:  # what is around the items is let in with them, so it is shown too
        text = dump(whole).decode()
        name = "the whole result"
        items.append(
            ArrivedItem(
                id=named(f"whole:{name}"),
                name=name,
                labels=weighed.facts.labels,
                authors=None,
                size=len(text),
                digest=digest_of(whole),
                text=text,
                asks=True,
            )
        )
    where = ", ".join(target.value for target in facts.targets if target.value) or facts.upstream
    return Arrival(digest=digest_of(whole), where=where, items=tuple(items), without=without)


def withheld_items(
    facts: Facts, brought: Brought, decision: Decision, names: Mapping[int, str], weighed: Weighed, at: datetime
) -> list[WithheldItem]:
    """What people can look at of the items that were withheld under these ``names``, by place: the first
    :data:`MOST_OF_SESSION`.

    :raises BadRequest: one of them has no text that can be shown.
    :raises ValueError: it is no JSON.
    """
    return [
        WithheldItem(
            session=decision.session,
            upstream=facts.upstream,
            tool=facts.name,
            item=_arrived(brought, place, name, asks=True),
            at=at,
            policies=weighed.dropped[place].policies if place in weighed.dropped else decision.policies,
            action=facts.action,
        )
        for place, name in list(names.items())[:MOST_OF_SESSION]
    ]


def _arrived(brought: Brought, place: int, name: str, *, asks: bool) -> ArrivedItem:
    item = brought.items[place]
    return ArrivedItem(
        id=name,
        name=item.id,
        labels=item.labels,
        authors=item.authors,
        size=item.size,
        digest=item.digest,
        text=brought.text(place),
        asks=asks,
    )
