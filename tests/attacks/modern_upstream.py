"""A modern upstream over HTTP, in a thread of the test: what it is asked is seen, and what it says can be changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.harness import House

HEADER_MISMATCH = -32020


class Upstream:
    """A modern upstream that refuses as many calls as it is told to, and counts lists and calls."""

    def __init__(self) -> None:
        self.refusals = 0
        self.description = "Echo."
        self.schema: dict[str, Any] = {
            "type": "object", "properties": {"text": {"type": "string", "x-mcp-header": "Text"}},
        }  # fmt: skip
        self.asked: list[str] = []

    def answer(self, method: str) -> dict[str, Any]:
        self.asked.append(method)
        match method:
            case "server/discover":
                return {"result": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}}
            case "tools/list":
                names = ("read", "send")
                return {
                    "result": {
                        "tools": [
                            {"name": name, "description": self.description, "inputSchema": self.schema}
                            for name in names
                        ]
                    }
                }
            case "tools/call" if self.refusals:
                self.refusals -= 1
                return {"error": {"code": HEADER_MISMATCH, "message": "Mcp-Param-Text is missing"}}
            case "tools/call":
                return {"result": {"content": [{"type": "text", "text": "done"}]}}
        return {"error": {"code": -32601, "message": "Method not found"}}

    @property
    def calls(self) -> int:
        return self.asked.count("tools/call")


@contextmanager
def upstream(house: House) -> Iterator[Upstream]:
    """A house with such an upstream, called ``far``."""
    served = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = served.answer(message["method"])
            body = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), **reply}).encode()
            self.send_response(400 if "error" in reply else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    manifest = house.folder / "far.yaml"
    manifest.write_text("version: 1\nserver: far\nsource: a test\ntools: {read: {labels: [A]}, send: {labels: [C]}}\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        house.servers = {"far": {"url": f"http://127.0.0.1:{server.server_port}/mcp", "manifest": str(manifest)}}
        try:
            yield served
        finally:
            server.shutdown()
