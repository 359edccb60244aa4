"""The SDK's typed pass-through: its ``Server`` in front of its ``ClientSession``. It decides and stores nothing.

Usage: passthrough_sdk.py COMMAND ARGS…
"""

from __future__ import annotations

import sys
from typing import Any

import anyio
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server


async def main() -> None:
    command, *arguments = sys.argv[1:]
    upstream = StdioServerParameters(command=command, args=arguments)
    async with (
        stdio_client(upstream) as (from_upstream, to_upstream),
        ClientSession(from_upstream, to_upstream) as session,
    ):
        await session.initialize()

        async def list_tools(
            context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
        ) -> types.ListToolsResult:
            return await session.list_tools(params=params)

        async def call_tool(
            context: ServerRequestContext[Any], params: types.CallToolRequestParams
        ) -> types.CallToolResult:
            return await session.call_tool(params.name, params.arguments)

        server: Server[Any] = Server("pass-through", on_list_tools=list_tools, on_call_tool=call_tool)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
