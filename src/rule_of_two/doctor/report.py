"""An examination as a page for people, and as facts for scripts. No text of others begins a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from msgspec import structs
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rule_of_two.doctor.examine import Examination
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.escape import visible
from rule_of_two.model import Tier

MEANS: Final = {
    Tier.ADVISORY: "advisory: the agent could approve its own calls",
    Tier.SIGNED: "approvals are signed, but the agent can reach what the gateway rests on",
    Tier.SEPARATE: "the agent can neither approve nor reach what the gateway rests on",
}
_AREAS: Final = {
    Area.APPROVE: "approves",
    Area.REACH: "reaches",
    Area.GAP: "",
}


def as_facts(examination: Examination) -> dict[str, Any]:
    """For scripts."""
    found = examination.assurance
    return {
        "tier": found.tier,
        "means": MEANS[found.tier],
        "reasons": list(found.reasons),
        "agent": examination.agent,
        "setup": [structs.asdict(fact) for fact in examination.facts],
        "attempts": [asdict(finding) for finding in examination.findings],
        "next": next_step(examination),
    }


def page(examination: Examination) -> RenderableType:
    """For people: what is set up, what was tried, the tier, and how what succeeded is closed."""
    found = examination.assurance
    return Group(
        _setup(examination),
        Text(f"\nTried as {visible(examination.agent)}:"),
        _attempts(examination),
        Text(f"\n{found.tier}: {MEANS[found.tier]}", style="bold"),
        *(Text(f"  because  {visible(reason)}") for reason in found.reasons),
        *_closing(examination),
        Text(f"\n{visible(next_step(examination))}", style="bold"),
    )


def next_step(examination: Examination) -> str:
    """The one line that a person acts on: what does not work comes before what an agent could get round."""
    for fact in examination.facts:
        if not fact.good and fact.next:
            return f"Next: {fact.next}."
    for area in (Area.APPROVE, Area.REACH):
        for one in examination.findings:
            if one.open and one.area is area and one.close:
                return f"It works. To raise {examination.assurance.tier}: {one.close}."
    return f"It works, and {examination.assurance.tier} is reached: there is nothing to do."


def _setup(examination: Examination) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for fact in examination.facts:
        table.add_row(Text("ok" if fact.good else "!!"), Text(visible(fact.what)), Text(visible(fact.says)))
    return table


def _attempts(examination: Examination) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("attempt", "result", "evidence"):
        table.add_column(heading)
    for one in examination.findings:
        style = "bold" if one.open and one.area is not Area.GAP else ""
        result = "succeeded" if one.result is Result.SUCCEEDED else "not tried" if one.open else "no"
        mark = f" ({_AREAS[one.area]})" if one.open and _AREAS[one.area] else ""
        table.add_row(Text(visible(one.attempt), style), Text(f"{result}{mark}", style), Text(visible(one.evidence)))
    return table


def _closing(examination: Examination) -> Iterator[Text]:
    ways: dict[str, list[Finding]] = {}
    for one in examination.findings:
        if one.open and one.close:
            ways.setdefault(one.close, []).append(one)
    if ways:
        yield Text("\nTo close what is open:")
    for close, findings in ways.items():
        yield Text(f"  - {visible(close)}")
        yield Text(f"    against: {visible('; '.join(dict.fromkeys(one.attempt for one in findings)))}")
