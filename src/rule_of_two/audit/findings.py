"""What a verification of the journal found: each finding with its entry, and how much was and could not be checked."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.escape import visible
from rule_of_two.store.journal import Entry

NOT_APPROVED: Final = "Treat it as not approved, and find out who can write the journal's file."
_BROKEN: Final = "Find out who can write the journal's folder, and compare with a copy of it."
_COPIED: Final = "If a copy of the folder was put back, that is why; else find out who did."
_CAUSES: Final = {
    "changed": _BROKEN,
    "missing": _BROKEN,
    "unchained": _BROKEN,
    "pruned": _BROKEN,
    "prune_forged": _BROKEN,
    "kept_changed": _BROKEN,
    "rewritten": _BROKEN,
    "unguarded": _BROKEN,
    "no_checkpoint": "Find out who writes there.",
    "forged_checkpoint": "Find out who can write there: no gateway did.",
    "cut": _COPIED,
    "replaced": _COPIED,
    "forked": _COPIED,
    "unknown_key": "If its owner has left, name their public key with --approvers FILE; if the gateway's key was "
    "replaced, name the old one with --gateway-key FILE; else treat it as forged.",
    "unreadable": "Find out who wrote it: no gateway writes such an entry.",
    "unsigned": NOT_APPROVED,
    "uncovered_pin": "Look at it (`rule-of-two manifest pin SERVER NAME`), and who can write the state's file.",
    "not_first_use": "Find out who can write the state's file: no gateway puts first use in place of a person's word.",
    "denied": "Find out who can write the journal's file, and what the call did: `rule-of-two why` tells.",
}


class Finding(Struct, frozen=True):
    """One thing that is wrong. ``number`` is the entry's, ``cause`` a stable word for scripts."""

    number: int
    decision: bool
    cause: str
    sentence: str
    pin: str = ""
    """What of the state it is about, if it is no entry."""

    @property
    def where(self) -> str:
        """``d17`` for a decision, ``#17`` for any other entry, a pin's own name, and the journal itself."""
        if self.pin:
            return visible(self.pin)[:200]
        if self.number == 0:
            return "journal"
        return f"{'d' if self.decision else '#'}{self.number}"

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


class SignedHead(Struct, frozen=True):
    """The journal's newest entry, by number and hash, as ``approver`` signed it with the answer of the entry ``by``."""

    by: int
    number: int
    hash: str
    approver: str


class Findings(Struct):
    """Collected while the journal is read. ``counts`` are named by :mod:`rule_of_two.audit.verify`."""

    found: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    on_unsigned: list[int] = field(default_factory=list)
    """Decisions that rest on words that nobody signed."""
    heads: list[SignedHead] = field(default_factory=list)

    def add(self, entry: Entry, cause: str, sentence: str) -> None:
        """Note that something is wrong with an entry."""
        self.found.append(Finding(entry.number, entry.kind == "decision", cause, sentence))

    def add_pin(self, name: str, cause: str, sentence: str) -> None:
        """Note that something is wrong with a pin."""
        self.found.append(Finding(0, False, cause, sentence, pin=name))

    def unreadable(self, number: int) -> None:
        """Note an entry that is none."""
        self.found.append(Finding(number, False, "unreadable", "This entry cannot be read."))
