"""A test upstream that writes as fast as it can, once its tool `start` is called, until it is ended.

Usage: flooding.py JOURNAL KIND. KIND is `log`, `progress` (for the call itself, which is never answered), `garbage` or
`errors` (short lines on standard error). The file beside JOURNAL (`.count`) says how many it has written. Standard
library only.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

COUNT = Path(sys.argv[1]).with_suffix(".count")
KIND = sys.argv[2]
TURN = threading.Lock()
AT_ONCE = 100


def write_raw(data: bytes, to: int = 1) -> None:
    while data:
        data = data[os.write(to, data) :]


def write(message: dict[str, Any]) -> None:
    with TURN:
        write_raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def piece(token: object, number: int) -> bytes:
    match KIND:
        case "log":
            params: dict[str, Any] = {"level": "info", "logger": "flood", "data": f"{number} " + "x" * 150}
            message = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
        case "progress":
            params = {"progressToken": token, "progress": number, "message": "x" * 150}
            message = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        case "garbage":
            return b"this is no JSON\n"
        case _:
            return b"\n"
    return json.dumps(message).encode() + b"\n"


def flood(token: object) -> None:
    number, count = 0, os.open(COUNT, os.O_RDWR | os.O_CREAT)
    while True:
        data = b"".join(piece(token, number + one) for one in range(AT_ONCE))
        if KIND == "errors":
            write_raw(data, to=2)
        else:
            with TURN:
                write_raw(data)
        number += AT_ONCE
        os.pwrite(count, b"%012d" % number, 0)


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    match message["method"]:
        case "initialize":
            capabilities: dict[str, Any] = {"tools": {}, "logging": {}}
            server = {"name": "flooding", "version": "1"}
            return {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": server}
        case "tools/list":
            return {"tools": [{"name": "start", "inputSchema": {"type": "object"}}]}
        case "tools/call":
            token = (message["params"].get("_meta") or {}).get("progressToken")
            threading.Thread(target=flood, args=(token,), daemon=True).start()
            return None if KIND == "progress" else {"content": []}
    return {}


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked and (result := answer(asked)) is not None:
        write({"id": asked["id"], "result": result})
os._exit(0)
