"""Entries of a journal, written by hand: decisions as the gateway writes them, with what a test says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.audit.report import Find
from rule_of_two.model import label_text
from rule_of_two.store.journal import Entry

BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Tape:
    """A journal of observe mode: it keeps what sessions hold, as the gateway would."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.held: dict[str, dict[str, int]] = {}
        self.minutes = 0.0

    def add(
        self, call: str, labels: str, *, session: str = "s", targets: Mapping[str, str] | None = None, **more: Any
    ) -> int:
        """One decided call, ``files__read``; its number.

        ``more`` replaces members of its entry; ``passes`` says whether its labels join, where the entry does not.
        """
        upstream, _, name = call.partition("__")
        held = self.held.setdefault(session, {})
        number = len(self.entries) + 1
        after = set(held) | set(labels)
        asks = after == set("ABC") and (set(held) != set("ABC") or "C" in labels)
        body = {
            "action": "call_tool",
            "upstream": upstream,
            "name": name,
            "outcome": "ask" if asks else "allow",
            "code": None,
            "labels": sorted(labels),
            "held": dict(held),
            "reserved": {},
            "dropped": False,
            "targets": [{"kind": kind, "value": value} for kind, value in (targets or {}).items()],
            "policies": ["r2.ask-third-label"] if asks else ["default.permit-use"],
            "messages": [],
            "manifest": upstream,
            **({"observed": True} if asks else {}),
            **{key: value for key, value in more.items() if key != "passes"},
        }
        at = (BEGIN + timedelta(minutes=self.minutes)).isoformat()
        self.entries.append(Entry(number, at, "decision", session, body.get("approves"), body))
        if more.get("passes", body["outcome"] == "allow" or body.get("observed")):
            for label in labels:
                held.setdefault(label, number)
        return number

    def calls(self) -> list[Recorded]:
        """The entries as calls."""
        return [call for entry in self.entries if (call := recorded(entry))]

    @property
    def find(self) -> Find:
        """Calls by number."""
        return finding(self.entries)


def finding(entries: Iterable[Entry]) -> Find:
    """Calls by number."""
    known = {entry.number: recorded(entry) for entry in entries}
    return known.get


def shown(call: Recorded) -> str:
    """``files__read [A][B]``."""
    return f"{call.qualified} {label_text(call.labels)}"
