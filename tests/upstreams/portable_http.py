"""A test upstream over HTTP (2025-11-25, one JSON reply a POST) that can go away in the middle of a call and come back.

Usage: portable_http.py PORT JOURNAL. PORT 0 takes a free one; the port is printed. Tools: `steady` answers, and
`repeatable` (idempotent) and `plain` end the process when JOURNAL names them for the first time. A session is one
process's: another one refuses it with 404, as the specification wants. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

JOURNAL = Path(sys.argv[2])
SESSION = f"session-{os.getpid()}"
SCHEMA = {"type": "object"}
TOOLS = [
    {"name": "steady", "inputSchema": SCHEMA},
    {"name": "repeatable", "inputSchema": SCHEMA, "annotations": {"idempotentHint": True}},
    {"name": "plain", "inputSchema": SCHEMA},
]


def called() -> list[str]:
    return JOURNAL.read_text().split() if JOURNAL.exists() else []


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            server = {"name": "portable", "version": "1"}
            return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}
        case "tools/list":
            return {"tools": TOOLS}
        case "tools/call":
            name = params["name"]
            first = name not in called()
            with JOURNAL.open("a") as file:
                file.write(f"{name}\n")
            if first and name != "steady":
                os._exit(3)
            return {"content": [{"type": "text", "text": f"done: {name}"}]}
    return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if message["method"] != "initialize" and self.headers.get("mcp-session-id") != SESSION:
            self.reply(404, b"")
        elif "id" not in message:
            self.reply(202, b"")
        else:
            result = answer(message["method"], message.get("params") or {})
            self.reply(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())

    def do_GET(self) -> None:
        self.reply(405, b"")

    def do_DELETE(self) -> None:
        self.reply(200, b"")

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("mcp-session-id", SESSION)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print(server.server_port, flush=True)
server.serve_forever()
