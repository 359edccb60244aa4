"""One thin JSON-RPC client over pipes, the same for every contender, so that only what stands in the middle differs."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from scripts.bench.processes import end, resident_bytes

SECONDS: Final = 60.0
"""How long a reply may take before its contender counts as failed."""
INITIALIZE: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


class Failed(Exception):
    """A contender could not be measured. The text is one sentence; the others go on."""


class PipeClient:
    """A process that speaks MCP on its stdin and stdout. Everything blocks, and nothing blocks for ever."""

    def __init__(self, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.notifications: list[tuple[float, dict[str, Any]]] = []
        """What came unasked, each with the moment (``time.perf_counter``) at which it was read."""
        self._log = log
        self._last_id = 0
        self._lines: list[bytes] = []
        self._rest: list[bytes] = []
        with log.open("wb") as stderr:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0, env=env,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise Failed(f"it cannot be started: {error}") from error
        assert self._process.stdin is not None  # noqa: S101  # both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._from, select.POLLIN)
        self._writable.register(self._to, select.POLLOUT)

    @classmethod
    def ready(cls, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> Self:
        """Start a server, shake hands and list its tools once.

        :raises Failed: it did not get that far; it is ended.
        """
        client = cls(command, log=log, env=env)
        try:
            client.open()
            client.request("tools/list", {})
        except BaseException:
            client.close()
            raise
        return client

    def open(self) -> None:
        """Shake hands as a client of revision 2025-11-25 does."""
        self.request("initialize", INITIALIZE)
        self._write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def request(self, method: str, params: Mapping[str, Any], *, seconds: float = SECONDS) -> dict[str, Any]:
        """The result of one request.

        :raises Failed: there was an error, or no reply in time.
        """
        return self._timed(method, params, seconds)[1]

    def call(self, tool: str, arguments: Mapping[str, Any], *, seconds: float = SECONDS) -> int:
        """Call an echo tool, check what it says, and return nanoseconds from the first byte out to the last byte in.

        :raises Failed: there was an error, no reply in time, or no echo.
        """
        elapsed, result = self._timed("tools/call", {"name": tool, "arguments": arguments}, seconds)
        _check_echo(result, arguments["text"])
        return elapsed

    def pipeline(self, tool: str, arguments: Mapping[str, Any], *, calls: int, in_flight: int) -> float:
        """Make ``calls`` calls, ``in_flight`` of them at a time, and return the calls per second.

        :raises Failed: as :meth:`call`.
        """
        frames = [self._frame("tools/call", {"name": tool, "arguments": arguments}) for _ in range(calls)]
        waiting = {self._last_id - number for number in range(calls)}
        deadline = time.monotonic() + SECONDS
        started = time.perf_counter()
        self._write(b"".join(frames[:in_flight]))
        following = iter(frames[in_flight:])
        while waiting:
            message = json.loads(self._line(deadline))
            if message.get("id") not in waiting:
                continue
            waiting.remove(message["id"])
            self._write(next(following, b""))
            _check_echo(_result(message), arguments["text"])
        return calls / (time.perf_counter() - started)

    def until_notified(self, method: str, *, seconds: float) -> float | None:
        """The moment at which the first notification of that method was read; ``None`` if none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            for moment, message in self.notifications:
                if message["method"] == method:
                    return moment
            try:
                message = json.loads(self._line(deadline))
            except Failed:
                return None
            if "method" in message:
                self.notifications.append((time.perf_counter(), message))

    def resident_bytes(self) -> int:
        """Memory of this process alone, without the servers behind it."""
        return resident_bytes(self._process.pid)

    def close(self) -> None:
        """End the process and everything that it started."""
        end(self._process)

    def _timed(self, method: str, params: Mapping[str, Any], seconds: float) -> tuple[int, dict[str, Any]]:
        frame = self._frame(method, params)
        deadline = time.monotonic() + seconds
        started = time.perf_counter_ns()
        self._write(frame)
        while True:
            line = self._line(deadline)
            elapsed = time.perf_counter_ns() - started
            message = json.loads(line)
            if message.get("id") == self._last_id and "method" not in message:
                return elapsed, _result(message)
            if "method" in message:
                self.notifications.append((time.perf_counter(), message))

    def _frame(self, method: str, params: Mapping[str, Any]) -> bytes:
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"

    def _write(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            try:
                rest = rest[os.write(self._to, rest) :]
            except BlockingIOError:
                if not self._writable.poll(SECONDS * 1000):
                    raise self._failed(f"it read nothing for {SECONDS:g} s") from None
            except BrokenPipeError:
                raise self._failed("it went away") from None

    def _line(self, deadline: float) -> bytes:
        while not self._lines:
            if not self._readable.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise self._failed("it did not answer in time")
            data = os.read(self._from, 1 << 20)
            if not data:
                raise self._failed("it went away")
            *lines, last = data.split(b"\n")
            if lines:
                lines[0] = b"".join((*self._rest, lines[0]))
                self._rest = []
                self._lines = [line for line in reversed(lines) if line]
            self._rest.append(last)
        return self._lines.pop()

    def _failed(self, reason: str) -> Failed:
        """The reason with what the process last said on stderr."""
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return Failed(f"{reason}; it said: {said[-1].strip()[:200]}" if said else reason)


def _result(message: dict[str, Any]) -> dict[str, Any]:
    if "error" in message:
        raise Failed(f"it answered with an error: {message['error'].get('message')}")
    result: dict[str, Any] = message["result"]
    return result


def _check_echo(result: dict[str, Any], text: str) -> None:
    said = result["content"][0]["text"]
    if result.get("isError") or said != text:
        raise Failed(f"it did not echo, but said: {said[:300]}")
