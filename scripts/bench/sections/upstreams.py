"""Ten upstreams, of which some are slow or dead: when the first list comes, and what is in it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.client import Failed, PipeClient
from scripts.bench.contenders import MANIFEST, PROGRAMS, PYTHON, echo_thin, rule_of_two
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import progress, start
from scripts.bench.setting import Setting

_MEGABYTE = 1_000_000
_SLOW = 5.0
_PATIENCE = 30.0
_READY = "ten ready"
_MIXED = "5 ready, 3 slow, 1 exits, 1 silent"
_SLOW_ONES = "ten slow"
_FASTMCP = "FastMCP: "
_AGAIN = ", started before"


@dataclass(frozen=True, slots=True)
class Case:
    """One gateway or proxy with its ten upstreams; ``tools`` are there once all have come."""

    name: str
    command: Sequence[str]
    tools: int


def run(setting: Setting) -> Section:
    """Measure it, with a new state and with the state that the first start left."""
    section = Section(
        "upstreams",
        f"Ten upstreams, some slow ({_SLOW:g} s until they read) or dead: from the start to the first list",
        (
            Column("contender", "upstreams"),
            Column("first", "first list", "s"),
            Column("tools", "tools in it"),
            Column("all", "all listed after", "s"),
            Column("told", "told by list_changed"),
            Column("memory", "memory", "MB"),
        ),
        notes=("Tools of an upstream that is not there yet are listed when it was accepted before.",),
    )
    servers = _servers()
    cases: list[Case] = []
    for name in (_READY, _MIXED) if setting.quick else (_READY, _MIXED, _SLOW_ONES):
        command = _serve(setting, servers[name])
        tools = 8 if name == _MIXED else 10
        cases.append(Case(name, command, tools))
        if not (setting.quick and name == _READY):
            cases.append(Case(name + _AGAIN, command, tools))

    def fastmcp(name: str) -> Case:
        config = setting.scratch.write("config", {"mcpServers": servers[name]})
        program = setting.environments.program("fastmcp", "python")
        return Case(_FASTMCP + name, [program, str(PROGRAMS / "proxy_fastmcp.py"), "--config", str(config)], 10)

    def measure(case: Case) -> dict[str, Any]:
        progress(f"upstreams: {case.name}")
        return _measure(case, setting.scratch.new("log"))

    found = start(cases, measure, section.failed)
    for name in () if setting.quick else (_READY, _MIXED):
        found |= start([Case(_FASTMCP + name, (), 0)], lambda _: measure(fastmcp(name)), section.failed)  # noqa: B023  # used at once
    section.rows += [{"contender": name, **row} for name, row in found.items()]
    section.targets += _targets(found)
    return section


def _servers() -> Mapping[str, Mapping[str, Any]]:
    """The blocks of each case."""

    def blocks(kind: str, count: int, *options: str) -> dict[str, Any]:
        program, *arguments = echo_thin(*options)
        return {f"{kind}-{number}": {"command": program, "args": arguments} for number in range(count)}

    slow = ("--delay", str(_SLOW))
    dead = {"exits-0": {"command": PYTHON, "args": ["-c", "pass"]}}
    return {
        _READY: blocks("ready", 10),
        _MIXED: {**blocks("slow", 3, *slow), **blocks("ready", 5), **dead, **blocks("silent", 1, "--silent")},
        _SLOW_ONES: blocks("slow", 10, *slow),
    }


def _serve(setting: Setting, servers: Mapping[str, Any]) -> list[str]:
    manifest = str(setting.scratch.write("manifest", MANIFEST))
    blocks = {name: {**block, "manifest": manifest} for name, block in servers.items()}
    config = setting.scratch.write("config", {"version": 1, "mcpServers": blocks})
    return rule_of_two(setting.scratch.new("state"), "--config", str(config), "serve")


def _measure(case: Case, log: Path) -> dict[str, Any]:
    started = time.perf_counter()
    client = PipeClient(case.command, log=log)
    try:
        client.open()
        tools = len(client.request("tools/list", {}, seconds=_PATIENCE)["tools"])
        first = time.perf_counter() - started
        row: dict[str, Any] = {"first": first, "tools": tools, "all": first}
        changed = tools < case.tools
        while tools < case.tools:
            told = client.until_notified("notifications/tools/list_changed", seconds=_PATIENCE)
            if told is None:
                raise Failed(f"listed {tools} tools after {first:.1f} s and never said that there are more")
            client.notifications.clear()
            tools = len(client.request("tools/list", {})["tools"])
            row["all"] = told - started
        row["told"] = "yes" if changed else "–"
        row["memory"] = client.resident_bytes() / _MEGABYTE
        return row
    finally:
        client.close()


def _targets(found: Mapping[str, Mapping[str, Any]]) -> list[Target]:
    targets: list[Target] = []
    if _READY in found:
        base = found[_READY]["first"]
        for name in (_MIXED, _MIXED + _AGAIN, _SLOW_ONES, _SLOW_ONES + _AGAIN):
            if name in found:
                late = max(0.0, found[name]["first"] - base)
                targets.append(Target("Wire", f"first list later than with {_READY}: {name}", late, 1.0, "s"))
        targets.append(Target("Wire", f"memory with {_READY} upstreams", found[_READY]["memory"], 90, "MB"))
    return targets
