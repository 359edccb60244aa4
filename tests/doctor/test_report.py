"""An examination on paper: what succeeded stands out, how it is closed stands once, and nothing of others is obeyed."""

from __future__ import annotations

import io
import json

import orjson
from rich.console import Console

from rule_of_two.doctor.examine import Examination
from rule_of_two.doctor.fact import Fact
from rule_of_two.doctor.finding import Area, Finding, Result, assurance
from rule_of_two.doctor.report import as_facts, page

HOSTILE = "evil\x1b[2J\u202e\r[bold]T2[/bold]"

FINDINGS = (
    Finding(attempt="change this", area=Area.REACH, result=Result.SUCCEEDED, evidence="it is open", close="close it"),
    Finding(attempt="change that", area=Area.REACH, result=Result.UNTRIED, evidence="it was busy", close="close it"),
    Finding(attempt="approve", area=Area.APPROVE, result=Result.FAILED, evidence=HOSTILE),
    Finding(attempt="go beside", area=Area.GAP, result=Result.SUCCEEDED, evidence="it is so", close="say it"),
)


def _examination(*, step: str = "", findings: tuple[Finding, ...] = FINDINGS) -> Examination:
    facts = (Fact("configuration", good=True, says="fine"), Fact("server x", good=False, says=HOSTILE, next=step))
    return Examination("alice (uid 7)", facts, findings, assurance(findings, enrolled=True))


def _printed(examination: Examination | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(page(examination or _examination()))
    return out.getvalue()


def test_the_page_says_the_tier_why_and_how_to_close_it() -> None:
    shown = _printed()
    assert "Tried as alice (uid 7)" in shown
    assert "T1: approvals are signed" in shown
    assert "because  change this: succeeded" in shown
    assert shown.count("  - close it\n") == 1
    assert "against: change this; change that" in shown
    rows = {line.split("  ")[0]: line for line in shown.splitlines()}
    assert "succeeded (reaches)" in rows["change this"]
    assert "not tried (reaches)" in rows["change that"]
    assert " no " in rows["approve"]
    assert rows["!!"].startswith("!!  server x")


def test_what_others_wrote_is_shown_and_never_obeyed() -> None:
    shown = _printed()
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert shown.count("[bold]T2[/bold]") == 2


def test_scripts_get_every_finding_as_it_is() -> None:
    facts = json.loads(orjson.dumps(as_facts(_examination())))
    assert facts["tier"] == "T1"
    assert facts["attempts"][0] == {
        "attempt": "change this", "area": "reach", "result": "succeeded", "evidence": "it is open", "close": "close it",
    }  # fmt: skip
    assert len(facts["attempts"]) == len(FINDINGS)
    assert facts["setup"][1]["good"] is False


def test_the_last_line_is_the_one_to_act_on() -> None:
    assert _printed(_examination(step="install 'x'")).splitlines()[-1] == "Next: install 'x'."
    assert _printed().splitlines()[-1] == "It works. To raise T1: close it."
    nothing = _printed(_examination(findings=FINDINGS[2:3])).splitlines()[-1]
    assert nothing == "It works, and T2 is reached: there is nothing to do."
    assert as_facts(_examination(step="install 'x'"))["next"] == "Next: install 'x'."
