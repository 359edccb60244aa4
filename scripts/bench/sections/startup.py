"""From the start of the process to its first answered ``tools/list``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.client import PipeClient
from scripts.bench.contenders import DIRECT, FASTMCP, GATEWAY, TYPED, Contender, echo_thin, wrap
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import in_rounds, progress, ratio
from scripts.bench.setting import Setting, Unmeasurable

_FIRST = "rule-of-two, new state"
_AGAIN = "rule-of-two, started before"


def run(setting: Setting) -> Section:
    """Measure it, beyond what the thin echo server itself takes."""
    section = Section(
        "startup",
        "Start-up to the first answered tools/list, beyond the upstream's own",
        (
            Column("contender", "in the middle"),
            Column("median", "added median", "s"),
            Column("slowest", "slowest", "s"),
            Column("typed", "of typed", "×"),
            Column("fastmcp", "of FastMCP", "×"),
        ),
    )
    contenders: list[Contender] = []
    known: Path = setting.scratch.new("state")
    for contender in setting.contenders():
        if contender.name == GATEWAY:
            contenders.append(Contender(_FIRST, contender.command))
            contenders.append(Contender(_AGAIN, lambda upstream: wrap(setting.scratch, upstream, state=known)))
        elif not contender.name.startswith(("rule-of-two", "relay on poll")):
            contenders.append(contender)
    rounds = 2 if setting.quick else 7
    progress(f"startup: {rounds} rounds of {len(contenders)} starts")
    before = [one for one in contenders if one.name == _AGAIN or not setting.warm]
    in_rounds(before, 1, lambda one: _seconds(setting, one.command(echo_thin())), section.failed)
    found = in_rounds(contenders, rounds, lambda one: _seconds(setting, one.command(echo_thin())), section.failed)
    if DIRECT not in found:
        raise Unmeasurable(section.failed[DIRECT])
    base = statistics.median(found[DIRECT])
    values = {name: [max(0.0, one - base) for one in seconds] for name, seconds in found.items()}
    medians = {name: statistics.median(seconds) for name, seconds in values.items()}
    section.rows.append({"contender": "direct, the whole start", "median": base, "slowest": max(found[DIRECT])})
    for name, median in medians.items():
        if name == DIRECT:
            continue
        section.rows.append({
            "contender": name,
            "median": median,
            "slowest": max(values[name]),
            "typed": ratio(median, medians.get(TYPED)),
            "fastmcp": ratio(median, medians.get(FASTMCP)),
        })  # fmt: skip
        if name in {_FIRST, _AGAIN}:
            section.targets.append(Target("Core", f"start-up beyond the upstream's own, {name}", median, 1.5, "s"))
            section.targets.append(Target("Wire", f"start-up beyond the upstream's own, {name}", median, 0.6, "s"))
    return section


def _seconds(setting: Setting, command: Sequence[str]) -> float:
    started = time.perf_counter()
    client = PipeClient.ready(command, log=setting.scratch.new("log"))
    elapsed = time.perf_counter() - started
    client.close()
    return elapsed
