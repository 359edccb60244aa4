"""The thin client over streamable HTTP: one kept connection, one request at a time."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from scripts.bench.client import INITIALIZE, SECONDS, Failed
from scripts.bench.processes import end

_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class HttpServer:
    """A process that serves MCP over HTTP on ``port``."""

    def __init__(self, command: Sequence[str], port: int, *, log: Path) -> None:
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr, start_new_session=True)
        self._log = log
        self.port = port
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def close(self) -> None:
        """End it, and whatever it started."""
        self._process.terminate()
        end(self._process)

    def _wait(self) -> None:
        deadline = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise Failed(f"it does not listen; it said: {said[-1][:200]}" if said else "it does not listen")


class HttpClient:
    """An MCP session on a kept connection."""

    def __init__(self, server: HttpServer, *, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {**_HEADERS, **({"Authorization": f"Bearer {token}"} if token else {})}
        self._last_id = 0
        self._request("initialize", INITIALIZE)
        self._headers["mcp-protocol-version"] = str(INITIALIZE["protocolVersion"])
        self._post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def call(self, tool: str, arguments: Mapping[str, Any]) -> int:
        """Call an echo tool, check what it says, and return nanoseconds.

        :raises Failed: there was an error, or no echo.
        """
        elapsed, result = self._request("tools/call", {"name": tool, "arguments": arguments})
        if result["content"][0]["text"] != arguments["text"]:
            raise Failed("it did not echo")
        return elapsed

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _request(self, method: str, params: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        self._last_id += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}).encode()
        started = time.perf_counter_ns()
        answer = self._post(body)
        elapsed = time.perf_counter_ns() - started
        message = json.loads(answer)
        if "error" in message:
            raise Failed(f"it answered with an error: {message['error'].get('message')}")
        result: dict[str, Any] = message["result"]
        return elapsed, result

    def _post(self, body: bytes) -> bytes:
        try:
            self._connection.request("POST", "/mcp", body, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"the connection broke: {error}") from error
        if response.status >= 300:
            raise Failed(f"it answered with status {response.status}")
        session = response.headers.get("mcp-session-id")
        if session:
            self._headers["mcp-session-id"] = session
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            # The reply is the last event; a kept connection carries the next request only once it is read.
            return next(line[5:] for line in reversed(answer.splitlines()) if line.startswith(b"data:"))
        return answer
