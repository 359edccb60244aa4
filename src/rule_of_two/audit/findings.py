"""What a verification of the journal found: each finding with its entry, and how much was and could not be checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from rule_of_two.escape import visible
from rule_of_two.store.journal import Entry

NOT_APPROVED: Final = "Treat it as not approved, and find out who can write the journal's file."
_CAUSES: Final = {
    "unreadable": "Find out who wrote it: no gateway writes such an entry.",
    "unknown_key": "If its owner has left, name their public key with --approvers FILE; else treat it as forged.",
    "unsigned": NOT_APPROVED,
    "uncovered_pin": "Look at it (`rule-of-two manifest pin SERVER NAME`), and who can write the state's file.",
    "not_first_use": "Find out who can write the state's file: no gateway puts first use in place of a person's word.",
    "denied": "Find out who can write the journal's file, and what the call did: `rule-of-two why` tells.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``number`` is the entry's, ``cause`` a stable word for scripts."""

    number: int
    decision: bool
    cause: str
    sentence: str
    pin: str = ""
    """What of the state it is about, if it is no entry."""

    @property
    def where(self) -> str:
        """``d17`` for a decision, ``#17`` for any other entry, and a pin's own name."""
        return visible(self.pin)[:200] if self.pin else f"{'d' if self.decision else '#'}{self.number}"

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return _CAUSES.get(self.cause, NOT_APPROVED)

    @property
    def line(self) -> str:
        """For people, in one line that no text from outside can break."""
        return f"{self.where}: {visible(self.sentence)} {self.next_step}"

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "entry": self.number,
            "name": self.where,
            "cause": self.cause,
            "what": self.sentence,
            "next": self.next_step,
        }


@dataclass(slots=True)
class Findings:
    """Collected while the journal is read. ``counts`` are named by :mod:`rule_of_two.audit.verify`."""

    found: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    on_unsigned: list[int] = field(default_factory=list)
    """Decisions that rest on words that nobody signed."""

    def add(self, entry: Entry, cause: str, sentence: str) -> None:
        """Note that something is wrong with an entry."""
        self.found.append(Finding(entry.number, entry.kind == "decision", cause, sentence))

    def add_pin(self, name: str, cause: str, sentence: str) -> None:
        """Note that something is wrong with a pin."""
        self.found.append(Finding(0, False, cause, sentence, pin=name))

    def unreadable(self, number: int) -> None:
        """Note an entry that is none."""
        self.found.append(Finding(number, False, "unreadable", "This entry cannot be read."))
