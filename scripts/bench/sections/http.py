"""Calls where one side is streamable HTTP: the only place where ``mcp-proxy`` stands in the middle."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from scripts.bench.client import PipeClient
from scripts.bench.contenders import DIRECT, MANIFEST, echo_sdk, echo_thin, rule_of_two, wrap
from scripts.bench.http_client import HttpClient, HttpServer, free_port
from scripts.bench.report import Column, Section, Target
from scripts.bench.rounds import added, in_rounds, percentile, progress, ratio, start
from scripts.bench.setting import TEXT, Setting, Unmeasurable

_GATEWAY = "rule-of-two, stdio to HTTP"
_PROXY = "mcp-proxy, stdio to HTTP"
_SERVE = "rule-of-two, HTTP to stdio"
_REVERSE = "mcp-proxy, HTTP to stdio"


@dataclass(frozen=True, slots=True)
class Party:
    """Whoever can be called over one of the two transports."""

    name: str
    call: Callable[[], int]

    def burst(self, count: int) -> list[int]:
        """Nanoseconds of ``count`` calls, one after the other."""
        return [self.call() for _ in range(count)]


def run(setting: Setting) -> Section:
    """Measure it with the SDK's echo server over HTTP at the end, and ``mcp-proxy`` in its other direction too."""
    section = Section(
        "http",
        "Added latency of one call where one side is streamable HTTP",
        (
            Column("contender", "in the middle"),
            Column("median", "added median", "µs"),
            Column("p99", "p99", "µs"),
            Column("proxy", "of mcp-proxy", "×"),
            Column("calls", "calls"),
        ),
        notes=(
            "Direct is one kept HTTP connection. mcp-proxy joins stdio and HTTP only, so it has no row between pipes.",
            "From HTTP to stdio the added latency is over that of the same echo server between pipes.",
        ),
    )
    with ExitStack() as stack:
        parties = _parties(setting, section, stack)
        rounds, calls = (8, 25) if setting.quick else (40, 30)
        progress(f"http: {rounds} rounds of {calls} calls, {len(parties)} contenders")
        bursts = in_rounds(parties, rounds, lambda one: one.burst(calls), section.failed)
    if DIRECT not in bursts:
        raise Unmeasurable(section.failed[DIRECT])
    pipes = bursts.pop("pipes", None)
    whole = [call / 1000 for burst in bursts[DIRECT] for call in burst]
    section.rows.append(_row("direct, the whole call", whole))
    base = {name: pipes if name in {_SERVE, _REVERSE} else bursts[DIRECT] for name in bursts if name != DIRECT}
    values = {name: added(bursts[name], below) for name, below in base.items() if below is not None}
    medians = {name: statistics.median(found) for name, found in values.items()}
    for name, found in values.items():
        of_proxy = ratio(medians[name], medians.get(_REVERSE if name in {_SERVE, _REVERSE} else _PROXY))
        section.rows.append({**_row(name, [one / 1000 for one in found]), "proxy": of_proxy})
        if name in {_GATEWAY, _SERVE} and of_proxy is not None:
            section.targets.append(Target("Wire", f"added median of mcp-proxy's, {name}", of_proxy, 0.5, "×"))
    return section


def _row(name: str, microseconds: Sequence[float]) -> dict[str, object]:
    return {
        "contender": name,
        "median": statistics.median(microseconds),
        "p99": percentile(microseconds, 0.99),
        "calls": len(microseconds),
    }


@dataclass(frozen=True, slots=True)
class _Spec:
    name: str
    open: Callable[[], Callable[[], int]]


def _parties(setting: Setting, section: Section, stack: ExitStack) -> list[Party]:
    """Start everything; ``stack`` ends it."""
    arguments = {"text": TEXT}
    port = free_port()

    def http(command: Sequence[str], at: int) -> HttpServer:
        server = HttpServer(command, at, log=setting.scratch.new("log"))
        stack.callback(server.close)
        return server

    def over_http(server: HttpServer, token: str = "") -> Callable[[], int]:
        client = HttpClient(server, token=token)
        stack.callback(client.close)
        return lambda: client.call("echo", arguments)

    def over_pipes(command: Sequence[str], tool: str = "echo") -> Callable[[], int]:
        client = PipeClient.ready(command, log=setting.scratch.new("log"))
        stack.callback(client.close)
        return lambda: client.call(tool, arguments)

    progress("http: starting")
    upstream = http(echo_sdk("--http", str(port)), port)

    def gateway() -> Callable[[], int]:
        manifest = str(setting.scratch.write("manifest", MANIFEST))
        servers = {"echo": {"url": upstream.url, "manifest": manifest}}
        config = setting.scratch.write("config", {"version": 1, "mcpServers": servers})
        command = rule_of_two(setting.scratch.new("state"), "--config", str(config), "serve")
        return over_pipes(command, "echo__echo")

    def serve() -> Callable[[], int]:
        at, state = free_port(), setting.scratch.new("state")
        made = rule_of_two(state, "token", "new", "bench")
        token = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
        command = wrap(setting.scratch, echo_thin(), state=state)
        command[command.index("--") : command.index("--")] = ["--http", f"127.0.0.1:{at}"]
        return over_http(http(command, at), token)

    def proxy() -> Callable[[], int]:
        program = setting.environments.program("mcp-proxy", "mcp-proxy")
        return over_pipes([program, "--log-level", "ERROR", "--transport", "streamablehttp", upstream.url])

    def reverse() -> Callable[[], int]:
        program = setting.environments.program("mcp-proxy", "mcp-proxy")
        at = free_port()
        return over_http(http([program, "--log-level", "ERROR", "--port", str(at), "--", *echo_thin()], at))

    specs = [
        _Spec(DIRECT, lambda: over_http(upstream)),
        _Spec(_GATEWAY, gateway),
        _Spec(_PROXY, proxy),
        _Spec(_SERVE, serve),
        _Spec("pipes", lambda: over_pipes(echo_thin())),
        _Spec(_REVERSE, reverse),
    ]
    return [Party(name, call) for name, call in start(specs, lambda spec: spec.open(), section.failed).items()]
