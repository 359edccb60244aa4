"""A test upstream that hands over whatever results a test has put into a folder, and visits addresses.

Usage: library.py JOURNAL FOLDER. Standard library only. ``FOLDER/<page>.json`` is the whole result of showing that
page, reading ``page://<page>`` or getting the prompt ``page`` with that name; or the ``error`` that it holds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

JOURNAL, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
TOOLS = ("show", "visit", "echo")


def result_of(message: dict[str, Any]) -> dict[str, Any] | None:
    params = message.get("params") or {}
    arguments = params.get("arguments") or {}
    match message["method"]:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}, "resources": {}, "prompts": {}},
                "serverInfo": {"name": "library", "version": "1"},
            }
        case "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
        case "resources/list":
            return {"resources": []}
        case "resources/templates/list":
            return {"resourceTemplates": [{"uriTemplate": "page://{name}", "name": "pages"}]}
        case "prompts/list":
            return {"prompts": [{"name": "page", "arguments": [{"name": "page"}]}]}
        case "resources/read":
            return page(params["uri"].removeprefix("page://"))
        case "prompts/get":
            return page(arguments["page"])
        case "tools/call" if params["name"] == "show":
            return page(arguments["page"])
        case "tools/call":
            return {"content": [{"type": "text", "text": f"You said: {arguments.get('text', 'nothing')}."}]}
        case _:
            return None


def page(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return result


for line in sys.stdin:
    received = json.loads(line)
    with JOURNAL.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(received) + "\n")
    if "id" in received:
        result = result_of(received)
        if result is None:
            result = {"error": {"code": -32601, "message": "Method not found"}}
        answer = result if "error" in result else {"result": result}
        reply = {"jsonrpc": "2.0", "id": received["id"], **answer}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
