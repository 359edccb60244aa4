"""An echo server with nothing in it but the protocol, so that a direct call is little more than the pipes.

Usage: echo_thin.py [--tools NAME,NAME…] [--delay SECONDS] [--silent]
Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any


def answer(message: dict[str, Any], tools: list[str]) -> dict[str, Any]:
    """The result or error of one request (protocol revision 2025-11-25)."""
    match message["method"]:
        case "tools/call":
            content = [{"type": "text", "text": message["params"]["arguments"]["text"]}]
            return {"result": {"content": content}}
        case "tools/list":
            schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
            listed = [{"name": name, "description": "Say it again.", "inputSchema": schema} for name in tools]
            return {"result": {"tools": listed}}
        case "initialize":
            info = {"name": "echo", "version": "1"}
            capabilities: dict[str, Any] = {"tools": {}}
            return {"result": {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info}}
        case "ping":
            return {"result": {}}
        case _:
            return {"error": {"code": -32601, "message": "Method not found"}}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", default="echo")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before anything is read")
    parser.add_argument("--silent", action="store_true", help="read, and never answer")
    options = parser.parse_args()
    tools = options.tools.split(",")
    time.sleep(options.delay)
    rest: list[bytes] = []
    while data := os.read(0, 1 << 20):
        *lines, last = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*rest, lines[0]))
            rest = []
        rest.append(last)
        for line in lines:
            message = json.loads(line)
            if "id" in message and not options.silent:
                reply = {"jsonrpc": "2.0", "id": message["id"], **answer(message, tools)}
                frame = memoryview(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
                while frame:
                    frame = frame[os.write(1, frame) :]


if __name__ == "__main__":
    main()
