"""FastMCP's proxy as its documentation makes one. Runs in an environment of its own.

Usage: proxy_fastmcp.py COMMAND ARGS…        one server, its names as they are
       proxy_fastmcp.py --config FILE        the servers of an ``mcpServers`` file, prefixed
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fastmcp.client.transports import StdioTransport  # type: ignore[import-not-found]  # not in the project's environment
from fastmcp.server import create_proxy  # type: ignore[import-not-found]  # not in the project's environment


def main() -> None:
    if sys.argv[1] == "--config":
        proxy = create_proxy(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    else:
        proxy = create_proxy(StdioTransport(command=sys.argv[1], args=sys.argv[2:]))
    proxy.run(transport="stdio", show_banner=False, log_level="ERROR")


if __name__ == "__main__":
    main()
