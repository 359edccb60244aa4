"""Programs that agents run in, as their users have them, and a model that says what a script says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from tests.servers import real_server

SECONDS = 60
OWN_VARIABLES = ("ANTHROPIC", "CLAUDE", "CODEX", "GEMINI", "OPENAI", "GOOGLE", "RULE_OF_TWO", "XDG_")


@dataclass(frozen=True)
class User:
    """Somebody with a home of their own, and a folder in it in which they work."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
        quiet = {"DISABLE_TELEMETRY": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "NO_COLOR": "1"}
        return {**kept, **quiet, **self.variables, "HOME": str(self.home)}

    def runs(self, host: str, *arguments: str) -> str:
        """What a client prints, on both streams."""
        return self._ran([*real_server(host), *arguments])

    def rule_of_two(self, *arguments: str) -> str:
        """What a command of ours prints."""
        return self._ran([sys.executable, "-m", "rule_of_two", *arguments])

    def _ran(self, command: Sequence[str]) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.work, env=self.environment,
            stdin=subprocess.DEVNULL, timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@dataclass
class ScriptedModel:
    """Answers each request of the Messages API that offers tools with the next turn of a script, and the last one for
    ever; it waits for servers whose tools are not there yet. ``heard`` is what it was told last before each turn."""

    script: Sequence[Mapping[str, Any]]
    heard: list[Any] = field(default_factory=list)
    url: str = ""
    numbers: Iterator[int] = field(default_factory=count)

    def turn(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The message that answers a request."""
        said: Mapping[str, Any] = {"type": "text", "text": "fine"}
        if offered := {tool.get("name") for tool in request.get("tools", ())}:
            said = self.script[min(len(self.heard), len(self.script) - 1)]
            if said["type"] == "tool_use" and said["name"] not in offered:
                said = calls("WaitForMcpServers")
            else:
                self.heard.append(request["messages"][-1])
        number = next(self.numbers)
        return {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "model": request.get("model", "scripted"),
            "content": [{"id": f"toolu_{number}", **said} if said["type"] == "tool_use" else said],
            "stop_reason": "tool_use" if said["type"] == "tool_use" else "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip


def calls(name: str, **arguments: Any) -> dict[str, Any]:
    """A turn in which the model calls a tool."""
    return {"type": "tool_use", "name": name, "input": arguments}


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message as it is streamed."""
    (block,) = message["content"]
    is_call = block["type"] == "tool_use"
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    empty = {**block, "input": {}} if is_call else {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    delta = (
        {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        if is_call
        else {"type": "text_delta", "text": block["text"]}
    )
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


@contextmanager
def modelled(*script: Mapping[str, Any]) -> Iterator[ScriptedModel]:
    """A model on loopback."""
    model = ScriptedModel(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "count_tokens" in self.path:
                self._say("application/json", b'{"input_tokens": 1}')
                return
            message = model.turn(request)
            if request.get("stream"):
                lines = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in _events(message))
                self._say("text/event-stream", "".join(lines).encode())
            else:
                self._say("application/json", json.dumps(message).encode())

        def _say(self, kind: str, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        model.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield model
        server.shutdown()
        thread.join()


def codex_tools(user: User, server: str) -> set[str]:
    """The tools that Codex sees of an MCP server, which it starts."""
    with subprocess.Popen(
        [*real_server("codex"), "app-server"], text=True, cwd=user.work, env=user.environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            hello = {"clientInfo": {"name": "tests", "version": "1"}}
            for message in (
                {"id": 1, "method": "initialize", "params": hello},
                {"method": "initialized"},
                {"id": 2, "method": "mcpServerStatus/list", "params": {}},
            ):
                process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                reply = json.loads(line)
                if reply.get("id") == 2:
                    return {tool for one in reply["result"]["data"] if one["name"] == server for tool in one["tools"]}
        finally:
            process.stdin.close()  # it is a script that started the program: both end so, and what that started
            process.wait(SECONDS)
    raise AssertionError("Codex went away")
