"""A test upstream that offers nothing and ignores the end of its input, SIGTERM and SIGINT.

Usage: stubborn.py PIDFILE. It writes its process number there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
Path(sys.argv[1]).write_text(str(os.getpid()))
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
while True:
    time.sleep(3600)
