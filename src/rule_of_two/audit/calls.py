"""Checks every call that was let pass against what people had said: a yes, a grant, or nobody needed to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rule_of_two.audit.asked import Asked
from rule_of_two.audit.findings import Findings
from rule_of_two.audit.people import People
from rule_of_two.audit.recorded import Recorded, recorded
from rule_of_two.audit.releases import Releases, not_for
from rule_of_two.audit.testimony import DROP, FREEZE, WITHOUT, Said, Standing
from rule_of_two.model import Labels
from rule_of_two.store.journal import Entry


@dataclass(slots=True)
class Calls:
    """Decisions, as entries come by."""

    people: People
    findings: Findings
    releases: Releases = field(init=False)
    _approved: dict[int, Labels] = field(default_factory=dict)
    """Of each call that ran on a yes, what the session had seen then, with what it could bring."""

    def __post_init__(self) -> None:
        """Begin with no call."""
        self.releases = Releases(self.findings)

    def decision(self, entry: Entry) -> None:
        """Check a decision's entry."""
        self.findings.counts["decisions"] += 1
        one = recorded(entry)
        if one is None:
            self.findings.add(entry, "unreadable", "This decision cannot be read.")
            return
        wrong = self.releases.decision(entry, one)
        if wrong is None and one.passed:
            wrong = self._denied(one)
            if wrong is None and one.observed:
                self.findings.counts["observed"] += 1
            elif wrong is None:
                wrong = self._passed(entry, one)
        if wrong is not None:
            self.findings.add(entry, *wrong)
        elif one.passed and one.releases is None and not {"approves", "grant"}.isdisjoint(entry.body):
            self._approved[one.number] = frozenset(one.before) | one.labels

    def _denied(self, one: Recorded) -> tuple[str, str] | None:
        """Why nothing may have let it pass."""
        frozen = self.people.deeds.get((one.session, FREEZE))
        if frozen is not None and frozen.forbids(one.at):
            return "denied", f"The call was let pass after its session had been frozen (#{frozen.number})."
        dropped = self.people.deeds.get((one.session, DROP))
        if dropped is not None and "C" in one.labels and dropped.forbids(one.at):
            return "denied", f"The call carries C and was let pass after C had been dropped (#{dropped.number})."
        return None

    def _passed(self, entry: Entry, one: Recorded) -> tuple[str, str] | None:
        grant = entry.body.get("grant")
        if "approves" in entry.body:
            return self._by_people(entry, one)
        if "grant" in entry.body:
            self.findings.counts["by_grant"] += 1
            return self._by_grant(entry, one, self.people.questions.get(grant) if isinstance(grant, str) else None)
        if one.completes and not self._approved_before(one):
            return "no_approval", "A completing call was let pass without an approval."
        return None

    def _approved_before(self, one: Recorded) -> bool:
        """Whether it lets in what a call brought back that had run on a yes, with all that it could bring, and its
        session has seen nothing else since."""
        covers = None if one.releases is None else self._approved.get(one.releases)
        return covers is not None and one.labels | frozenset(one.before) <= covers

    def _by_people(self, entry: Entry, one: Recorded) -> tuple[str, str] | None:
        asked = None if one.approves is None else self.people.by_decision.get(one.approves)
        if asked is None:
            return "no_approval", "The call was let pass on the answer to a question that was not asked."
        if asked.ended == DROP and one.dropped and "C" not in one.labels:
            return None  # nothing is completing any more, so it needed no yes
        if asked.ended == WITHOUT and one.arrives and not one.completes:
            return None  # what is handed over asks nobody
        self.findings.counts["by_people"] += 1
        if not asked.approved:
            return "no_approval", _lacking(asked)
        wrong = self._not_for(entry, one, asked)
        if wrong is None and asked.held is not None and asked.held != frozenset(one.before):
            # The yes was for other labels, so it does not count, and policy alone decided.
            return ("other_labels", "The session held other labels than were shown.") if one.completes else None
        return wrong or not_for(entry, one, asked) or self._use(entry, one, asked)

    def _use(self, entry: Entry, one: Recorded, asked: Asked) -> tuple[str, str] | None:
        if asked.used_by is not None:
            return "used_twice", f"The yes to question #{asked.number} had been used for d{asked.used_by}."
        asked.used_by = one.number
        asked.uses = 1
        asked.covers = frozenset(one.before) | one.labels
        if any(said.standing is Standing.UNSIGNED for said in asked.yes.values()):
            self.findings.on_unsigned.append(one.number)
        return None if asked.grant is None else self._outside(entry, asked.grant, one)

    def _not_for(self, entry: Entry, one: Recorded, asked: Asked) -> tuple[str, str] | None:
        other = asked.differs(entry.session, entry.body)
        if other is not None:
            return "other_call", f"The yes to question #{asked.number} was for a call with another {other}."
        if asked.was_over(one.at):
            return "expired", f"The yes to question #{asked.number} had expired when it was used."
        return None

    def _by_grant(self, entry: Entry, one: Recorded, asked: Asked | None) -> tuple[str, str] | None:
        said = None if asked is None else asked.grant
        if asked is None or said is None or said.terms is None or said.standing is not Standing.SIGNED:
            return "no_approval", "The call was let pass on a grant that nobody gave and signed."
        if asked.used_by is None:
            return "no_approval", "The call was let pass on a grant before the call that was asked about."
        asked.uses += 1
        if asked.uses > said.terms.uses:
            return "used_up", f"The grant of question #{asked.number} was for {said.terms.uses} calls, and used up."
        if not frozenset(one.before) <= asked.covers:
            return "lapsed", f"The grant of question #{asked.number} had lapsed: its session had gained a label."
        return self._outside(entry, said, one)

    def _outside(self, entry: Entry, said: Said, one: Recorded) -> tuple[str, str] | None:
        """In what a call is outside the terms of a grant."""
        terms = said.terms
        if terms is None:
            return None
        body = {**entry.body, "session": entry.session, "targets": _targets(entry.body)}
        other = next((name for name, value in terms.members.items() if name in body and body[name] != value), None)
        if other is not None:
            return "outside_grant", f"The grant was for calls with another {other.replace('_', ' ')}."
        if one.at is None or not terms.begins <= one.at < terms.ends:
            return "outside_grant", "The call was not made in the time of its grant."
        return None


def _lacking(asked: Asked) -> str:
    if asked.ended is not None:
        return f"The call was let pass although a person had answered '{asked.ended}' to question #{asked.number}."
    return f"The call was let pass with {len(asked.yes)} of {asked.needs} yes to question #{asked.number} that count."


def _targets(body: Mapping[str, Any]) -> tuple[tuple[object, object], ...] | None:
    """Kinds and values in order, as the terms of a grant have them; ``None``: one of them cannot be read."""
    targets = body.get("targets")
    if not isinstance(targets, list) or not all(isinstance(one, Mapping) for one in targets):
        return None
    pairs = {(one.get("kind"), one.get("value")) for one in targets if isinstance(one.get("value"), str)}
    whole = all(isinstance(one.get("kind"), str) and isinstance(one.get("value"), str) for one in targets)
    return tuple(sorted(pairs)) if whole else None
