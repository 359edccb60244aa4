"""The invariant on the real engine, in every case that it can tell apart.

A forbid overrides every permit, so what the invariant's policies do beside ``permit (principal, action, resource)``
they do in every set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Final

import cedarpy
from msgspec import Struct

from rule_of_two.errors import Code
from rule_of_two.model import ORDER, Action, Facts, Held, Labels, Outcome, Principal, SessionView, label_text
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.subset import only
from rule_of_two.policy.syntax import Policy

ASK: Final = "r2.ask-third-label"
FROZEN: Final = "r2.deny-all-when-frozen"
DROPPED: Final = "r2.deny-c-when-dropped"
AREA: Final = "r2."

_GENEROUS: Final = '@id("enumeration.permit-all") permit (principal, action, resource);'
_NOW: Final = datetime(2026, 1, 5, 10, tzinfo=UTC)


class Case(Struct, frozen=True):
    """What the invariant reads of one request. ``approvals`` is 0 or 1."""

    held: Labels
    labels: Labels
    approvals: int
    dropped: bool
    frozen: bool

    def expected(self) -> tuple[Outcome, Code | None, frozenset[str]]:
        """What DESIGN section 3 says of it: outcome, code, and the policies that decide."""
        acts = self.dropped and "C" in self.labels
        if self.frozen:
            return Outcome.DENY, Code.SESSION_FROZEN, frozenset((FROZEN, DROPPED) if acts else (FROZEN,))
        if acts:
            return Outcome.DENY, Code.DROPPED_CAPABILITY, frozenset((DROPPED,))
        if not self.dropped and not self.approvals and makes_three(self.held, self.labels):
            return Outcome.ASK, None, frozenset((ASK,))
        return Outcome.ALLOW, None, frozenset()

    def __str__(self) -> str:
        said = [f"held {label_text(self.held)}", f"the call brings {label_text(self.labels)}"]
        said += ["a person said yes"] * self.approvals
        said += ["C is dropped"] * self.dropped + ["the session is frozen"] * self.frozen
        return ", ".join(said)


class Difference(Struct, frozen=True):
    """A case in which the engine says something else than the rule."""

    action: Action
    case: Case
    outcome: Outcome
    policies: tuple[str, ...]


class Enumeration(Struct, frozen=True):
    """All cases of all requests that reach an upstream, and those that came out wrong."""

    cases: int
    differences: Sequence[Difference]


def enumerate_invariant(policies: Policies, actions: Iterable[Action] = Action) -> Enumeration:
    """The invariant of a loaded set on the engine, alone beside the most generous permit."""
    permit = Policy("enumeration.permit-all", None, None, Path(), 0, _GENEROUS, cedarpy.policies_to_json_str(_GENEROUS))
    invariant = only(policies, lambda policy: policy.id.startswith(AREA), [permit])
    asked = list(actions)
    found = differences(Authorizer(invariant, Principal(), "generic"), asked, _NOW)
    return Enumeration(len(asked) * sum(1 for _ in cases()), list(found))


def cases() -> Iterator[Case]:
    """Held × labels × approved × dropped are the 2^8 cases of the rule; frozen doubles them."""
    flags = (False, True)
    for held, labels, approvals, dropped, frozen in product(_subsets(), _subsets(), (0, 1), flags, flags):
        yield Case(held, labels, approvals, dropped, frozen)


def makes_three(held: Labels, labels: Labels) -> bool:
    """DESIGN section 3 in other words than policies and model: three together, by something new or by acting again."""
    together = {*held, *labels}
    new = [label for label in labels if label not in held]
    return len(together) == 3 and (bool(new) or "C" in labels)


def differences(authorizer: Authorizer, actions: Iterable[Action], now: datetime) -> Iterator[Difference]:
    """The cases in which outcome, code or deciding policies of the invariant are not what the rule says."""
    for action, case in product(actions, cases()):
        # Half of what is held is only reserved: it must count the same.
        reserved: Held = dict.fromkeys(case.held & {"B"}, 7)
        settled: Held = dict.fromkeys(case.held - {"B"}, 7)
        view = SessionView("s", settled, reserved, case.dropped, case.frozen)
        facts = Facts(action, "up", "name", case.labels)
        verdict = authorizer.decide(facts, view, now=now, approvals=case.approvals)
        decided = frozenset(name for name in verdict.policies if name.startswith(AREA))
        if (verdict.outcome, verdict.code, decided) != case.expected() or verdict.errors:
            yield Difference(action, case, verdict.outcome, verdict.policies)


def _subsets() -> Sequence[Labels]:
    return [frozenset(label for bit, label in enumerate(ORDER) if mask >> bit & 1) for mask in range(8)]
