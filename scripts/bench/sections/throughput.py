"""Calls per second with 32 of them in flight."""

from __future__ import annotations

import statistics

from rule_of_two.records import replace
from scripts.bench.contenders import DIRECT, FASTMCP, TYPED, Contender, echo_sdk
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import in_rounds, progress, ratio, start
from scripts.bench.setting import TEXT, Running, Setting

_IN_FLIGHT = 32
_BEFORE_SDK = " before SDK echo"
_SDK_ECHO = DIRECT + _BEFORE_SDK


def run(setting: Setting) -> Section:
    """Measure it before the thin echo server, and for some before the SDK's own."""
    section = Section(
        "throughput",
        f"Calls per second with {_IN_FLIGHT} in flight (echo of 100 bytes)",
        (
            Column("contender", "in the middle"),
            Column("rate", "calls", "/s"),
            Column("of_direct", "of SDK echo direct", "×"),
            Column("typed", "of typed", "×"),
            Column("fastmcp", "of FastMCP", "×"),
        ),
        notes=("Behind the others stands the thin echo server. Client, middle and server share the processors.",),
    )
    running = setting.line_up(section)
    before_sdk = [
        replace(contender, name=contender.name + _BEFORE_SDK)
        for contender in setting.contenders()
        if contender.tool == "echo" and not contender.name.startswith("relay") and contender.name != FASTMCP
    ]
    progress("throughput: starting those before the SDK's echo server")
    found = start(before_sdk, lambda contender: setting.start(contender, echo_sdk()), section.failed)
    try:
        rounds, calls = (3, 200) if setting.quick else (7, 1000)
        progress(f"throughput: {rounds} rounds of {calls} calls")
        everybody = [*running, *found.values()]
        rates = in_rounds(everybody, rounds, lambda one: _rate(one, calls), section.failed)
    finally:
        for one in found.values():
            one.client.close()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, rate in medians.items():
        of_direct = ratio(rate, medians.get(_SDK_ECHO))
        section.rows.append({
            "contender": name,
            "rate": rate,
            "of_direct": of_direct,
            "typed": ratio(rate, medians.get(TYPED)),
            "fastmcp": ratio(rate, medians.get(FASTMCP)),
        })  # fmt: skip
        if name.startswith("rule-of-two") and of_direct is not None:
            what = f"calls per second of the SDK's echo server called directly, {name}"
            section.targets.append(Target("Wire", what, of_direct, 0.8, "×", at_least=True))
    setting.end(section.failed)
    return section


def _rate(running: Running, calls: int) -> float:
    contender: Contender = running.contender
    arguments = {**contender.arguments, "text": TEXT}
    return running.client.pipeline(contender.tool, arguments, calls=calls, in_flight=_IN_FLIGHT)
