"""What is written of a decision about what came back, and the names that we give what is withheld."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Final

from rule_of_two.audit.journal import MOST_ITEMS, told_item
from rule_of_two.gateway.arrivals import Brought, Weighed
from rule_of_two.gateway.flight import Flight
from rule_of_two.wire.frames import dump

_SECRET: Final = secrets.token_bytes(16)
"""Names of what is withheld are made with it: nobody finds contents by them."""


def names_of(brought: Brought) -> list[str]:
    """A name for each item, or for the result that has none: the same whenever it is asked about, and it says nothing
    of what it names."""
    return [named(f"{place}:{item.digest}") for place, item in enumerate(brought.items)] or [named("whole")]


def named(what: str) -> str:
    """A name of ours."""
    return f"w-{hashlib.blake2b(what.encode(), key=_SECRET, digest_size=6).hexdigest()}"


def digest_of(result: dict[str, Any]) -> str:
    """SHA-256 of a result as it is sent, in hexadecimal."""
    return hashlib.sha256(dump(result)).hexdigest()


def release_entry(
    flight: Flight, brought: Brought, weighed: Weighed, places: Sequence[int] | None, *, asked: bool = False
) -> dict[str, Any]:
    """What is written of a decision about what came back: ids and digests of what is handed over (``places``;
    ``None``: nothing is), what is dropped and what else is withheld, and no contents. After a person was ``asked``,
    the digest of all that is handed over."""
    told: dict[str, Any] = {"releases": flight.decision.number}
    if flight.decided is not None:
        told["after"] = flight.decided
    items, dropped = brought.items, weighed.dropped
    chosen = set(places or ())
    left = [place for place in range(len(items)) if place not in chosen]
    if items:
        waits = [place for place in left if place not in dropped]
        told["counts"] = {"items": len(items), "dropped": len(left) - len(waits), "withheld": len(waits)}
        told["items"] = [told_item(items[place]) for place in (places or ())[:MOST_ITEMS]]
        told["dropped_items"] = [
            {**told_item(items[place]), "policies": dropped[place].policies}
            for place in [place for place in left if place in dropped][:MOST_ITEMS]
        ]
        ids = names_of(brought) if waits else []
        told["withheld_items"] = [{**told_item(items[place]), "name": ids[place]} for place in waits[:MOST_ITEMS]]
    elif places is None:
        told["withheld_items"] = [{"name": names_of(brought)[0]}]
    if asked and places is not None:
        told["result_sha256"] = digest_of(brought.without(left))
    return told
