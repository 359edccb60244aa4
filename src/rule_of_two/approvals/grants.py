"""Standing yeses: one tool, its targets, a count and an end, in one session, until it gains a label.

DESIGN section 3 "Approvals".

They stand in the state, so that all gateways of a session share them, and each use reads the signed answer anew, and
asks policy anew whether its giver may give it: a row that somebody wrote grants nothing. Without enrolled approvers
there are no grants.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from rule_of_two.approvals.answer import CLOCK_SKEW, Answer, GrantTerms, canonical_targets
from rule_of_two.approvals.approvers import Approvers
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.receipts import receipt, receipt_text
from rule_of_two.errors import BadRequest
from rule_of_two.model import Approver, Facts, SessionView

MayGive = Callable[[Approver, Facts, SessionView, datetime], bool]
"""Whether policy lets a person give a standing yes to a call of these facts, in a session as it was, at a time."""


class Used(Struct, frozen=True):
    """One use of a grant."""

    id: str
    left: int
    """How many more there are."""


class Grants:
    """The grants of one state, as one gateway process gives and uses them. ``policy_version`` tells the version of the
    policies in force: a grant of another one is none."""

    def __init__(
        self, approvers: Approvers, policy_version: Callable[[], str], clock: Callable[[], datetime], may_give: MayGive
    ) -> None:
        self._approvers = approvers
        self._may_give = may_give
        self._policy_version = policy_version
        self._clock = clock
        self._most_left: dict[str, int] = {}
        """What was left of each grant when this process last looked: it never becomes more."""

    def give(self, db: sqlite3.Connection, answer: Answer) -> None:
        """Begin a grant; the call that was asked about is the first use of it."""
        terms = answer.grant
        if terms is None or not self._approvers:
            return
        self._most_left[answer.question_id] = terms.uses - 1
        db.execute(
            "INSERT INTO grants (id, session, receipt, covers, uses_left, expires_at, given_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                answer.question_id,
                terms.session,
                receipt_text(answer),
                "".join(sorted(terms.bounds)),
                terms.uses - 1,
                answer.grant_ends.isoformat(),
                self._clock().isoformat(),
            ),
        )

    def use(self, db: sqlite3.Connection, facts: Facts, pin: str | None, view: SessionView) -> Used | None:
        """Take one use of a grant that covers this call, if there is one; :meth:`committed` is to be told of it.

        # INVARIANT: only what the signed terms say is granted, by somebody who may; tests/approvals/test_grants.py and
        # tests/attacks/test_approvals_grants.py.
        """
        if not self._approvers:
            return None
        rows = db.execute("SELECT id, receipt, uses_left FROM grants WHERE session = ?", (view.id,)).fetchall()
        for grant_id, text, uses_left in rows:
            terms = self._terms(grant_id, text, facts, pin, view)
            if terms is None or not isinstance(uses_left, int):
                continue
            left = min(uses_left, self._most_left.get(grant_id, terms.uses - 1))
            if left <= 0:
                continue
            db.execute("UPDATE grants SET uses_left = ? WHERE id = ?", (left - 1, grant_id))
            return Used(grant_id, left - 1)
        return None

    def committed(self, used: Used) -> None:
        """The transaction of a use was committed: from now on no row makes more of what is left."""
        self._most_left[used.id] = min(used.left, self._most_left.get(used.id, used.left))

    def _terms(self, grant_id: str, text: str, facts: Facts, pin: str | None, view: SessionView) -> GrantTerms | None:
        """What the signed answer in a row says, if it covers this call."""
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
            self._policy_version(),
            canonical_targets(facts.targets),
            tuple(sorted(facts.labels)),
        )
        if not (in_time and exact and view.after.keys() <= terms.bounds):
            return None
        who = self._approvers.who(answer)
        given_in = SessionView(view.id, {label: at for label, at in view.after.items() if label in terms.held})
        may = isinstance(who, Approver) and self._may_give(who, facts, given_in, answer.answered_at)
        return terms if may else None


def in_step(at: datetime, now: datetime) -> bool:
    """Whether somebody's clock said ``at`` near enough to ours for what must be given now: a grant, whose end is
    reckoned from it, and a new session."""
    return abs(at - now) <= CLOCK_SKEW
