"""Real MCP servers for tests: where they are installed, and a small client that speaks to one over a pipe."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.servers import installed

EVERYTHING_A_CLIENT_CAN: Mapping[str, Any] = {
    "roots": {"listChanged": True},
    "sampling": {},
    "elicitation": {"form": {}, "url": {}},
    "tasks": {"requests": {"sampling": {"createMessage": {}}, "elicitation": {"create": {}}}},
}
"""Capabilities that make a server list the tools that it keeps from lesser clients."""


def real_server(name: str) -> list[str]:
    """The command that starts an installed server; its own arguments follow.

    :raises AssertionError: it is not installed. Tests fail then: none is skipped.
    """
    command = installed(name)
    assert command is not None, f"the real server '{name}' is not installed: run `python scripts/servers.py {name}`"
    return command


@dataclass
class RealServer:
    """A running server. Requests are answered one after the other; what it asks back is refused."""

    process: subprocess.Popen[bytes]
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one frame."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request and return the whole reply, with ``result`` or ``error``."""
        number = next(self.numbers)
        self.send({"id": number, "method": method, "params": params or {}})
        assert self.process.stdout is not None
        for line in self.process.stdout:
            frame: dict[str, Any] = json.loads(line)
            if "method" in frame and "id" in frame:
                self.send({"id": frame["id"], "error": {"code": -32601, "message": "not here"}})
            elif frame.get("id") == number:
                return frame
        raise AssertionError(f"the server went away before it answered {method}")

    def call(self, tool: str, **arguments: Any) -> str:
        """Call a tool and return the text of its result or of its error."""
        reply = self.ask("tools/call", {"name": tool, "arguments": arguments})
        return "\n".join(part["text"] for part in reply["result"]["content"])

    def list_all(self, method: str, key: str) -> list[dict[str, Any]]:
        """Every page of a list; nothing where the server does not have the method."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            reply = self.ask(method, {"cursor": cursor} if cursor else {})
            if "error" in reply:
                assert reply["error"]["code"] == -32601, reply
                return items
            items += reply["result"][key]
            cursor = reply["result"].get("nextCursor")
            if not cursor:
                return items


@contextmanager
def running(
    command: Sequence[str],
    *,
    capabilities: Mapping[str, Any] = EVERYTHING_A_CLIENT_CAN,
    env: Mapping[str, str] | None = None,
) -> Iterator[RealServer]:
    """Start a server with ``env`` on top of our own, shake hands in the legacy era, and end it afterwards."""
    pipe = subprocess.PIPE
    environment = {**os.environ, **(env or {})}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            server = RealServer(process)
            client = {"name": "tests", "version": "1"}
            hello = {"protocolVersion": "2025-11-25", "capabilities": dict(capabilities), "clientInfo": client}
            assert "result" in server.ask("initialize", hello)
            server.send({"method": "notifications/initialized"})
            yield server
        finally:
            process.kill()
