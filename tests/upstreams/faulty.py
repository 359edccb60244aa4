"""A test upstream that goes away: while it starts, while it is listed, or in the middle of a call.

Usage: faulty.py JOURNAL [FAULT]. Every message is written to JOURNAL before it is handled, and the environment that the
process found to the file beside it (`.environ`). Each tool, resource and prompt but `steady` ends the process the first
time it is asked for and answers the second time; `always_lost` never answers. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

JOURNAL = Path(sys.argv[1])
FAULT = sys.argv[2] if len(sys.argv) > 2 else ""
IDEMPOTENT = {"idempotentHint": True}
TOOLS: dict[str, dict[str, Any]] = {
    "repeatable": IDEMPOTENT,
    "always_lost": IDEMPOTENT,
    "redefined": IDEMPOTENT,
    "gated": IDEMPOTENT,
    "progressing": IDEMPOTENT,
    "repeatable_send": IDEMPOTENT,
    "read_only": {"readOnlyHint": True},
    "truthy": {"idempotentHint": 1},
    "plain": {},
    "steady": {},
}
DIED = JOURNAL.with_suffix(".died")
"""The names for which it has ended already, so that the next process knows."""


def died() -> list[str]:
    return DIED.read_text().split() if DIED.exists() else []


def write(message: dict[str, Any]) -> None:
    data = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def end_once(name: str) -> None:
    if name != "steady" and (name == "always_lost" or name not in died()):
        with DIED.open("a") as file:
            file.write(f"{name}\n")
        os._exit(3)


def tools() -> list[dict[str, Any]]:
    schema = {"type": "object"}
    return [
        {
            "name": name,
            "description": "Another one." if name == "redefined" in died() else name,
            "inputSchema": schema,
            "annotations": annotations,
        }
        for name, annotations in TOOLS.items()
    ]


def call(params: dict[str, Any]) -> dict[str, Any]:
    name, arguments = params["name"], params.get("arguments") or {}
    token = (params.get("_meta") or {}).get("progressToken")
    if name == "progressing" and token is not None:
        progress = {"progressToken": token, "progress": 1}
        write({"method": "notifications/progress", "params": progress})
        time.sleep(0.05)
    while name == "gated" not in died() and not Path(arguments["until"]).exists():
        time.sleep(0.01)
    end_once(name)
    return {"content": [{"type": "text", "text": f"done: {name}"}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:  # a table
    match method:
        case "initialize":
            capabilities: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}, "logging": {}}
            server = {"name": "faulty", "version": "1"}
            return {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": server}
        case "tools/list":
            if FAULT == "crash-on-list":
                os._exit(4)
            return {"tools": tools()}
        case "resources/list":
            return {"resources": [{"uri": "note://a", "name": "a"}]}
        case "resources/templates/list":
            return {"resourceTemplates": []}
        case "prompts/list":
            return {"prompts": [{"name": "advise"}]}
        case "resources/read":
            end_once(params["uri"])
            return {"contents": [{"uri": params["uri"], "text": "done"}]}
        case "prompts/get":
            end_once(params["name"])
            return {"messages": []}
        case "tools/call":
            return call(params)
        case "ping" | "logging/setLevel":
            return {}
    return None


def main() -> None:
    with JOURNAL.with_suffix(".starts").open("a") as file:
        file.write("start\n")
    JOURNAL.with_suffix(".environ").write_text(json.dumps(dict(os.environ)))
    if FAULT == "crash":
        os._exit(5)
    while FAULT == "garbage":
        os.write(1, b'{"jsonrpc": "2.0", "id": \xff}\nno JSON at all\n[]\n' * 100)
    for line in sys.stdin:
        message = json.loads(line)
        with JOURNAL.open("a", encoding="utf-8") as file:
            file.write(line)
        if "id" not in message:
            continue
        result = answer(message["method"], message.get("params") or {})
        error = {"code": -32601, "message": "Method not found"}
        write({"id": message["id"], **({"error": error} if result is None else {"result": result})})


main()
