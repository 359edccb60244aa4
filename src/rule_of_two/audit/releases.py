"""Checks what calls brought back: that nothing was handed over which no decision, and no yes, had let in.

A call that does not act can be sent with nothing of it counted (``defers``): what it brings is decided when it is there
(``releases``). Both decisions, and what became of the call, have to be of the same call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from rule_of_two.audit.asked import Asked
from rule_of_two.audit.findings import Findings
from rule_of_two.audit.recorded import Recorded
from rule_of_two.model import NONE, Labels, Outcome, completing, labels_in
from rule_of_two.store.journal import Entry

_HANDED_OVER: Final = ("result", "error")
_NOT_YET: Final = "input_required"
"""The detail of a result that is none yet: its server asked something first."""

Wrong = tuple[str, str] | None
"""Cause and sentence of a finding."""


class Releases(Struct):
    """What came back, as entries come by. Kept are the calls that were sent with nothing counted, and of others what is
    decided and not yet handed over."""

    findings: Findings
    _deferred: dict[int, tuple[object, ...]] = field(default_factory=dict)
    """By number, what makes a call the same."""
    _decided: dict[int, frozenset[str] | None] = field(default_factory=dict)
    """By number of the call, the digests of what its newest decision lets in; ``None``: it lets nothing in."""

    def decision(self, entry: Entry, one: Recorded) -> Wrong:
        """What is wrong with a decision as one of two about the same call."""
        wrong: Wrong = None
        if one.defers:
            self._deferred[one.number] = _identity(entry)
            if one.labels or "C" in one.defers or one.outcome is not Outcome.ALLOW:
                wrong = "acts", "It was sent with nothing of it counted, though that is for calls that do not act."
        if one.releases is None:
            return wrong
        self.findings.counts["releases"] += 1
        known = self._deferred.get(one.releases)
        if one.releases >= one.number:
            return "no_call", "It lets in the result of a call that had not been decided."
        if one.passed and known not in (None, _identity(entry)):
            return "other_call", f"It lets in the result of a call, but d{one.releases} is another one."
        self._decided[one.releases] = _digests(entry.body) if one.passed else None
        return wrong

    def outcome(self, entry: Entry) -> None:
        """Check that what was handed over had been let in."""
        number, body = entry.decision, entry.body
        if number is None:
            return
        decided, let_in = number in self._decided, self._decided.pop(number, None)
        waits = number in self._deferred and body.get("detail") != _NOT_YET
        if body.get("outcome") not in _HANDED_OVER or not (decided or waits):
            return
        if let_in is None:
            sentence = f"What d{number} brought back was handed over, and no decision had let it in."
            self.findings.add(entry, "not_released", sentence)
        elif not _digests(body) <= let_in:
            sentence = f"Something was handed over of what d{number} brought back that had not been let in."
            self.findings.add(entry, "other_result", sentence)


def not_for(entry: Entry, one: Recorded, asked: Asked) -> Wrong:
    """Why the yes to a question was not for what a decision lets in: it was for something else that came back, or for
    less of it. A yes to a call is none to what it brings."""
    if (asked.arrival is None) != (one.releases is None):
        what = "a call" if asked.arrival is None else "what a call brought back"
        return "other_call", f"The yes to question #{asked.number} was for {what}."
    if asked.arrival is None:
        return None
    handed = _items(entry.body)
    whole = entry.body.get("result_sha256") == asked.result_sha256
    digests = set(asked.arrival.values())
    if any(digest not in digests for digest, _ in handed) or not (whole or handed):
        return "other_result", f"The yes to question #{asked.number} was for another result."
    picked = {asked.arrival.get(name) for name in asked.picked}
    rest: Labels = NONE.union(*(labels for digest, labels in handed if digest not in picked))
    if picked and completing(frozenset(one.before), rest, dropped=one.dropped):
        return "no_approval", f"The yes to question #{asked.number} was for other items of the result."
    return None


def _identity(entry: Entry) -> tuple[object, ...]:
    body = entry.body
    return (entry.session, *(str(body.get(name)) for name in ("action", "upstream", "name", "arguments_sha256")))


def _items(body: Mapping[str, Any]) -> list[tuple[str, Labels]]:
    """Digests and labels of the items that an entry lists; what cannot be read is left out."""
    listed = body.get("items")
    found: list[tuple[str, Labels]] = []
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping):
            labels = item.get("labels")
            read = labels_in(one for one in labels if isinstance(one, str)) if isinstance(labels, list) else NONE
            found.append((str(item.get("sha256")), read))
    return found


def _digests(body: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(digest for digest, _ in _items(body))
