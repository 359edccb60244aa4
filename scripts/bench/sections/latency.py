"""Added latency of one call: what stands in the middle against nothing in the middle."""

from __future__ import annotations

import json
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.client import Failed
from scripts.bench.contenders import DIRECT, FASTMCP, TYPED, Contender, echo_thin, rule_of_two, wrap
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import added, in_rounds, percentile, progress, ratio, start
from scripts.bench.setting import TEXT, TOOLS, Running, Setting

RESERVING = "rule-of-two, reserving"


@dataclass(slots=True)
class Reserving:
    """A gateway whose every measured call brings a label, so that it reserves, settles and joins.

    A label joins a session once, so after two calls a person starts a new session: outside the measured time, by the
    command line.
    """

    running: Running
    state: Path
    session: str = ""

    @property
    def name(self) -> str:
        return self.running.name

    def burst(self, count: int) -> list[int]:
        """Nanoseconds of a call that brings A and of one that brings B; ``count`` is at most two."""
        if not self.session:
            self.session = json.loads(self._ask("list"))[0]["id"]
        self.session = json.loads(self._ask("new", "--yes", self.session))["session"]
        self.running.client.call("echo", {"text": TEXT})
        return [self.running.client.call(tool, {"text": TEXT}) for tool in ("echo_a", "echo_b")[:count]]

    def _ask(self, *arguments: str) -> str:
        command = rule_of_two(self.state, "--json", "session", *arguments)
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise Failed(f"`session {arguments[0]}` failed: {result.stderr.strip()[-200:]}")
        return result.stdout


def run(setting: Setting) -> Section:
    """Measure it."""
    section = Section(
        "latency",
        "Added latency of one call (echo of 100 bytes, one at a time)",
        (
            Column("contender", "in the middle"),
            Column("median", "added median", "µs"),
            Column("p99", "p99", "µs"),
            Column("typed", "of typed", "×"),
            Column("fastmcp", "of FastMCP", "×"),
            Column("calls", "calls"),
        ),
        notes=(f"'{RESERVING}': the first call of its label in a new session, where nothing is cached yet.",),
    )
    running = setting.line_up(section)
    rounds, calls, renewals = (15, 40, 3) if setting.quick else (80, 50, 40)
    progress(f"latency: {rounds} rounds of {calls} calls, {len(running)} contenders")
    bursts = in_rounds(running, rounds, lambda one: one.burst(calls), section.failed)
    values = {name: added(found, bursts[DIRECT]) for name, found in bursts.items()}
    values |= _reserving(setting, section, running[0], renewals)
    medians = {name: statistics.median(found) / 1000 for name, found in values.items()}
    section.rows.append(_row("direct, the whole call", [call for burst in bursts[DIRECT] for call in burst]))
    names = [contender.name for contender in setting.contenders()]
    names.insert(names.index(TYPED), RESERVING)
    for name in names[1:]:
        if name in values:
            of_typed, of_fastmcp = (ratio(medians[name], medians.get(other)) for other in (TYPED, FASTMCP))
            section.rows.append({**_row(name, values[name]), "typed": of_typed, "fastmcp": of_fastmcp})
            section.targets += _targets(name, of_typed, of_fastmcp)
    setting.end(section.failed)
    return section


def _row(name: str, values: list[float] | list[int]) -> dict[str, Any]:
    return {
        "contender": name,
        "median": statistics.median(values) / 1000,
        "p99": percentile(values, 0.99) / 1000,
        "calls": len(values),
    }


def _targets(name: str, typed: float | None, fastmcp: float | None) -> list[Target]:
    found: list[Target] = []
    if name.startswith("rule-of-two") and typed is not None:
        found.append(Target("Core", f"added median of the typed pass-through's, {name}", typed, 0.8, "×"))
        found.append(Target("Wire", f"added median of the typed pass-through's, {name}", typed, 0.33, "×"))
    if name.startswith("rule-of-two") and fastmcp is not None:
        found.append(Target("Wire", f"added median of FastMCP's proxy's, {name}", fastmcp, 0.2, "×"))
    return found


def _reserving(setting: Setting, section: Section, direct: Running, renewals: int) -> dict[str, list[float]]:
    progress(f"latency: {renewals} new sessions of two calls")
    state = setting.scratch.new("state")
    contender = Contender(RESERVING, lambda upstream: wrap(setting.scratch, upstream, state=state))
    upstream = echo_thin("--tools", TOOLS)
    found = start([contender], lambda one: Reserving(setting.start(one, upstream), state), section.failed).values()
    try:
        work: list[Reserving | Running] = [direct, *found]
        bursts = in_rounds(work, renewals, lambda one: one.burst(2), section.failed)
    finally:
        for one in found:
            one.running.client.close()
    return {name: added(calls, bursts[DIRECT]) for name, calls in bursts.items() if name == RESERVING}
