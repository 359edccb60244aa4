"""A test upstream that answers what a script says, in either era, and writes down what it is sent and what was decided
by then.

Usage: garbled.py NAME JOURNAL SCRIPT STATE. Standard library only. JOURNAL gets a line for each message: this process's
number, the message as it came, and how many calls of that kind the gateway's journal in STATE had let pass before.

SCRIPT is JSON: ``modern``; ``opening`` and ``lists``, which are lines to write instead of the usual answer to the
handshake, and items to add to the lists; ``moves``, of which each further request gets the next; ``ends``, the number
of the request at which the first process of this name goes away. A move is lines, as Latin-1 text, in which $ID stands
for the request's id, $MARK for a text of this upstream's own, $SAID for one of this process's, and $SEEN
for the words beginning with CLIENT- that this process was sent. After its lines each request gets a usual answer.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

NAME, JOURNAL, STATE = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[4])
SCRIPT: dict[str, Any] = json.loads(Path(sys.argv[3]).read_text())
MARK = f"SECRET-{NAME.upper()}"
SAID = f"SAID-{NAME.upper()}-{os.getpid()}"
DECIDED = {"tools/call": ("call_tool", "name"), "resources/read": ("read_resource", "uri"),
           "prompts/get": ("get_prompt", "name")}  # fmt: skip
TOOLS = ("plain", "read", "private", "send", "again")
seen: set[str] = set()


def write(line: bytes) -> None:
    data = line + b"\n"
    while data:
        data = data[os.write(1, data) :]


def filled(text: str, number: Any) -> bytes:
    """A line of the script, with what only this process knows."""
    own = {"$ID": json.dumps(number), "$MARK": MARK, "$SAID": SAID, "$SEEN": " ".join(sorted(seen))}
    for name, value in own.items():
        text = text.replace(name, value)
    return text.encode("latin-1")


def let_pass(method: str, params: dict[str, Any]) -> int | None:
    """How many calls of that kind and name the gateway has written down that it lets pass."""
    if method not in DECIDED:
        return None
    action, member = DECIDED[method]
    with closing(sqlite3.connect(f"file:{STATE / 'journal.db'}?mode=ro", uri=True, timeout=10)) as db:
        rows = db.execute("SELECT body FROM entries WHERE kind = 'decision'").fetchall()
    bodies = [json.loads(body) for (body,) in rows]
    wanted = (action, NAME, params.get(member), "allow")
    return sum((body["action"], body["upstream"], body["name"], body["outcome"]) == wanted for body in bodies)


def record(line: str, message: Any) -> None:
    allowed = None
    if isinstance(message, dict) and isinstance(message.get("method"), str):
        allowed = let_pass(message["method"], message.get("params") or {})
    with JOURNAL.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"pid": os.getpid(), "raw": line, "allowed": allowed}) + "\n")


def capabilities() -> dict[str, Any]:
    said = {"tools": {"listChanged": True}, "resources": {"subscribe": True}, "prompts": {}, "logging": {}}
    return {**said, "completions": {}, "tasks": {"list": {}}, **SCRIPT.get("capabilities", {})}


def usual(method: str) -> dict[str, Any] | None:
    """What a well-behaved server answers."""
    text = [{"type": "text", "text": f"{SAID} {' '.join(sorted(seen))}"}]
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    tools = [{"name": name, "description": MARK, "inputSchema": schema} for name in TOOLS]
    tools[-1]["annotations"] = {"idempotentHint": True}
    info = {"name": NAME, "version": "1"}
    answers: dict[str, dict[str, Any]] = {
        "initialize": {"protocolVersion": "2025-11-25", "capabilities": capabilities(), "serverInfo": info},
        "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": capabilities()},
        "tools/list": {"tools": tools},
        "resources/list": {"resources": [{"uri": f"{NAME}://a", "name": MARK}]},
        "resources/templates/list": {"resourceTemplates": [{"uriTemplate": f"{NAME}://{{x}}", "name": MARK}]},
        "prompts/list": {"prompts": [{"name": "advise", "description": MARK}]},
        "tools/call": {"content": text},
        "resources/read": {"contents": [{"uri": f"{NAME}://a", "text": text[0]["text"]}]},
        "prompts/get": {"messages": [{"role": "user", "content": text[0]}]},
        "completion/complete": {"completion": {"values": [SAID]}},
    }
    if (method == "initialize") if SCRIPT.get("modern") else (method == "server/discover"):
        return None
    return answers.get(method, {})


def listed(method: str, result: dict[str, Any]) -> bytes:
    """A usual list, with the items of the script between its own."""
    member = next(iter(result))
    more = [filled(item, None).decode("latin-1") for item in SCRIPT.get("lists", {}).get(method, [])]
    items = [json.dumps(result[member][0]), *more, *map(json.dumps, result[member][1:])]
    return f'{{"{member}":[{",".join(items)}]}}'.encode("latin-1")


def answer(number: Any, method: str) -> None:
    result = usual(method)
    name = json.dumps(number).encode()
    if result is None:
        write(b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32601,"message":"Method not found"}}' % name)
        return
    if SCRIPT.get("modern"):
        result["resultType"] = "complete"
    body = (
        listed(method, result) if method.endswith("/list") and method != "tasks/list" else json.dumps(result).encode()
    )
    write(b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (name, body))


def goes(count: int) -> bool:
    """Whether this is the moment at which the first process goes away."""
    gone = JOURNAL.with_suffix(".gone")
    if count != SCRIPT.get("ends") or gone.exists():
        return False
    gone.touch()
    return True


def main() -> None:
    count = 0
    for line in sys.stdin:
        message: Any = None
        with suppress(ValueError):
            message = json.loads(line)
        seen.update(re.findall(r"CLIENT-\w+", line))
        record(line, message)
        if not isinstance(message, dict) or "id" not in message or "method" not in message:
            continue
        number, method = message["id"], message["method"]
        if method in {"initialize", "server/discover"}:
            lines = SCRIPT.get("opening", [])
        elif method.endswith("/list") and method != "tasks/list":
            lines = []
        else:
            lines = SCRIPT["moves"][count % len(SCRIPT["moves"])] if SCRIPT["moves"] else []
            count += 1
        for one in lines:
            write(filled(one, number))
        if count and goes(count):
            os._exit(3)
        answer(number, method)


with suppress(BrokenPipeError):
    main()
