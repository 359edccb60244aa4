"""Real clients in front, real servers behind: the SDK's client in both eras, and the Inspector's command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import TextContent

from tests.e2e.conftest import block
from tests.harness import DECISION, House
from tests.servers import real_server

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
SERVERS = {"files", "web", "repo", "notes", "clock", "db", "thinking", "every"}


def _client(house: House, mode: Literal["legacy", "auto"], *arguments: str) -> Client:
    command, *rest = house.command(*(arguments or ("serve",)))
    return Client(StdioServerParameters(command=command, args=rest, env=dict(os.environ), cwd=house.folder), mode=mode)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_sdk_client_uses_every_reference_server_in_both_eras(
    house: House, page: str, mode: Literal["legacy", "auto"]
) -> None:
    async with _client(house, mode) as client:
        assert client.protocol_version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
        names: set[str] = set()
        while {name.split("__")[0] for name in names} != SERVERS:
            names = {tool.name for tool in (await client.list_tools()).tools}
        assert len(names) > 50
        now = await client.call_tool("clock__get_current_time", {"timezone": "Europe/Berlin"})
        assert now.structured_content is not None
        assert now.structured_content["timezone"] == "Europe/Berlin"
        web = await client.call_tool("web__fetch", {"url": page})
        assert "eve@evil.example" in _text(web)
        secret = await client.call_tool("files__read_text_file", {"path": str(house.folder / "documents/secret.txt")})
        assert secret.is_error
        assert secret.meta is not None
        assert secret.meta[DECISION]["code"] == "approval_required"
        assert "salary" not in _text(secret)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_wrap_leaves_one_servers_names_and_results_as_they_are(
    house: House, mode: Literal["legacy", "auto"]
) -> None:
    documents = str(house.folder / "documents")
    async with Client(
        StdioServerParameters(command=real_server("filesystem")[0], args=[*real_server("filesystem")[1:], documents]),
        mode="legacy",
    ) as direct:
        expected = {tool.name: tool for tool in (await direct.list_tools()).tools}
    async with _client(house, mode, "wrap", "--", *real_server("filesystem"), documents) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools.keys() == expected.keys()
        for name, tool in tools.items():
            assert tool.input_schema == expected[name].input_schema
            assert tool.annotations == expected[name].annotations
            assert tool.meta is not None
            assert tool.meta["rule-of-two/labels"] is not None
        result = await client.call_tool("read_text_file", {"path": f"{documents}/secret.txt"})
        assert _text(result) == "the salary list"
        assert result.meta is not None
        assert result.meta[DECISION]["adds"] == ["A", "B"]


async def test_an_upstream_over_streamable_http_is_used_like_one_over_stdio(house: House) -> None:
    script = Path(__file__).parent / "http_upstream.py"
    server = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    url = (await server.stdout.readline()).decode().strip()
    house.servers = {"notes": {"url": url, "manifest": str(script.with_suffix(".yaml"))}, "clock": block("time")}
    try:
        async with house.gateway() as gateway:
            while not [name for name in await _names(gateway) if name.startswith("notes__")]:
                await gateway.request("ping")
            result = await gateway.call("notes__shout", {"text": "hello"})
            assert result["content"][0]["text"] == "HELLO"
            assert result["_meta"][DECISION]["adds"] == ["A"]
    finally:
        server.terminate()
        await server.communicate()


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_and_calls_through_the_gateway(house: House, era: str) -> None:
    house.servers = {"files": house.servers["files"], "clock": house.servers["clock"]}
    wanted = {"files__write_file", "clock__get_current_time"}
    house.settings = {"listing": {"wait": "60s"}}  # it lists once and goes
    assert wanted <= {tool["name"] for tool in _inspect(house, era, "--method", "tools/list")["tools"]}
    time = _inspect(
        house, era, "--method", "tools/call", "--tool-name", "clock__get_current_time", "--tool-arg", "timezone=Etc/UTC"
    )
    assert time["structuredContent"]["timezone"] == "Etc/UTC"
    assert time["_meta"][DECISION]["outcome"] == "allow"


def _inspect(house: House, era: str, *arguments: str) -> dict[str, Any]:
    command, *rest = house.command("serve")
    registration = house.folder / "mcp.json"
    registration.write_text(json.dumps({"mcpServers": {"rule-of-two": {"command": command, "args": rest}}}))
    chosen = ["--config", str(registration), "--server", "rule-of-two"]
    command_line = [*real_server("inspector"), "--cli", *chosen, "--protocol-era", era, *arguments]
    done = subprocess.run(
        command_line,
        capture_output=True,
        text=True,
        cwd=house.folder,
        timeout=90,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _text(result: Any) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


async def _names(gateway: Any) -> list[str]:
    return [tool["name"] for tool in (await gateway.request("tools/list"))["result"]["tools"]]
