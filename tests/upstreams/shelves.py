"""A test upstream that keeps documents of several tenants, and trusts whoever calls it to name the right one.

Usage: shelves.py JOURNAL. Standard library only. It writes down every message before it answers. A file beside
JOURNAL that ends in .schema, if there is one, is the input schema of its tool, and
each call tells that tools changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

JOURNAL = Path(sys.argv[1])
DOCUMENTS = {"acme": ["Acme plans a merger."], "globex": ["Globex is insolvent."]}
STRING = {"type": "string"}
FILTER = {"type": "object", "properties": {"team": STRING}}
SCHEMA = {
    "type": "object",
    "properties": {
        "namespace": STRING, "query": STRING, "limit": {"type": "integer"}, "admin": {"type": "boolean"},
        "filter": FILTER, "token": STRING, "to": STRING,
    },
    "required": ["query"],
}  # fmt: skip


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    other = JOURNAL.with_suffix(".schema")
    match method:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "shelves", "version": "1"},
            }
        case "tools/list":
            schema = json.loads(other.read_text()) if other.exists() else SCHEMA
            return {"tools": [{"name": "search", "description": "Search documents.", "inputSchema": schema}]}
        case "tools/call":
            found = DOCUMENTS.get(params["arguments"].get("namespace"), ["There is no such shelf."])
            return {"content": [{"type": "text", "text": text} for text in found]}
        case "ping":
            return {}
    return None


for line in sys.stdin:
    message = json.loads(line)
    with JOURNAL.open("a", encoding="utf-8") as file:
        file.write(line)
    if "id" in message and "method" in message:
        result = answer(message["method"], message.get("params") or {})
        reply = {"error": {"code": -32601, "message": "Method not found"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
    if message.get("method") == "tools/call" and JOURNAL.with_suffix(".schema").exists():
        print(json.dumps({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}), flush=True)
