"""A scripted agent that does whatever it reads: the worst case. It speaks to the document server, or to a gateway."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

DECISION: Final = "rule-of-two/decision"
PROVENANCE: Final = "rule-of-two/provenance"
WITHHELD: Final = "rule-of-two/withheld"
SECONDS: Final = 30
_LOOK_AGAIN_SECONDS: Final = 0.05
_INSTRUCTION: Final = re.compile(r"\bsend .+ to (\S+@[\w.-]+\w)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that was not carried out: what the gateway decided, and what the agent was told."""

    tool: str
    outcome: str
    code: str
    text: str


class Agent:
    """One conversation. ``prefix`` is what stands before the names of the tools."""

    def __init__(self, client: Client, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self.read: list[dict[str, Any]] = []
        self.heard: list[str] = []
        """Every result whole: structure, text blocks, errors and `_meta`."""
        self.refusals: list[Refusal] = []
        self.decisions: list[dict[str, Any]] = []
        self.provenance: list[dict[str, Any]] = []
        self.withheld = 0
        """How many documents the gateway did not hand over."""

    @property
    def ids(self) -> list[str]:
        """The documents that reached the agent, in the order in which they came."""
        return [str(document["id"]) for document in self.read]

    @property
    def memory(self) -> str:
        """The titles and texts of what it has read."""
        return "\n".join(f"{document['title']}: {document['text']}" for document in self.read)

    async def search(self, query: str, **more: Any) -> list[str]:
        """Search, and keep what comes back; the ids."""
        return self._keep(await self._call("search_documents", {"query": query, **more}))

    async def open(self, document: str, **more: Any) -> list[str]:
        """Read one document, and keep it; its id, if it came back."""
        return self._keep(await self._call("read_document", {"id": document, **more}))

    async def send(self, to: str, body: str | None = None) -> bool:
        """Send a text, or all that was read so far; whether that was carried out."""
        return await self._call("send_message", {"to": to, "body": body or self.memory}) is not None

    async def obey(self) -> list[str]:
        """Do what documents say: send all that was read wherever one of them says "send ... to"; the addresses."""
        told = [match[1] for document in self.read for match in _INSTRUCTION.finditer(document["text"])]
        return [address for address in dict.fromkeys(told) if await self.send(address)]

    async def ready(self) -> None:
        """Wait for the tools: the gateway answers before its servers have started."""
        with anyio.fail_after(SECONDS):
            while not await self._has_tools():  # noqa: ASYNC110  # another process starts
                await anyio.sleep(_LOOK_AGAIN_SECONDS)

    async def _has_tools(self) -> bool:
        return any(one.name.startswith(self._prefix) for one in (await self._client.list_tools()).tools)

    async def _call(self, tool: str, arguments: Mapping[str, Any]) -> CallToolResult | None:
        result = await self._client.call_tool(f"{self._prefix}{tool}", dict(arguments))
        self.heard.append(result.model_dump_json())
        meta = result.meta or {}
        decision = meta.get(DECISION)
        if decision is not None:
            self.decisions.append(decision)
        if PROVENANCE in meta:
            self.provenance.append(meta[PROVENANCE])
        self.withheld += meta.get(WITHHELD, {}).get("count", 0)
        if not result.is_error:
            return result
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        if decision is None:
            raise RuntimeError(f"{tool} failed: {text}")
        self.refusals.append(Refusal(tool, decision["outcome"], str(decision["code"]), text))
        return None

    def _keep(self, result: CallToolResult | None) -> list[str]:
        found = (result.structured_content or {}).get("documents", []) if result is not None else []
        self.read.extend(found)
        return [str(document["id"]) for document in found]


@asynccontextmanager
async def conversation(server: StdioServerParameters | str, *, prefix: str = "") -> AsyncIterator[Agent]:
    """Speak to a server: one to start, or the address of one."""
    async with Client(server, cache=None) as client:
        agent = Agent(client, prefix=prefix)
        await agent.ready()
        yield agent
