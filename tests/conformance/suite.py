"""Run the conformance suite against a server, and compare two runs check by check."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final, Literal

from scripts.servers import installed
from tests.conformance.bearer_proxy import adding

Status = Literal["SUCCESS", "FAILURE", "WARNING", "SKIPPED", "INFO"]
SpecVersion = Literal["2025-11-25", "2026-07-28"]
SUITE_SECONDS: Final = 180
"""The suite itself gives up on one scenario after 30 seconds."""

_FOLDER: Final = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\dZ-]+")


@dataclass(frozen=True, slots=True)
class Check:
    """One verdict of the suite. One id may stand several times in a scenario, once for each probe."""

    id: str
    name: str
    status: Status
    message: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.message}".rstrip()


Checks = Mapping[str, Sequence[Check]]
"""The checks of each scenario, in the order in which the suite made them."""


def command() -> list[str]:
    """What starts the suite.

    :raises AssertionError: it is not installed.
    """
    found = installed("conformance")
    assert found is not None, "the suite is not installed: run `python scripts/servers.py --conformance`"
    return found


def run_suite(
    url: str, spec_version: SpecVersion, folder: Path, *, headers: Mapping[str, str] | None = None
) -> dict[str, list[Check]]:
    """Run every scenario of ``spec_version`` that asks something of a server; ``folder`` keeps what the suite wrote.

    The suite has no option for headers: with ``headers`` it talks to a proxy that adds them.

    :raises AssertionError: the suite wrote nothing.
    :raises subprocess.TimeoutExpired: it did not end.
    """
    with ExitStack() as stack:
        target = stack.enter_context(adding(headers, url)) if headers else url
        arguments = ["--url", target, "--suite", "all", "--spec-version", spec_version, "--output-dir", str(folder)]
        done = subprocess.run(
            [*command(), "server", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=SUITE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    results = read_results(folder)
    assert results, f"the suite wrote no results (exit code {done.returncode}):\n{done.stdout}{done.stderr}"
    return results


def read_results(folder: Path) -> dict[str, list[Check]]:
    """The checks in a folder that the suite wrote, by scenario."""
    results: dict[str, list[Check]] = {}
    for file in sorted(folder.glob("*/checks.json")):
        found = _FOLDER.fullmatch(file.parent.name)
        assert found is not None, file.parent.name
        results[found["scenario"]] = [
            Check(check["id"], check["name"], check["status"], check.get("errorMessage") or "")
            for check in json.loads(file.read_text(encoding="utf-8"))
        ]
    return results


def count(checks: Checks) -> Counter[Status]:
    """How many checks have each status."""
    return Counter(check.status for found in checks.values() for check in found)


def other_than_passed(checks: Checks) -> list[str]:
    """A line for each check that failed, warned or was skipped."""
    return [
        f"{scenario}: {check.name} ({check.id}): {check}"
        for scenario, found in checks.items()
        for check in found
        if check.status not in {"SUCCESS", "INFO"}
    ]


def compare(direct: Checks, through: Checks) -> list[str]:
    """A line for each check whose verdict differs; no line says that both runs agree.

    Checks are paired by scenario, id and name, in order. What is for information in both runs is left out: it is a
    log of what was sent, which may differ in number.
    """
    lines: list[str] = []
    for scenario in dict.fromkeys([*direct, *through]):
        before, after = _by_name(direct.get(scenario, ())), _by_name(through.get(scenario, ()))
        for key in dict.fromkeys([*before, *after]):
            for one, other in zip_longest(before.get(key, ()), after.get(key, ())):
                statuses = {check.status if check else "INFO" for check in (one, other)}
                if len(statuses) > 1 or (None in (one, other) and statuses != {"INFO"}):
                    identity, name = key
                    lines.append(f"{scenario}: {name} ({identity}): {one or 'not made'} -> {other or 'not made'}")
    return lines


def _by_name(checks: Sequence[Check]) -> dict[tuple[str, str], list[Check]]:
    named: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in checks:
        named[check.id, check.name].append(check)
    return dict(named)
