"""Both eras on both sides: what an upstream asks reaches the client, and the answer goes back, in all four pairs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, CreateMessageResult, ElicitResult, ListRootsResult, Root, TextContent

from tests.conformance.conftest import FIXTURE, ROOT
from tests.harness import DECISION, House

ClientMode = Literal["legacy", "auto"]
MANIFEST = str(ROOT / "tests/conformance/fixture.yaml")
ALL_SETS = ["default", "sampling", "roots"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, settings={"policies": ALL_SETS})


def fixture(eras: str) -> dict[str, Any]:
    """The configuration's block for the conformance fixture over stdio, in one era."""
    command, *arguments = FIXTURE
    return {
        "command": command,
        "args": [*arguments, "--stdio", "--eras", eras],
        "cwd": str(ROOT),
        "manifest": MANIFEST,
    }


@asynccontextmanager
async def client(house: House, mode: ClientMode, asked: list[str]) -> AsyncIterator[Client]:
    """The SDK's client in front of a gateway. ``asked`` gets what its user was shown."""

    async def elicit(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"name": "Ada", "color": "blue", "context": "tests", "ok": True})

    async def sample(context: Any, params: Any) -> CreateMessageResult:
        return CreateMessageResult(role="assistant", content=TextContent(text="Paris"), model="none")

    async def roots(context: Any) -> ListRootsResult:
        return ListRootsResult(roots=[Root(uri="file:///srv/work")])

    command, *rest = house.command("serve")
    server = StdioServerParameters(command=command, args=rest, env=dict(os.environ), cwd=house.folder)
    async with Client(
        server, mode=mode, elicitation_callback=elicit, sampling_callback=sample, list_roots_callback=roots
    ) as opened:
        yield opened


@pytest.mark.parametrize("upstream", ["legacy", "modern"])
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_an_upstreams_questions_reach_the_client_and_its_answers_the_upstream(
    house: House, mode: ClientMode, upstream: str
) -> None:
    house.servers = {"fix": fixture(upstream)}
    wanted = {
        "test_elicitation": "action=accept",
        "test_sampling": "Paris",
        "test_streaming_elicitation": "action=accept",
        "test_input_required_result_elicitation": "Ada",
        "test_input_required_result_sampling": "Paris",
        "test_input_required_result_list_roots": "file:///srv/work",
        "test_input_required_result_request_state": "state-ok",
        "test_input_required_result_multiple_inputs": "All inputs received",
        "test_input_required_result_multi_round": "Ada likes blue",
        "test_input_required_result_tampered_state": "state-ok",
        "test_input_required_result_capabilities": "ask, sample",
    }
    asked: list[str] = []
    async with client(house, mode, asked) as opened:
        assert opened.protocol_version == {"legacy": "2025-11-25", "auto": "2026-07-28"}[mode]
        for name, words in wanted.items():
            result = await opened.call_tool(f"fix__{name}", {"message": "Who?", "prompt": "What?"})
            assert isinstance(result, CallToolResult)
            assert isinstance(result.content[0], TextContent)
            assert words in result.content[0].text, name
            assert result.meta is not None
            assert result.meta[DECISION]["outcome"] == "allow"
        prompt = await opened.get_prompt("fix__test_input_required_result_prompt")
        assert "tests" in prompt.model_dump_json()
    assert asked
    assert all(message.startswith("The server 'fix' asks: ") for message in asked)
    decided = {entry["action"] for entry in house.journal("decision")}
    assert {"call_tool", "get_prompt", "sample", "elicit", "list_roots"} <= decided
    assert house.held() == {"C"}  # answers leave
