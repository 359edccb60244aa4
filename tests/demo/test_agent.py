"""The agent: it waits for its tools, takes decisions from results only, and says in one sentence what went wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent

from rule_of_two.demo.agent import Agent, conversation
from rule_of_two.demo.stage import StoryError
from rule_of_two.model import label_text

DECISION = {
    "id": "d7",
    "outcome": "deny",
    "code": "approval_denied",
    "session": "s-1",
    "held": ["A", "B"],
    "adds": ["C"],
}


def server(**meta: object) -> MCPServer:
    made = MCPServer("test")

    @made.tool()
    def send() -> CallToolResult:
        """Send."""
        content = [TextContent(type="text", text="one"), TextContent(type="text", text="two")]
        return CallToolResult(content=content, is_error=True, _meta=meta)

    return made


async def test_a_reply_carries_the_text_and_the_decision() -> None:
    async with Client(server(**{"rule-of-two/decision": DECISION})) as client:
        reply = await Agent(client).call("send", {})
    assert (reply.text, reply.is_error, reply.decision, reply.code) == ("one\ntwo", True, "d7", "approval_denied")
    assert not reply.allowed
    assert [label_text(labels) for labels in (reply.held, reply.adds, reply.after)] == ["[A][B]", "[C]", "[A][B]"]


async def test_a_result_without_a_decision_is_from_no_gateway() -> None:
    async with Client(server()) as client:
        with pytest.raises(StoryError, match="without the gateway's decision"):
            await Agent(client).call("send", {})


async def test_tools_that_are_there_are_not_waited_for() -> None:
    async with Client(server()) as client:
        await Agent(client).wait_for_tools(["send"], seconds=20, trouble=lambda: "not asked for")


async def test_a_server_that_failed_is_not_waited_for() -> None:
    async with Client(server()) as client:
        with pytest.raises(StoryError, match="it exited"):
            await Agent(client).wait_for_tools(["read"], seconds=20, trouble=lambda: "it exited")


async def test_tools_that_never_come_end_the_wait() -> None:
    async with Client(server()) as client:
        with pytest.raises(StoryError, match="did not start within 0 seconds"):
            await Agent(client).wait_for_tools(["read"], seconds=0.1, trouble=lambda: None)


@pytest.mark.parametrize(
    ("code", "last"),
    [("import sys; sys.exit('bad \\x1b[31mconfiguration')", r"bad \u{1b}[31mconfiguration"), ("", "nothing")],
)
async def test_a_gateway_that_ends_at_once_is_named_with_its_last_words(tmp_path: Path, code: str, last: str) -> None:
    command = (sys.executable, "-c", code)
    with pytest.raises(StoryError, match="the gateway went away") as caught:
        async with conversation(command, env=dict(os.environ), cwd=tmp_path, log=tmp_path / "log"):
            pytest.fail("there is nobody to talk to")
    assert str(caught.value).endswith(f"it said last: {last}")
