"""A test upstream that does not want to end: it ignores the end of its input, SIGTERM and SIGINT, and so does a child
of its own.

Usage: clinging.py PIDFILE [deaf]. Both process numbers are written to PIDFILE. It answers the handshake, unless it is
deaf, and never a call; a file beside PIDFILE says that a call came (``.called``), another that its input has ended
(``.left``). Standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)  # a child inherits what is ignored
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
unfinished = Path(f"{sys.argv[1]}.new")
unfinished.write_text(f"{os.getpid()} {child.pid}")
unfinished.rename(sys.argv[1])
RESULTS: dict[str, dict[str, Any]] = {
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "clinging", "version": "1"},
    },
    "tools/list": {"tools": [{"name": "hang", "inputSchema": {"type": "object"}}]},
    "ping": {},
}
for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "tools/call":
        Path(f"{sys.argv[1]}.called").touch()
    elif "id" in message and "deaf" not in sys.argv:
        result = RESULTS.get(message["method"], {})
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
Path(f"{sys.argv[1]}.left").touch()
time.sleep(60)  # a test that failed leaves nothing for long
child.kill()
