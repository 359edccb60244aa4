"""What of a request's labels counts, by policies that permit to leave its C out of account (Cedar action ``lower_c``).

The default is literal: no policy permits it, and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from rule_of_two.model import EGRESS, Facts, Outcome, SessionView
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.context import NOTHING_KNOWN, Environment
from rule_of_two.records import replace

LINE: Final = "policy "
"""How a line of ``lowered_by`` begins that names a policy."""


def nothing_known(session: str) -> Environment:
    """Where no context provider was asked."""
    return NOTHING_KNOWN


def as_counted(
    facts: Facts,
    judged: Sequence[SessionView],
    authorizer: Authorizer,
    *,
    now: datetime,
    environment: Callable[[str], Environment] = nothing_known,
) -> Facts:
    """The facts without C, where policies permit that in every session that the request is ``judged`` by; each of these
    policies is a line of ``lowered_by``.

    # INVARIANT: only C is ever left out, only on a clean allow of policies whose head names the action, only where each
    # target was written in its canonical form, and never where C was dropped; tests/policy/test_lowering.py.
    """
    if not authorizer.lowers_c or "C" not in facts.labels or not all(target.exact for target in facts.targets):
        return facts
    found: set[str] = set()
    for view in judged:
        said = authorizer.judge_lowering(facts, view, now=now, environment=environment(view.id))
        if said.outcome is not Outcome.ALLOW or view.dropped:
            return facts
        found.update(said.policies)
    lines = (f"{LINE}{name}: [C] is left out of account" for name in sorted(found))
    return replace(facts, labels=facts.labels - EGRESS, left_out=EGRESS, lowered_by=(*facts.lowered_by, *lines))
