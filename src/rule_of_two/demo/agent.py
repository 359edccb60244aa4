"""The demo's agent: a script. It speaks to the gateway as any client does, with the SDK's client over stdio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent

from rule_of_two.demo.reply import Reply
from rule_of_two.demo.stage import StoryError, first_of
from rule_of_two.escape import visible
from rule_of_two.model import labels_in

DECISION_KEY: Final = "rule-of-two/decision"
_LOOK_AGAIN_SECONDS: Final = 0.25


class Agent:
    """One conversation: one connection, to a gateway of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def wait_for_tools(self, names: Sequence[str], *, seconds: float, trouble: Callable[[], str | None]) -> None:
        """Wait until all of ``names`` are offered: servers may start more slowly than the gateway.

        The list is read again and again, since only clients of the older era are told that it changed.

        :raises StoryError: they are not within ``seconds``, or ``trouble()`` says why they never will.
        """
        with anyio.move_on_after(seconds):
            while True:
                offered = {tool.name for tool in (await self._client.list_tools()).tools}
                if offered.issuperset(names):
                    return
                if reason := trouble():
                    raise StoryError(reason)
                await anyio.sleep(_LOOK_AGAIN_SECONDS)
        raise StoryError(f"the servers did not start within {seconds:.0f} seconds; try again")

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Reply:
        """Call a tool, and wait for as long as a human takes to answer.

        :raises StoryError: the result carries no decision, so it does not come from a gateway.
        """
        return _reply(await self._client.call_tool(tool, dict(arguments)))


@asynccontextmanager
async def conversation(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> AsyncIterator[Agent]:
    """Start a gateway with ``command`` and talk to it; it ends with the conversation. Its stderr goes to ``log``.

    :raises StoryError: the gateway went away.
    """
    program, *arguments = command
    server = StdioServerParameters(command=program, args=arguments, env=dict(env), cwd=cwd)
    with log.open("a", encoding="utf-8") as file:
        try:
            async with Client(stdio_client(server, errlog=file), cache=None) as client:
                yield Agent(client)
        except* MCPError as errors:
            raise StoryError(f"the gateway went away ({first_of(errors)}); it said last: {_last(log)}") from errors


def _last(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return visible(next((line for line in reversed(lines) if line.strip()), "nothing"))


def _reply(result: CallToolResult) -> Reply:
    decision = (result.meta or {}).get(DECISION_KEY)
    if not isinstance(decision, dict):
        raise StoryError("a result came back without the gateway's decision")
    return Reply(
        text="\n".join(part.text for part in result.content if isinstance(part, TextContent)),
        is_error=result.is_error,
        decision=str(decision["id"]),
        outcome=str(decision["outcome"]),
        code=decision["code"],
        session=str(decision["session"]),
        held=labels_in(decision["held"]),
        adds=labels_in(decision["adds"]),
    )
