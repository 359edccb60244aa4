"""Checks offline that the journal's approvals are genuine: every receipt, and every call that rested on one.

That no entry was taken out or changed is for :mod:`rule_of_two.audit.chain` to show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from rule_of_two.audit.calls import Calls
from rule_of_two.audit.chain import Chain
from rule_of_two.audit.findings import Finding, Findings
from rule_of_two.audit.people import People
from rule_of_two.audit.pins import PinRecords, check_pins
from rule_of_two.audit.testimony import Witness
from rule_of_two.store.journal import Entry, Unreadable
from rule_of_two.wording import counted

_READ: Final = ("decisions", "questions", "answers", "commands")
_COUNTS: Final = (
    "entries",
    "decisions",
    "by_people",
    "by_grant",
    "observed",
    "releases",
    "questions",
    "answers",
    "unanswered",
    "commands",
    "endorsements",
    "definition_answers",
    "signed",
    "digests",
    "pins_signed",
    "pins_first_use",
)
_NOT_CHECKED: Final = ("unsigned", "pins_unsigned", "through_the_client", "digests_masked", "digests_incomplete")
_MOST_NAMED: Final = 20


class Verified(Struct, frozen=True):
    """What was checked and what was found."""

    findings: Findings
    chain: Chain | None = None

    @property
    def found(self) -> list[Finding]:
        """All that is wrong, in the order of the entries."""
        chain = [] if self.chain is None else self.chain.found
        return sorted([*chain, *self.findings.found], key=lambda one: one.number)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.found

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        counts = self.findings.counts
        return {
            "good": self.good,
            "checked": {name: counts[name] for name in _COUNTS},
            "not_checked": {name: counts[name] for name in _NOT_CHECKED},
            "on_unsigned": [f"d{number}" for number in self.findings.on_unsigned],
            "findings": [one.as_facts() for one in self.found],
            **({} if self.chain is None else {"chain": self.chain.as_facts()}),
        }

    def lines(self) -> list[str]:
        """For people: what was checked, what could not be, and what was found."""
        chain = [] if self.chain is None else self.chain.lines()
        return [*self._checked(), *chain, *self._not_checked(), *self._found()]

    def _checked(self) -> list[str]:
        count = self.findings.counts
        return [
            f"Read {count['entries']} entries: " + ", ".join(f"{count[name]} {name}" for name in _READ) + ".",
            f"Signatures: {count['signed']} verified with the enrolled key of the approver that is named.",
            f"Digests: {count['digests']} computed again from what was asked.",
            f"Calls: {count['by_people']} passed on a person's yes, {count['by_grant']} on a grant.",
            f"Results: {count['releases']} decided by themselves, before they were handed over.",
            f"Definitions: {count['pins_signed']} signed, {count['pins_first_use']} of unsigned first use.",
            f"Every other call that passed was checked to complete nothing, but {count['observed']} of observe mode.",
        ]

    def _not_checked(self) -> list[str]:
        count = self.findings.counts
        told = (
            ("unsigned", "unsigned answers or commands: advisory, as whoever runs as the gateway's user can give them"),
            ("pins_unsigned", "definitions were accepted by somebody who did not sign: advisory"),
            ("through_the_client", "answers came through the client, which can answer by itself: advisory"),
            ("digests_masked", "digests cannot be recomputed because secrets are masked"),
            ("digests_incomplete", "digests cannot be recomputed because their entries are of an older version"),
        )
        lines = [f"Not checked: {count[name]} {what}." for name, what in told if count[name]]
        resting = self.findings.on_unsigned
        if resting:
            named = ", ".join(f"d{number}" for number in resting[:_MOST_NAMED])
            more = f" and {len(resting) - _MOST_NAMED} more" if len(resting) > _MOST_NAMED else ""
            lines.append(f"Calls that rest on unsigned answers: {named}{more}.")
        return lines

    def _found(self) -> list[str]:
        found = self.found
        if not found:
            return ["Nothing is wrong."]
        first = f"{counted(len(found), 'finding')}, the first at {found[0].where}:"
        return [first, *(f"  {one.line}" for one in found)]


def verify(entries: Iterable[Entry | Unreadable], witness: Witness, pins: PinRecords | None = None) -> Verified:
    """Check the entries in order, then the ``pins`` of the state. Whatever stands in them, it does not raise; what
    cannot be read is a finding.

    It keeps a few hundred bytes of each question and of each call that was sent with nothing counted, and of other
    entries nothing that is over.
    """
    findings = Findings()
    people = People(witness, findings)
    calls = Calls(people, findings)
    checks = {
        "question": people.question,
        "answer": people.answer,
        "command": people.command,
        "endorsement": people.endorsement,
        "definitions": people.definition,
        "session": people.session,
        "decision": calls.decision,
        "outcome": calls.releases.outcome,
    }
    for entry in entries:
        findings.counts["entries"] += 1
        if isinstance(entry, Unreadable):
            findings.unreadable(entry.number)
        elif (check := checks.get(entry.kind)) is not None:
            check(entry)
    if pins is not None:
        check_pins(pins, witness, findings)
    return Verified(findings)
