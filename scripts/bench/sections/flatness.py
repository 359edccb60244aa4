"""Whether a long session grows slower or larger: its last calls against the first ones of a fresh session."""

from __future__ import annotations

import statistics

from rule_of_two.records import replace
from scripts.bench.contenders import GATEWAY, HELD, echo_thin
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import in_rounds, progress, start
from scripts.bench.setting import TOOLS, Running, Setting

_BLOCK = 50
_MEGABYTE = 1_000_000
_FRESH = ", fresh"


def run(setting: Setting) -> Section:
    """Let sessions grow old, then measure their next calls in turn with the first ones of fresh sessions."""
    total = setting.calls
    edge = total // 10 if total <= 10_000 else 1_000
    section = Section(
        "flatness",
        f"One session of {total:,} calls",
        (
            Column("contender", "in the middle"),
            Column("first", f"median of calls 1–{edge}", "µs"),
            Column("last", f"of {total - edge + 1}–{total}", "µs"),
            Column("ratio", "last of first", "×"),
            Column("memory_first", f"memory at {edge}", "MB"),
            Column("memory_last", f"at {total}", "MB"),
        ),
        notes=(
            "The first calls are a fresh session's, made in turn with the last ones. Flat is taken as ×1.10 at most.",
        ),
    )
    upstream = echo_thin("--tools", TOOLS)
    old = [one for one in setting.contenders() if one.name in ({HELD} if setting.quick else {GATEWAY, HELD})]
    fresh = [replace(one, name=one.name + _FRESH) for one in old]
    running: dict[str, Running] = {}
    try:
        running |= start(old, lambda one: setting.start(one, upstream), section.failed)
        progress(f"flatness: {total} calls each")
        in_rounds(list(running.values()), 1, lambda one: one.burst(total - edge), section.failed)
        running |= start(fresh, lambda one: setting.start(one, upstream), section.failed)
        calls = in_rounds(list(running.values()), edge // _BLOCK, lambda one: one.burst(_BLOCK), section.failed)
        memory = {name: one.client.resident_bytes() / _MEGABYTE for name, one in running.items()}
    finally:
        for one in running.values():
            one.client.close()
    medians = {
        name: statistics.median(call for block in found for call in block) / 1000 for name, found in calls.items()
    }
    for name in [one.name for one in old if one.name in medians and one.name + _FRESH in medians]:
        first, last = medians[name + _FRESH], medians[name]
        section.rows.append({
            "contender": name,
            "first": first,
            "last": last,
            "ratio": last / first,
            "memory_first": memory[name + _FRESH],
            "memory_last": memory[name],
        })  # fmt: skip
        section.targets.append(Target("Core", f"flat over {total:,} calls, {name}", last / first, 1.1, "×"))
        growth = memory[name] / memory[name + _FRESH]
        section.targets.append(Target("Wire", f"memory flat over {total:,} calls, {name}", growth, 1.1, "×"))
    return section
