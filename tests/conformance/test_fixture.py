"""The fixture's variants, and its manifest."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, CreateMessageResult, ElicitResult, ListRootsResult, TextContent

from rule_of_two.manifests.load import load_manifest
from tests.conformance.conftest import FIXTURE, ROOT, fixture_server
from tests.conformance.fixture.prompts import PROMPTS
from tests.conformance.fixture.server import TOOLS
from tests.conformance.suite import Checks, compare, run_suite

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ENVELOPE = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
HELLO = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}


def post(url: str, method: str, params: dict[str, Any], version: str | None) -> tuple[int, dict[str, Any]]:
    """One request, and the status and the JSON that came back."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if version is not None:
        headers |= {"MCP-Protocol-Version": version, "Mcp-Method": method}
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as reply:  # noqa: S310  # loopback
            text = reply.read().decode()
            status = reply.status
    except urllib.error.HTTPError as error:
        with error:
            text, status = error.read().decode(), error.code
    line = next((line for line in text.splitlines() if line.startswith(("{", "data: {"))), "{}")
    answer: dict[str, Any] = json.loads(line.removeprefix("data: "))
    return status, answer


def test_a_legacy_fixture_refuses_the_modern_era() -> None:
    with fixture_server("--eras", "legacy") as url:
        status, reply = post(url, "server/discover", ENVELOPE, MODERN)
        assert (status, reply["error"]["code"], reply["id"]) == (400, -32601, 7)
        status, reply = post(url, "tools/list", ENVELOPE, MODERN)
        assert (status, reply["error"]["code"]) == (400, -32600)
        status, reply = post(url, "initialize", HELLO, None)
        assert (status, reply["result"]["protocolVersion"]) == (200, LEGACY)


def test_a_modern_fixture_refuses_the_legacy_era() -> None:
    with fixture_server("--eras", "modern") as url:
        status, reply = post(url, "initialize", HELLO, None)
        assert (status, reply["error"]["code"], reply["id"]) == (400, -32022, 7)
        assert reply["error"]["data"] == {"supported": [MODERN], "requested": LEGACY}
        status, reply = post(url, "tools/list", {}, LEGACY)
        assert (status, reply["error"]["code"]) == (400, -32022)
        status, reply = post(url, "tools/list", ENVELOPE, None)
        assert (status, reply["error"]["code"]) == (400, -32020)
        status, reply = post(url, "server/discover", ENVELOPE, MODERN)
        assert (status, reply["result"]["supportedVersions"]) == (200, [MODERN])


@pytest.mark.parametrize(("eras", "version"), [("both", MODERN), ("legacy", LEGACY), ("modern", MODERN)])
async def test_a_client_on_stdio_finds_the_era(eras: str, version: str) -> None:
    command, *arguments = FIXTURE
    server = StdioServerParameters(command=command, args=[*arguments, "--stdio", "--eras", eras], cwd=ROOT)
    async with Client(stdio_client(server), mode="auto") as client:
        assert client.session.protocol_version == version
        result = await client.call_tool("test_simple_text")
        assert isinstance(result, CallToolResult)
        assert result.content == [TextContent(text="This is a simple text response for testing.")]


@pytest.mark.parametrize("eras", ["legacy", "modern"])
async def test_what_asks_the_client_does_so_in_either_era(eras: str) -> None:
    async def elicit(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": "Ada", "color": "blue", "context": "tests", "ok": True})

    async def sample(context: Any, params: Any) -> CreateMessageResult:
        return CreateMessageResult(role="assistant", content=TextContent(text="Paris"), model="none")

    async def roots(context: Any) -> ListRootsResult:
        return ListRootsResult(roots=[])

    wanted = {
        "test_elicitation": "action=accept",
        "test_sampling": "Paris",
        "test_streaming_elicitation": "action=accept",
        "test_input_required_result_elicitation": "Ada",
        "test_input_required_result_sampling": "Paris",
        "test_input_required_result_list_roots": "Roots: ",
        "test_input_required_result_request_state": "state-ok",
        "test_input_required_result_multiple_inputs": "All inputs received",
        "test_input_required_result_multi_round": "Ada likes blue",
        "test_input_required_result_tampered_state": "state-ok",
        "test_input_required_result_capabilities": "ask, sample",
    }
    command, *arguments = FIXTURE
    server = StdioServerParameters(command=command, args=[*arguments, "--stdio", "--eras", eras], cwd=ROOT)
    async with Client(
        stdio_client(server),
        mode="auto",
        elicitation_callback=elicit,
        sampling_callback=sample,
        list_roots_callback=roots,
    ) as client:
        for name, words in wanted.items():
            result = await client.call_tool(name, {"message": "Who?", "prompt": "What?"})
            assert isinstance(result, CallToolResult)
            assert isinstance(result.content[0], TextContent)
            assert words in result.content[0].text, name
        prompt = await client.get_prompt("test_input_required_result_prompt")
        assert "tests" in prompt.model_dump_json()


@pytest.mark.real
@pytest.mark.timeout(200)
def test_a_legacy_fixture_passes_what_the_fixture_of_both_eras_passes(direct_legacy: Checks, tmp_path: Path) -> None:
    with fixture_server("--eras", "legacy") as url:
        assert compare(direct_legacy, run_suite(url, "2025-11-25", tmp_path)) == []


@pytest.mark.real
@pytest.mark.timeout(200)
def test_a_modern_fixture_passes_what_the_fixture_of_both_eras_passes(direct_modern: Checks, tmp_path: Path) -> None:
    with fixture_server("--eras", "modern") as url:
        assert compare(direct_modern, run_suite(url, "2026-07-28", tmp_path)) == []


def test_the_manifest_names_all_that_the_fixture_offers_without_a_label() -> None:
    manifest = load_manifest(Path(__file__).with_name("fixture.yaml"))
    assert set(manifest.tools) == set(TOOLS)
    assert set(manifest.prompts) == {prompt.name for prompt in PROMPTS}
    entries = (*manifest.tools.values(), *manifest.prompts.values(), *manifest.resources)
    assert {entry.labels for entry in entries} == {frozenset()}
