"""Whether a result is kept (the action `hold_result`): only where a permit names the action, and never by an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from rule_of_two.model import Action, Facts, Outcome, Principal, SessionView, labels_in
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.proof.verify import Prover

from .conftest import LoadText

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOLD: Final = """
@id("own.hold") @message("Kept.")
permit (principal, action == Gateway::Action::"hold_result", resource) when { context.labels.B };
"""
EVERYTHING: Final = '@id("own.all") @message("All.") permit (principal, action, resource);'


def outcome(load_text: LoadText, text: str, labels: str = "B") -> Outcome:
    authorizer = Authorizer(load_text(text, "default"), Principal(), "generic")
    facts = Facts(Action.CALL_TOOL, "hr", "salaries", labels_in(labels))
    return authorizer.judge_holding(facts, SessionView("s"), now=NOW).outcome


def test_a_result_is_kept_where_a_policy_permits_it(load_text: LoadText) -> None:
    assert outcome(load_text, HOLD) is Outcome.ALLOW
    assert outcome(load_text, HOLD, "A") is Outcome.DENY


def test_nothing_is_kept_by_default_or_by_a_permit_for_everything(load_text: LoadText) -> None:
    assert outcome(load_text, EVERYTHING) is Outcome.DENY
    use = '@id("own.use") @message("m") permit (principal, action in Gateway::Action::"use", resource);'
    assert outcome(load_text, use) is Outcome.DENY
    assert not load_text(EVERYTHING, "default").holds
    assert load_text(HOLD, "default").holds


def test_a_forbid_for_everything_counts(load_text: LoadText) -> None:
    stop = '@id("own.stop") @message("m") forbid (principal, action, resource) when { context.labels.B };'
    assert outcome(load_text, HOLD + stop) is Outcome.DENY


def test_a_policy_that_errs_keeps_nothing(load_text: LoadText) -> None:
    wrong = HOLD.replace("context.labels.B", "9223372036854775807 + context.approvals + 1 > 0")
    assert outcome(load_text, wrong) is Outcome.DENY


@pytest.mark.parametrize("upstream", ["\ud800", "", 'x" }'])
def test_an_odd_name_keeps_nothing_and_raises_nothing(load_text: LoadText, upstream: str) -> None:
    authorizer = Authorizer(load_text(HOLD, "default"), Principal(), "generic")
    facts = Facts(Action.CALL_TOOL, upstream, "t", labels_in("B"))
    assert authorizer.judge_holding(facts, SessionView("s"), now=NOW).outcome in {Outcome.ALLOW, Outcome.DENY}


def test_the_proof_of_the_rule_is_as_without_it(load_text: LoadText) -> None:
    other = '@id("own.none") @message("m") forbid (principal, action, resource) when { context.labels.B && false };'
    found = [one.status for one in Prover(load_text(HOLD, "default"), ()).results()]
    assert found == [one.status for one in Prover(load_text(other, "default"), ()).results()]
