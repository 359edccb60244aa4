"""A thousand mounted tools against one."""

from __future__ import annotations

import statistics
import time

from scripts.bench.client import SECONDS, Failed, PipeClient
from scripts.bench.contenders import MANIFEST, Contender, echo_thin, rule_of_two
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import in_rounds, progress, start
from scripts.bench.setting import Running, Setting

_SERVERS, _TOOLS = 10, 100
_MEGABYTE = 1_000_000


def run(setting: Setting) -> Section:
    """Measure calls and lists of ``serve`` with both; the tool that is called is the last one mounted."""
    section = Section(
        "mounted",
        f"{_SERVERS * _TOOLS:,} mounted tools ({_SERVERS} servers of {_TOOLS}) against one",
        (
            Column("contender", "rule-of-two serve"),
            Column("median", "median of a call", "µs"),
            Column("list", "of tools/list", "ms"),
            Column("memory", "memory", "MB"),
        ),
        notes=("Flat is taken as 1.10 at most.",),
    )
    small, large = f"{1} tool", f"{_SERVERS * _TOOLS:,} tools"
    contenders = [_serve(setting, small, 1, 1), _serve(setting, large, _SERVERS, _TOOLS)]
    rounds, calls = (20, 50) if setting.quick else (60, 50)
    progress(f"mounted: {rounds} rounds of {calls} calls")

    def ready(contender: Contender) -> Running:
        running = setting.start(contender, ())
        try:
            _until_listed(running.client, 1 if contender.name == small else _SERVERS * _TOOLS)
            running.burst(calls)
        except Failed:
            running.client.close()
            raise
        return running

    running = start(contenders, ready, section.failed)
    try:
        everybody = list(running.values())
        bursts = in_rounds(everybody, rounds, lambda one: one.burst(calls), section.failed)
        lists = in_rounds(everybody, 5, lambda one: _list_milliseconds(one.client), section.failed)
        memory = {one.name: one.client.resident_bytes() / _MEGABYTE for one in everybody}
    finally:
        for one in running.values():
            one.client.close()
    medians = {
        name: statistics.median(call for burst in found for call in burst) / 1000 for name, found in bursts.items()
    }
    for name, median in medians.items():
        milliseconds = statistics.median(lists[name])
        section.rows.append({"contender": name, "median": median, "list": milliseconds, "memory": memory[name]})
    if len(medians) == 2:
        what = f"a call with {large} of one with {small}"
        section.targets.append(Target("Core", what, medians[large] / medians[small], 1.1, "×"))
    return section


def _serve(setting: Setting, name: str, servers: int, tools: int) -> Contender:
    names = [f"echo_{number}" for number in range(tools)]
    labels = {tool: {"labels": [], "writes": "none"} for tool in names}
    manifest = setting.scratch.write("manifest", {**MANIFEST, "tools": labels})
    program, *arguments = echo_thin("--tools", ",".join(names))
    block = {"command": program, "args": arguments, "manifest": str(manifest)}
    blocks = {f"server-{number}": block for number in range(servers)}
    config = setting.scratch.write("config", {"version": 1, "mcpServers": blocks})
    command = rule_of_two(setting.scratch.new("state"), "--config", str(config), "serve")
    return Contender(name, lambda _: command, f"server-{servers - 1}__{names[-1]}")


def _until_listed(client: PipeClient, count: int) -> None:
    while (listed := len(client.request("tools/list", {})["tools"])) < count:
        if client.until_notified("notifications/tools/list_changed", seconds=SECONDS) is None:
            raise Failed(f"it lists {listed} tools of {count}")
        client.notifications.clear()


def _list_milliseconds(client: PipeClient) -> float:
    started = time.perf_counter()
    client.request("tools/list", {})
    return (time.perf_counter() - started) * 1000
