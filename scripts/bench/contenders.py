"""What stands in the middle, each as the command that puts it in front of an upstream."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.bench.client import Failed

PROGRAMS: Final = Path(__file__).parent / "programs"
PYTHON: Final = sys.executable

DIRECT: Final = "direct"
RELAY: Final = "relay on asyncio"
GATEWAY: Final = "rule-of-two, no labels"
HELD: Final = "rule-of-two, label held"
TYPED: Final = "SDK typed pass-through"
FASTMCP: Final = "FastMCP proxy"

MANIFEST: Final[Mapping[str, Any]] = {
    "version": 1,
    "server": "echo",
    "source": "scripts/bench/programs/echo_thin.py",
    "match": {"command": "echo_thin.py"},
    "tools": {
        "echo": {"labels": [], "writes": "none"},
        "echo_a": {"labels": ["A"], "writes": "none"},
        "echo_b": {"labels": ["B"], "writes": "none"},
        "echo_path": {"labels": ["B"], "writes": "none", "targets": {"path": "/path"}},
    },
}
"""Labels for the echo tools, so that the gateway really decides and records."""


class Environments:
    """The competitors' own virtual environments, made by ``scripts/benchmark``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def program(self, environment: str, name: str) -> str:
        """A program of one environment.

        :raises Failed: it could not be installed.
        """
        path = self._folder / environment / "bin" / name
        if not path.exists():
            raise Failed(f"it is not installed in {path.parent.parent}: scripts/benchmark says why")
        return str(path)


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where one run keeps what it writes: state folders, manifests, configurations and logs."""

    folder: Path
    _counts: dict[str, int] = field(default_factory=dict)

    def new(self, stem: str, suffix: str = "") -> Path:
        """A path that nobody has used."""
        self._counts[stem] = number = self._counts.get(stem, 0) + 1
        return self.folder / f"{stem}-{number}{suffix}"

    def write(self, stem: str, value: Mapping[str, Any]) -> Path:
        """A new YAML file; JSON is YAML."""
        path = self.new(stem, ".yaml")
        path.write_text(json.dumps(value), encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True)
class Contender:
    """One thing in the middle. ``command`` puts it in front of an upstream's command."""

    name: str
    command: Callable[[Sequence[str]], Sequence[str]]
    tool: str = "echo"
    arguments: Mapping[str, str] = field(default_factory=dict)


def echo_thin(*options: str) -> list[str]:
    """The command of the thin echo server."""
    return [PYTHON, str(PROGRAMS / "echo_thin.py"), *options]


def echo_sdk(*options: str) -> list[str]:
    """The command of the SDK's echo server."""
    return [PYTHON, str(PROGRAMS / "echo_sdk.py"), *options]


def rule_of_two(state: Path, *arguments: str) -> list[str]:
    """The command line of the gateway, with a state folder of its own."""
    return [PYTHON, "-m", "rule_of_two", "--state", str(state), *arguments]


def wrap(scratch: Scratch, upstream: Sequence[str], *, state: Path | None = None) -> list[str]:
    """The gateway around one server: policy, labels and committed journal, as it is shipped."""
    manifest = scratch.folder / "echo.yaml"
    if not manifest.exists():
        manifest.write_text(json.dumps(MANIFEST), encoding="utf-8")
    return rule_of_two(state or scratch.new("state"), "wrap", "--manifest", str(manifest), "--", *upstream)


def others(scratch: Scratch, environments: Environments) -> list[Contender]:
    """Everything but the gateway's further variants, in the order in which it runs and is shown."""
    relay, typed, fastmcp = (str(PROGRAMS / name) for name in ("relay.py", "passthrough_sdk.py", "proxy_fastmcp.py"))
    return [
        Contender(DIRECT, lambda upstream: upstream),
        Contender("relay on poll()", lambda upstream: [PYTHON, relay, "poll", *upstream]),
        Contender(RELAY, lambda upstream: [PYTHON, relay, "asyncio", *upstream]),
        Contender(GATEWAY, lambda upstream: wrap(scratch, upstream)),
        Contender(TYPED, lambda upstream: [PYTHON, typed, *upstream]),
        Contender(FASTMCP, lambda upstream: [environments.program("fastmcp", "python"), fastmcp, *upstream]),
    ]


def variants(scratch: Scratch) -> list[Contender]:
    """The gateway where it has more to do than with a tool that carries no label."""
    path = {"path": str(scratch.folder / "documents" / "report.txt")}
    return [
        Contender(HELD, lambda upstream: wrap(scratch, upstream), tool="echo_a"),
        Contender("rule-of-two, path held", lambda upstream: wrap(scratch, upstream), "echo_path", path),
    ]
