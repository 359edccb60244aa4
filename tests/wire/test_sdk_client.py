"""The SDK's own client, in both eras, against a server that is written with this room alone, over real standard I/O."""

import os
import sys
import warnings
from typing import Any, Literal

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

SERVER = """
import asyncio
from rule_of_two.wire.eras import ClientEra, complete, discover_result, initialize_result
from rule_of_two.wire.peer import Limits, Peer, RemoteError
from rule_of_two.wire.stdio import open_stdio

INFO = {"name": "room", "version": "1"}
OPENING = {"capabilities": {"tools": {}}, "server_info": INFO, "instructions": "Echo."}
TOOL = {"name": "echo", "inputSchema": {"type": "object"}, "annotations": {"sensitiveHint": True}, "vendor": 1}

class Server:
    def __init__(self):
        self.client = ClientEra()
    async def on_request(self, incoming):
        era = self.client.admit(incoming.method, incoming.params)
        if incoming.method == "initialize":
            return initialize_result(incoming.params["protocolVersion"], **OPENING)
        if incoming.method == "server/discover":
            return discover_result(**OPENING)
        return complete(era, incoming.method, await self.answer(incoming.method, incoming.params), INFO)
    async def answer(self, method, params):
        if method == "tools/list":
            return {"tools": [TOOL]}
        if method == "tools/call":
            meta = params.get("_meta") or {}
            if "progressToken" in meta:
                for step in (1, 2):
                    progress = {"progressToken": meta["progressToken"], "progress": step}
                    await peer.notify("notifications/progress", progress)
            return {"content": [{"type": "text", "text": params["arguments"]["text"]}]}
        raise RemoteError(-32601, "Method not found")
    async def on_notification(self, notification, about): pass
    async def on_stream_closed(self, about): pass
    async def on_frame_error(self, error): pass

async def main():
    global peer
    peer = Peer(await open_stdio(Limits()), Server(), name="client", limits=Limits())
    await peer.run()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("mode", "version"),
    [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")],
)
async def test_the_sdk_client_works_in_every_mode(mode: Literal["legacy", "auto"] | str, version: str) -> None:
    steps: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    parameters = StdioServerParameters(
        command=sys.executable, args=["-c", SERVER], env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        async with Client(parameters, mode=mode) as client:
            assert client.protocol_version == version
            if mode != "2026-07-28":  # a client that knows the version beforehand asks for nothing else
                assert client.instructions == "Echo."
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == ["echo"]
            arguments: dict[str, Any] = {"text": "héllo\u2028" + "x" * 100_000}
            result = await client.call_tool("echo", arguments, progress_callback=on_progress)
            assert getattr(result.content[0], "text", None) == arguments["text"]
            with pytest.raises(MCPError) as caught:
                await client.list_prompts()
            assert caught.value.error.code == -32601
    assert sorted(steps) == [1, 2]
