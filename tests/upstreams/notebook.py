"""A test upstream that keeps notes in a file, which any number of its processes share.

Usage: notebook.py FILE. Standard library only. ``get`` with ``until`` answers once that file is there, and says so with
a progress that quotes nothing.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])
TOOLS = ("put", "get", "names", "move", "anything", "clock")
STRING = {"type": "string"}
SCHEMA = {"type": "object", "properties": dict.fromkeys(("name", "to", "text", "until"), STRING)}


def notes() -> dict[str, str]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def call(name: str, arguments: dict[str, Any]) -> str:
    kept = notes()
    match name:
        case "put":
            if arguments["text"] == "fail":
                raise ValueError("the disk is full")
            FILE.write_text(json.dumps({**kept, arguments["name"]: arguments["text"]}))
        case "get":
            if "until" in arguments:
                FILE.with_suffix(".reading").touch()
                while not Path(arguments["until"]).exists():
                    time.sleep(0.01)
            return notes().get(arguments["name"], "there is no such note")
        case "names":
            return "\n".join(one for one in kept if one.startswith(arguments["name"]))
        case "move":
            FILE.write_text(
                json.dumps({key.replace(arguments["name"], arguments["to"], 1): text for key, text in kept.items()})
            )
    return "done"


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    match method:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}, "resources": {}},
                "serverInfo": {"name": "notebook", "version": "1"},
            }
        case "tools/list":
            return {"tools": [{"name": name, "description": name, "inputSchema": SCHEMA} for name in TOOLS]}
        case "resources/list":
            return {"resources": [{"uri": "note://plans", "name": "plans"}]}
        case "resources/templates/list":
            return {"resourceTemplates": [{"uriTemplate": "note://{+name}", "name": "notes"}]}
        case "resources/read":
            return {"contents": [{"uri": params["uri"], "text": notes().get(params["uri"], "")}]}
        case "tools/call":
            try:
                text, failed = call(params["name"], params["arguments"]), False
            except ValueError as error:
                text, failed = str(error), True
            return {"content": [{"type": "text", "text": text}], "isError": failed}
        case "ping":
            return {}
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        result = answer(message["method"], message.get("params") or {})
        reply = {"error": {"code": -32601, "message": "Method not found"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
