"""A test upstream with one tool ``write``, whose definition has what the caller says besides its name.

Usage: hinting.py FILE. The file is JSON, such as ``{"annotations": {"openWorldHint": true}}``, and read for each list.
Standard library only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])


def answer(method: str) -> dict[str, Any] | None:
    match method:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "hinting", "version": "1"},
            }
        case "tools/list":
            return {"tools": [{"name": "write", "inputSchema": {"type": "object"}, **json.loads(FILE.read_text())}]}
        case "tools/call":
            return {"content": [{"type": "text", "text": "done"}]}
    return None


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = answer(message["method"])
    error = {"code": -32601, "message": "Method not found"}
    body = {"error": error} if result is None else {"result": result}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **body}), flush=True)
