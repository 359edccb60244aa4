"""A real HTTP server of the SDK on loopback, run as ``http_upstream.py json|sse|http+sse``. It says its port."""

import asyncio
import socket
import sys
import warnings
from typing import Annotated, Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

server = MCPServer("http upstream", version="1", instructions="Echoes.")
seen: list[dict[str, str]] = []


class Answer(BaseModel):
    name: str


@server.tool()
async def echo(text: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Text"})]) -> str:
    """Give the text back."""
    return text


@server.tool()
async def count(ctx: Context[Any, Any]) -> str:
    """Report progress three times."""
    for step in (1, 2, 3):
        await ctx.report_progress(step, 3)
    return "counted"


@server.tool()
async def hang() -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return "never"


@server.tool()
async def ask(ctx: Context[Any, Any]) -> str:
    """Ask the client back, as legacy servers can."""
    answer = await ctx.elicit("Who?", Answer)
    return answer.data.name if answer.action == "accept" else "nobody"


@server.custom_route("/seen", ["GET"])  # type: ignore[untyped-decorator]  # the SDK's
async def what_was_seen(_: Request) -> JSONResponse:
    return JSONResponse(seen)


class Recorder:
    """Remembers the headers of every request."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/mcp":
            seen.append(
                {"method": scope["method"], **{key.decode(): value.decode() for key, value in scope["headers"]}}
            )
        await self.app(scope, receive, send)


def main() -> None:
    warnings.simplefilter("ignore")
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    how = sys.argv[1]
    app = Recorder(server.sse_app() if how == "http+sse" else server.streamable_http_app(json_response=how == "json"))
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
