"""``# lint: ignore RULE because …``: what somebody looked at and found right, with the reason.

It is a comment of a line of its own, directly above the line that is found, or above the entry's name. A comment that
quotes something, or stands behind a value, exempts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rule_of_two.manifests.linting.finding import Finding
from rule_of_two.yaml_source import nearest

_LINE: Final = re.compile(r"\s*#\s*lint:\s*ignore\b(?P<rest>.*)")
_REST: Final = re.compile(r"\s+(?P<rules>[a-z-]+(?:\s*,\s*[a-z-]+)*)\s+because\s+(?P<reason>\S.*)")
_SHAPE: Final = "write `# lint: ignore RULE because …`, with the reason"


class Exemption(Struct, frozen=True):
    """One comment. It covers the first line below it that is no comment."""

    line: int
    covers: int
    rules: frozenset[str]
    reason: str


def exemptions(text: str, file: Path, known: Collection[str]) -> tuple[list[Exemption], list[Finding]]:
    """The exemptions of a file, and what is wrong with those that are none."""
    found: list[Exemption] = []
    wrong: list[Finding] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        rest = _REST.fullmatch(match["rest"])
        if rest is None:
            wrong.append(Finding("bad-exemption", file, number, "an exemption without a rule or a reason", _SHAPE))
            continue
        rules = frozenset(re.split(r"\s*,\s*", rest["rules"]))
        for rule in sorted(rules - {*known}):
            hint = nearest(rule, sorted(known)) or f"; there are {', '.join(sorted(known))}"
            wrong.append(Finding("bad-exemption", file, number, f"no rule is called '{rule}'", f"correct it{hint}"))
        found.append(Exemption(number, _next(lines, number), rules & {*known}, rest["reason"]))
    return found, wrong


def _next(lines: list[str], number: int) -> int:
    below = (place for place in range(number, len(lines)) if not lines[place].lstrip().startswith("#"))
    return next(below, len(lines)) + 1


def without(
    findings: Iterable[tuple[Finding, int | None]],
    given: Iterable[Exemption],
    file: Path,
    unknown: Collection[str] = (),
) -> Iterator[Finding]:
    """The findings that nothing exempts, each given with the line of its entry's name; then exemptions of nothing.
    ``unknown``: rules that could not be looked for, so that nothing is said of exemptions from them."""
    used: set[tuple[int, str]] = set()
    given = list(given)
    for finding, entry in findings:
        by = [one for one in given if finding.rule in one.rules and one.covers in {finding.line, entry}]
        used.update((one.line, finding.rule) for one in by)
        if not by:
            yield finding
    for one in given:
        for rule in sorted(one.rules):
            if (one.line, rule) not in used and rule not in unknown:
                yield Finding("idle-exemption", file, one.line, f"nothing here is found by {rule}", "take it out")
