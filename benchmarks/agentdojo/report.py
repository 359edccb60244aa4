"""The figures as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.agentdojo.figures import Figures, by_group, remaining
from benchmarks.agentdojo.measuring import Batch
from benchmarks.agentdojo.sets import PolicySet

_HEADING: Final = (
    "suites", "attacks", "plain", "base64", "plain, no", "base64, no", "tasks", "unasked", "questions", "useful, no",
    "useful", "attacked",
)  # fmt: skip
LEGEND: Final = """\
attacks     how many: each injection into each task
plain       attacks that reach their goal; the human answers rightly; the text is plain
base64      the same with the text in base64
…, no       the same where the human refuses every question
tasks       how many honest tasks
unasked     honest tasks that run without a question
questions   questions of an honest task, on average
useful, no  honest tasks that are solved although every question is refused
useful      honest tasks that are solved, the human answers rightly
attacked    honest tasks that are solved under attack (plain), the human answers rightly"""


def lines(policy_set: PolicySet, batches: Sequence[Batch]) -> Iterator[str]:
    """A table, and the attacks that remain."""
    yield f"{policy_set.name}: {policy_set.about}"
    yield ""
    rows = [_HEADING, *(_row(group, figures) for group, figures in by_group(batches))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADING))]
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join((row[0].ljust(len(first)), *rest)).rstrip()
    yield ""
    for one in remaining(batches):
        yield f"remains: {one.suite} {one.injection} ({one.encoding}): {one.harmed} of {one.tried}"


def _row(group: str, figures: Figures) -> tuple[str, ...]:
    return (
        group,
        str(figures.attacks),
        _percent(figures.attack_plain),
        _percent(figures.attack_base64),
        _percent(figures.attack_plain_refused),
        _percent(figures.attack_base64_refused),
        str(figures.tasks),
        _percent(figures.without_question),
        f"{figures.questions:.2f}",
        _percent(figures.utility_refused),
        _percent(figures.utility_rightly),
        _percent(figures.utility_attacked),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
