"""The document server: what it returns, in both forms, and what the example's configuration starts."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent

from examples.stage import EXAMPLES, House, Stage


async def found(stage: Stage, tool: str, **arguments: object) -> CallToolResult:
    async with Client(stage.url, cache=None) as client:
        return await client.call_tool(tool, arguments)


async def test_documents_come_as_structure_and_as_text_and_fit_the_output_schema(stage: Stage) -> None:
    async with Client(stage.url, cache=None) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        result = await client.call_tool("search_documents", {"query": "refund within how many days"})
    assert set(tools) == {"search_documents", "read_document", "send_message"}
    (text,) = (part.text for part in result.content if isinstance(part, TextContent))
    assert json.loads(text) == result.structured_content
    jsonschema.validate(result.structured_content, tools["search_documents"].output_schema or False)
    first, second, _ = (result.structured_content or {})["documents"]
    assert (first["id"], second["id"]) == ("acme-refunds", "acme-refunds-2024")
    assert first["score"] > second["score"]
    assert "expires" not in first


async def test_it_filters_by_what_it_is_asked_for(stage: Stage) -> None:
    result = await found(stage, "search_documents", query="refunds", namespace="globex", owner="gus", limit=50)
    assert {one["id"] for one in (result.structured_content or {})["documents"]} == {
        "globex-refunds",
        "globex-insolvency",
    }


@pytest.mark.parametrize(
    "arguments",
    [{"id": "no-such"}, {"id": "acme-salaries", "namespace": "globex"}, {"id": "acme-roadmap", "owner": ""}],
)
async def test_a_document_that_is_not_there_is_none(stage: Stage, arguments: dict[str, str]) -> None:
    assert (await found(stage, "read_document", **arguments)).structured_content == {"documents": []}


@pytest.mark.parametrize("limit", [0, 51, -1, "many"])
async def test_a_limit_out_of_range_is_an_error(stage: Stage, limit: object) -> None:
    assert (await found(stage, "search_documents", query="x", limit=limit)).is_error


async def test_the_configuration_of_an_example_starts_the_server_itself(tmp_path: Path) -> None:
    house = House(EXAMPLES / "tenants" / "rule-of-two.yaml", tmp_path / "state")
    async with house.agent() as agent:
        assert await agent.search("refunds", limit=1) == ["acme-refunds"]
