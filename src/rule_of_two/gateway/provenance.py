"""Where what is handed over came from, as its client is told in ``_meta["rule-of-two/provenance"]``."""

from __future__ import annotations

from typing import Any

from rule_of_two.audit.journal import MOST_ITEMS, told_item
from rule_of_two.gateway.released import Released
from rule_of_two.model import Facts


def provenance_of(facts: Facts, released: Released) -> dict[str, Any]:
    """Server, what of it was used, decision and labels; and of each item that a manifest declares its id, authors as
    the platform asserts them, labels and digest (SHA-256 over its canonical JSON)."""
    told: dict[str, Any] = {
        "server": facts.upstream,
        "name": facts.name,
        "decision": released.decision.id,
        "labels": sorted(released.labels),
    }
    if released.items:
        told["items"] = [told_item(item) for item in released.items[:MOST_ITEMS]]
        if len(released.items) > MOST_ITEMS:
            told["more_items"] = len(released.items) - MOST_ITEMS
    if released.withheld:
        told["withheld"] = len(released.withheld)
    return told
