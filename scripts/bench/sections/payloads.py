"""Added latency of large calls: the same text goes up and comes back."""

from __future__ import annotations

import statistics

from scripts.bench.contenders import DIRECT, FASTMCP, TYPED
from scripts.bench.report import Column, Section
from scripts.bench.rounds import added, in_rounds, progress, ratio
from scripts.bench.setting import TEXT, Setting

_SIZES = {"16 KB": 16_384, "1 MB": 1_048_576, "10 MB": 10_485_760}


def run(setting: Setting) -> Section:
    """Measure it for 16 KB, 1 MB and 10 MB."""
    section = Section(
        "payloads",
        "Added latency of one call with a large argument and the same large result",
        (
            Column("contender", "in the middle"),
            *(Column(size, f"+ {size}", "ms") for size in _SIZES),
            Column("typed", "10 MB of typed", "×"),
            Column("fastmcp", "of FastMCP", "×"),
        ),
    )
    running = [one for one in setting.line_up(section) if "path" not in one.name]
    rows: dict[str, dict[str, float]] = {one.name: {} for one in running}
    for size, count in _SIZES.items():
        text = (TEXT * (count // len(TEXT) + 1))[:count]
        calls, rounds = (10, 5) if count < 100_000 else (2, 3) if count < 5_000_000 else (1, 2)
        rounds *= 1 if setting.quick else 3
        progress(f"payloads: {size}, {rounds} rounds of {calls}")
        bursts = in_rounds(running, rounds, lambda one: one.burst(calls, text), section.failed)  # noqa: B023  # used at once
        for name, found in bursts.items():
            values = (
                [float(one) for burst in found for one in burst] if name == DIRECT else added(found, bursts[DIRECT])
            )
            rows[name][size] = statistics.median(values) / 1_000_000
    for name, row in rows.items():
        large = row.get("10 MB")
        of_typed, of_fastmcp = (ratio(large, rows.get(other, {}).get("10 MB")) for other in (TYPED, FASTMCP))
        if name == DIRECT:
            section.rows.append({"contender": "direct, the whole call", **row})
        else:
            section.rows.append({"contender": name, **row, "typed": of_typed, "fastmcp": of_fastmcp})
    setting.end(section.failed)
    return section
