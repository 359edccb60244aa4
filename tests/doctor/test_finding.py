"""What attempts together are worth."""

from __future__ import annotations

import itertools

import pytest

from rule_of_two.doctor.finding import FINDINGS, Area, Finding, Result, assurance, judged
from rule_of_two.model import Tier


def _finding(area: Area, result: Result) -> Finding:
    return Finding(attempt=f"{area} {result}", area=area, result=result, evidence="it is so")


ALL = [_finding(area, result) for area, result in itertools.product(Area, Result)]
CLOSED = [_finding(area, Result.FAILED) for area in Area]


def test_when_everything_failed_it_is_t2_and_never_t3() -> None:
    found = assurance(CLOSED, enrolled=True)
    assert found.tier is Tier.SEPARATE
    assert "T3" in found.reasons[0]


@pytest.mark.parametrize("result", [Result.SUCCEEDED, Result.UNTRIED])
def test_one_way_to_approve_is_t0_and_one_way_to_reach_is_t1_tried_or_not(result: Result) -> None:
    approving, reaching = _finding(Area.APPROVE, result), _finding(Area.REACH, result)
    assert assurance([*CLOSED, approving], enrolled=True).tier is Tier.ADVISORY
    assert assurance([*CLOSED, reaching], enrolled=True).tier is Tier.SIGNED
    found = assurance([*CLOSED, reaching, approving], enrolled=True)
    assert found.reasons == (f"{approving.attempt}: {result}",)


def test_gaps_decide_no_tier() -> None:
    assert assurance([*CLOSED, _finding(Area.GAP, Result.SUCCEEDED)], enrolled=True).tier is Tier.SEPARATE


def test_where_nobody_is_enrolled_it_is_t0_whatever_failed() -> None:
    found = assurance(CLOSED, enrolled=False)
    assert (found.tier, found.reasons) == (Tier.ADVISORY, ("no approver is enrolled",))


def test_an_attempt_more_never_raises_the_tier() -> None:
    for several in itertools.combinations(ALL, 3):
        for more in ALL:
            assert assurance([*several, more], enrolled=True).tier <= assurance(several, enrolled=True).tier


def test_findings_pass_between_processes_as_they_are() -> None:
    assert FINDINGS.validate_json(FINDINGS.dump_json(tuple(ALL))) == tuple(ALL)


def test_a_clean_session_counts_only_where_a_gateway_goes_on_in_it() -> None:
    wrote = _finding(Area.APPROVE, Result.SUCCEEDED)
    assert judged(wrote, accepted=True) == wrote
    refused = judged(wrote, accepted=False)
    assert (refused.result, refused.area, refused.attempt) == (Result.FAILED, wrote.area, wrote.attempt)
    assert "no gateway goes on" in refused.evidence
    for result in (Result.UNTRIED, Result.FAILED):
        finding = _finding(Area.APPROVE, result)
        assert judged(finding, accepted=False) == finding
