"""Resident memory of what stands in the middle, without the server behind it."""

from __future__ import annotations

from scripts.bench.contenders import DIRECT, FASTMCP, TYPED
from scripts.bench.report import Column, Section
from scripts.bench.rounds import progress, ratio, start
from scripts.bench.setting import Running, Setting

_MEGABYTE = 1_000_000
_CALLS = 1000


def run(setting: Setting) -> Section:
    """Measure it after the first list, and after some calls."""
    section = Section(
        "memory",
        "Resident memory",
        (
            Column("contender", "in the middle"),
            Column("listed", "after the first list", "MB"),
            Column("called", f"after {_CALLS} calls or more", "MB"),
            Column("typed", "of typed", "×"),
            Column("fastmcp", "of FastMCP", "×"),
        ),
        notes=("The target of the Wire issue is for ten upstreams: it stands with them.",),
    )

    def measure(running: Running) -> tuple[float, float]:
        running.burst(max(0, _CALLS - running.calls))
        return running.listed_bytes / _MEGABYTE, running.client.resident_bytes() / _MEGABYTE

    middles = [running for running in setting.line_up(section) if running.name != DIRECT]
    progress(f"memory: up to {_CALLS} calls each")
    found = start(middles, measure, section.failed)
    for name, (listed, called) in found.items():
        section.rows.append({
            "contender": name,
            "listed": listed,
            "called": called,
            "typed": ratio(called, found.get(TYPED, (0, 0))[1]),
            "fastmcp": ratio(called, found.get(FASTMCP, (0, 0))[1]),
        })  # fmt: skip
    setting.end(section.failed)
    return section
