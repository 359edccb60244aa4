"""A real gateway in a process of its own, spoken to as a client speaks: raw JSON-RPC lines on its stdin and stdout."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

UPSTREAMS: Final = Path(__file__).parent / "upstreams"
DECISION: Final = "rule-of-two/decision"
SECONDS: Final = 30
INITIALIZE: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@dataclass
class House:
    """A configuration with one recording upstream, a state folder, and what the upstream was really sent."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    servers: dict[str, Any] = field(default_factory=dict)
    file: str = "rule-of-two.yaml"
    """What the configuration is called: another one in the same folder is on the same state."""

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        recorder = {
            "command": sys.executable,
            "args": [str(UPSTREAMS / "recorder.py"), str(self.folder / "sent.jsonl")],
            "manifest": str(UPSTREAMS / "recorder.yaml"),
        }
        servers = self.servers or {"rec": recorder}
        path = self.folder / self.file
        # JSON is YAML.
        path.write_text(json.dumps({"version": 1, "mcpServers": servers, **self.settings}))
        return path

    def recorder(self, name: str) -> dict[str, Any]:
        """The block of a further recording upstream."""
        return {
            "command": sys.executable,
            "args": [str(UPSTREAMS / "recorder.py"), str(self.folder / f"{name}.jsonl")],
            "manifest": str(UPSTREAMS / "recorder.yaml"),
        }

    def asker(self, name: str, *arguments: str) -> dict[str, Any]:
        """The block of an upstream that asks and tells; its arguments are ``--modern`` and ``--vendor``."""
        return {
            "command": sys.executable,
            "args": [str(UPSTREAMS / "asker.py"), str(self.folder / f"{name}.jsonl"), *arguments],
            "manifest": str(UPSTREAMS / "asker.yaml"),
        }

    def echo(self, *trusted: str) -> dict[str, Any]:
        """The block of an upstream whose results are what its caller says; what ``trusted`` people wrote is no [A]."""
        return {
            "command": sys.executable,
            "args": [str(UPSTREAMS / "echo.py"), str(self.folder / "echo.jsonl")],
            "manifest": str(UPSTREAMS / "echo.yaml"),
            "parameters": {"trusted_authors": list(trusted)},
        }

    def sent(self, name: str = "sent") -> list[str]:
        """The names of tools called, resources read and prompts got, in the order in which the upstream saw them."""
        path = self.folder / f"{name}.jsonl"
        messages = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [
            message["params"].get("name") or message["params"]["uri"]
            for message in messages
            if message["method"] in {"tools/call", "resources/read", "prompts/get"}
        ]

    def messages(self, name: str = "sent") -> list[dict[str, Any]]:
        """Every message that an upstream was sent."""
        return [json.loads(line) for line in (self.folder / f"{name}.jsonl").read_text().splitlines()]

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The journal's entries, read with nothing of ours."""
        rows = self.sql("SELECT seq, kind, session, decision, body FROM entries ORDER BY seq", database="journal")
        return [
            {"seq": seq, "kind": row_kind, "session": session, "decision": decision, **json.loads(body)}
            for seq, row_kind, session, decision, body in rows
            if kind in {None, row_kind}
        ]

    def sql(self, statement: str, *values: object, database: Literal["state", "journal"] = "state") -> list[Any]:
        """The rows of a statement, which is committed at once, read and written with nothing of ours."""
        with contextlib.closing(sqlite3.connect(self.state / f"{database}.db", isolation_level=None)) as db:
            return db.execute(statement, values).fetchall()

    def session(self) -> str:
        """The only open session."""
        ((session,),) = self.sql("SELECT id FROM sessions WHERE ended_at IS NULL")
        return str(session)

    def held(self) -> set[str]:
        """The labels of the newest session."""
        (row,) = self.sql("SELECT held_a, held_b, held_c FROM sessions ORDER BY rowid DESC LIMIT 1")
        return {label for label, number in zip("ABC", row, strict=True) if number is not None}

    def command(self, *arguments: str) -> list[str]:
        """The command line of this house's `rule-of-two`."""
        own = ["--config", str(self.config), "--state", str(self.state)]
        return [sys.executable, "-m", "rule_of_two", *own, *arguments]

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command of this house's `rule-of-two` prints, which ends with ``code`` and no traceback."""
        command = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout or done.stderr

    @asynccontextmanager
    async def gateway(self, *, initialize: bool = True, command: list[str] | None = None) -> AsyncIterator[Gateway]:
        """Start `serve`, and end it cleanly by closing its stdin."""
        process = await asyncio.create_subprocess_exec(
            *(command or self.command("serve")),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=1 << 26, cwd=self.folder, env={**os.environ, "RULE_OF_TWO_STATE": str(self.state)},
        )  # fmt: skip
        gateway = Gateway(process)
        readers = [asyncio.create_task(gateway.read()), asyncio.create_task(gateway.read_errors())]
        try:
            if initialize:
                await gateway.initialize()
            yield gateway
            await gateway.close()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await asyncio.gather(*readers)
            process._transport.close()  # type: ignore[attr-defined]  # else its pipes warn when collected


class Gateway:
    """The client's end of one gateway process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.notifications: list[dict[str, Any]] = []
        self.unmatched: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        """What to answer to requests of the gateway: ``{"result": …}`` or ``{"error": …}``, by method."""
        self.asked: list[dict[str, Any]] = []
        self.stderr = ""
        self._last_id = 0
        self._waiting: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._arrived = asyncio.Condition()
        self._gone = False

    async def initialize(self, **capabilities: Any) -> dict[str, Any]:
        reply = await self.request("initialize", {**INITIALIZE, "capabilities": capabilities})
        await self.notify("notifications/initialized")
        return reply

    async def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The whole reply, within a bounded time."""
        return await asyncio.wait_for(self.start(method, params), SECONDS)

    def start(self, method: str, params: dict[str, Any] | None = None) -> asyncio.Future[dict[str, Any]]:
        """Send a request now; await the reply later."""
        self._last_id += 1
        return self.start_raw(self._last_id, {"method": method, "params": params or {}})

    def start_raw(self, number: Any, message: dict[str, Any]) -> asyncio.Future[dict[str, Any]]:
        future = asyncio.get_running_loop().create_future()
        if self._gone:
            future.set_exception(ConnectionError("the gateway went away"))
            return future
        self._waiting[number] = future
        self.write(json.dumps({"jsonrpc": "2.0", "id": number, **message}).encode())
        return future

    @property
    def last_id(self) -> int:
        return self._last_id

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}}).encode())

    async def call(self, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The result of a tool call."""
        reply = await self.request("tools/call", {"name": name, "arguments": arguments or {}, **more})
        assert "result" in reply, reply
        result: dict[str, Any] = reply["result"]
        return result

    async def until_notified(self, method: str) -> dict[str, Any]:
        """The newest notification of that method, waiting for one if need be."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.notifications if one["method"] == method]

        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(found), SECONDS)
        return found()[-1]

    async def until_unmatched(self, count: int = 1) -> dict[str, Any]:
        """The newest reply that belongs to no request, waiting for ``count`` of them."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: len(self.unmatched) >= count), SECONDS)
        return self.unmatched[-1]

    async def read(self) -> None:
        assert self.process.stdout is not None
        while (line := await self.process.stdout.readline()).endswith(b"\n"):  # a killed one can stop in mid-line
            message = json.loads(line)
            async with self._arrived:
                if "method" in message and "id" in message:
                    self.asked.append(message)
                    if message["method"] in self.answers:
                        reply = {"jsonrpc": "2.0", "id": message["id"], **self.answers[message["method"]]}
                        self.write(json.dumps(reply).encode())
                elif "method" in message:
                    self.notifications.append(message)
                elif message.get("id") in self._waiting:
                    self._waiting.pop(message["id"]).set_result(message)
                else:
                    self.unmatched.append(message)
                self._arrived.notify_all()
        self._gone = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the gateway went away"))
                future.exception()

    async def read_errors(self) -> None:
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.read(65536):
            self.stderr += chunk.decode(errors="replace")

    async def close(self) -> int:
        """End as a client does: close stdin and wait."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await asyncio.wait_for(self.process.wait(), SECONDS)

    async def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


def outcome(result: dict[str, Any]) -> tuple[str, str | None]:
    """(outcome, code) of a tool result."""
    decision = result["_meta"][DECISION]
    return decision["outcome"], decision["code"]
