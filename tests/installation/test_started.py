"""The entry that `install` wrote is started exactly as a client would, and its servers' tools are listed through it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client

from tests.harness import UPSTREAMS
from tests.installation.conftest import Home

pytestmark = pytest.mark.usefixtures("ring")


async def test_the_written_entry_starts_the_gateway_and_lists_the_tools(home: Home, tmp_path: Path) -> None:
    recorder = [str(UPSTREAMS / "recorder.py")]
    servers = {
        "first one": {"command": sys.executable, "args": [*recorder, "${userHome}/first.jsonl"]},
        "off": {"command": "nobody-has-this", "disabled": True},
        "second": {"command": sys.executable, "args": [*recorder, str(tmp_path / "second.jsonl")]},
    }
    file = home.write(".cursor/mcp.json", json.dumps({"mcpServers": servers}))
    home.done("install", "cursor")
    (entry,) = json.loads(file.read_text())["mcpServers"].values()
    given = {name: text.replace("${userHome}", str(home.folder)) for name, text in entry["env"].items()}
    server = StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home.folder),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **given,
        },
    )
    async with Client(stdio_client(server), mode="auto") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert {name.split("__")[0] for name in names} == {"first-one", "second"}
