"""Standing yeses: one tool, its targets, a count and an end, in one session, until it gains a label.

DESIGN section 3 "Approvals".

They stand in the state, so that all gateways of a session share them, and each use reads the signed answer anew: a row
that somebody wrote grants nothing. Without enrolled approvers there are no grants.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rule_of_two.approvals.answer import CLOCK_SKEW, Answer, canonical_targets
from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.receipts import receipt, receipt_text
from rule_of_two.errors import BadRequest
from rule_of_two.model import Approver, Facts, Labels, SessionView, labels_in

_COLUMNS: Final = "id, receipt, covers, uses_left, expires_at"


@dataclass(frozen=True, slots=True)
class Used:
    """One use of a grant."""

    id: str
    answer: Answer
    approver: Approver


class Grants:
    """The grants of one state, as one gateway process gives and uses them."""

    def __init__(self, approvers: Approvers, policy_version: str, clock: Callable[[], datetime]) -> None:
        self._approvers = approvers
        self._policy_version = policy_version
        self._clock = clock
        self._most_left: dict[str, int] = {}
        """What was left of each grant when this process last looked: it never becomes more."""

    def give(self, db: sqlite3.Connection, answer: Answer, *, covers: Labels) -> None:
        """Begin a grant; the call that was asked about is the first use of it. ``covers`` is what the session holds
        and this call brings."""
        if answer.grant is None or not self._approvers:
            return
        self._most_left[answer.question_id] = answer.grant.uses - 1
        db.execute(
            f"INSERT INTO grants ({_COLUMNS}, session, given_at) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # literal
            (
                answer.question_id,
                receipt_text(answer),
                "".join(sorted(covers)),
                answer.grant.uses - 1,
                answer.grant_ends.isoformat(),
                answer.grant.session,
                self._clock().isoformat(),
            ),
        )

    def use(self, db: sqlite3.Connection, facts: Facts, pin: str | None, view: SessionView) -> Used | None:
        """Take one use of a grant that covers this call, if there is one.

        # INVARIANT: only what the signed terms say is granted; tests/approvals/test_grants.py.
        """
        if not self._approvers:
            return None
        rows = db.execute(f"SELECT {_COLUMNS} FROM grants WHERE session = ?", (view.id,)).fetchall()  # noqa: S608  # literal
        for grant_id, text, covers, uses_left, _ in rows:
            used = self._usable(grant_id, text, facts, pin, view)
            if used is None or used.answer.grant is None:
                continue
            left = min(uses_left, self._most_left.get(grant_id, used.answer.grant.uses - 1))
            if left <= 0 or not view.after.keys() <= labels_in(covers):
                continue
            self._most_left[grant_id] = left - 1
            db.execute("UPDATE grants SET uses_left = ? WHERE id = ?", (left - 1, grant_id))
            return used
        return None

    def _usable(self, grant_id: str, text: str, facts: Facts, pin: str | None, view: SessionView) -> Used | None:
        try:
            answer = receipt(text)
        except BadRequest:
            return None
        terms = answer.grant
        if terms is None or answer.verdict is not Choice.GRANT or answer.question_id != grant_id:
            return None
        now = self._clock()
        in_time = answer.answered_at - CLOCK_SKEW <= now < answer.grant_ends
        exact = terms.covers == (
            view.id,
            str(facts.action),
            facts.upstream,
            facts.name,
            pin,
            self._policy_version,
            canonical_targets(facts.targets),
        )
        if not (in_time and exact):
            return None
        who = self._approvers.who(answer)
        return Used(grant_id, answer, who) if isinstance(who, Approver) else None


def in_step(answer: Answer, now: datetime) -> bool:
    """Whether the console's clock is near enough to ours for a grant, whose end is reckoned from the answer."""
    return abs(answer.answered_at - now) <= CLOCK_SKEW
