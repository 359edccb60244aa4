"""The SDK's own client over HTTP, in both eras, against a server that is written with this room alone."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.client.session import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ToolsListChanged
from mcp.shared.exceptions import MCPError

from rule_of_two.wire.peer import Incoming
from tests.wire.httpserver_host import SECONDS, TOKEN, Answer, Host, serving

MODES = [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
Mode = Literal["legacy", "auto"] | str
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


@pytest.fixture(autouse=True)
def _deprecations() -> Iterator[None]:
    """The SDK warns of what the new version deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@asynccontextmanager
async def sdk(url: str, mode: Mode = "legacy", **options: Any) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


async def list_tools(incoming: Incoming) -> dict[str, Any]:
    return {"tools": [{"name": "echo", "inputSchema": {"type": "object"}, "vendor": 1}]}


async def echo(incoming: Incoming) -> dict[str, Any]:
    meta = incoming.params.get("_meta") or {}
    if "progressToken" in meta:
        for step in (1, 2, 3):
            progress = {"progressToken": meta["progressToken"], "progress": step}
            await incoming.notify("notifications/progress", progress)
    await incoming.notify("notifications/message", {"level": "info", "data": "working"})
    return {"content": [{"type": "text", "text": incoming.params["arguments"]["text"]}]}


ECHO: dict[str, Answer] = {"tools/list": list_tools, "tools/call": echo}


def text_of(result: types.CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text


@pytest.mark.parametrize("legacy_streams", [True, False])
@pytest.mark.parametrize(("mode", "version"), MODES)
async def test_the_sdk_client_works_in_every_mode(mode: Mode, version: str, legacy_streams: bool) -> None:
    steps: list[float] = []
    logged: list[Any] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async def on_log(params: types.LoggingMessageNotificationParams) -> None:
        logged.append(params.data)

    async with (
        serving(Host(ECHO), legacy_streams=legacy_streams) as url,
        sdk(url, mode, logging_callback=on_log, log_level="info") as client,
    ):
        assert client.protocol_version == version
        assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
        text = "héllo\u2028\u0085" + "x" * 100_000
        result = await client.call_tool("echo", {"text": text}, progress_callback=on_progress)
        assert text_of(result) == text
        with pytest.raises(MCPError) as caught:
            await client.list_prompts()
        assert caught.value.error.code == -32601
    assert steps == [1, 2, 3]
    assert logged == ["working"]


@pytest.mark.parametrize(("mode", "version"), MODES)
async def test_a_reply_that_is_too_large_for_an_event_arrives(mode: Mode, version: str) -> None:
    async def large(incoming: Incoming) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": "x" * 3_000_000}]}

    async with serving(Host({**ECHO, "tools/call": large})) as url, sdk(url, mode) as client:
        assert len(text_of(await client.call_tool("echo", {}))) == 3_000_000


async def test_a_legacy_tool_can_ask_its_client_from_inside_a_call() -> None:
    async def curious(incoming: Incoming) -> dict[str, Any]:
        sampled = await incoming.ask(
            "sampling/createMessage",
            {"messages": [{"role": "user", "content": {"type": "text", "text": "2+2"}}], "maxTokens": 5},
        )
        elicited = await incoming.ask(
            "elicitation/create",
            {"message": "sure?", "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}},
        )
        return {"content": [{"type": "text", "text": f"{sampled['content']['text']} {elicited['content']}"}]}

    async def on_sampling(
        context: ClientRequestContext, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult:
        return types.CreateMessageResult(role="assistant", content=types.TextContent(type="text", text="4"), model="m")

    async def on_elicitation(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"ok": True})

    host = Host({**ECHO, "tools/call": curious})
    async with (
        serving(host) as url,
        sdk(url, sampling_callback=on_sampling, elicitation_callback=on_elicitation) as client,
    ):
        results = await asyncio.gather(*(client.call_tool("echo", {}) for _ in range(5)))
        assert {text_of(result) for result in results} == {"4 {'ok': True}"}


@pytest.mark.parametrize(("mode", "version"), MODES)
async def test_the_sdk_client_cancels(mode: Mode, version: str) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def slow(incoming: Incoming) -> dict[str, Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return {}

    async with serving(Host({**ECHO, "tools/call": slow})) as url, sdk(url, mode) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "echo", {})
            await begun.wait()
            tasks.cancel_scope.cancel()
        async with asyncio.timeout(SECONDS):
            await cancelled.wait()
        assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]


async def test_a_legacy_client_hears_what_belongs_to_no_call() -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def on_message(message: Any) -> None:
        heard.put_nowait(message)

    host = Host(ECHO)
    async with serving(host) as url, sdk(url, message_handler=on_message) as client:
        await client.list_tools()
        await host.peers[0].notify("notifications/tools/list_changed", {})
        async with asyncio.timeout(SECONDS):
            assert isinstance(await heard.get(), types.ToolListChangedNotification)
            assert await host.peers[0].request("ping", {}) == {}


async def test_a_modern_client_subscribes() -> None:
    change, ended = asyncio.Event(), asyncio.Event()

    async def listen(incoming: Incoming) -> dict[str, Any]:
        meta = {SUBSCRIPTION: incoming.id}
        wanted = {"toolsListChanged": True}
        await incoming.notify("notifications/subscriptions/acknowledged", {"_meta": meta, "notifications": wanted})
        try:
            while True:
                await change.wait()
                change.clear()
                await incoming.notify("notifications/tools/list_changed", {"_meta": meta})
        finally:
            ended.set()

    host = Host({**ECHO, "subscriptions/listen": listen})
    async with serving(host) as url, sdk(url, "2026-07-28") as client:
        async with client.listen(tools_list_changed=True) as events:
            change.set()
            async with asyncio.timeout(SECONDS):
                async for event in events:
                    assert isinstance(event, ToolsListChanged)
                    break
        async with asyncio.timeout(SECONDS):
            await ended.wait()
        assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]


async def test_closing_the_sdk_client_ends_its_session() -> None:
    host = Host(ECHO)
    async with serving(host) as url:
        async with sdk(url) as client:
            await client.list_tools()
            assert host.running == 1
        await host.until(running=0)
        assert host.peers[0].reason == "it ended the session"
