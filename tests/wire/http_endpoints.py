"""HTTP servers on loopback that answer in bytes, as a test tells them, and a peer that speaks to one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rule_of_two.wire.http import Kind, open_http
from rule_of_two.wire.peer import Limits, Peer
from tests.wire.playbook import SECONDS, Script, running

LIMITS = Limits(frame_bytes=200_000, close_seconds=1, write_seconds=5)
WHO = {"name": "rule-of-two", "version": "1"}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": WHO}
VERSION = "io.modelcontextprotocol/protocolVersion"
ENVELOPE = {VERSION: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request, as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader

    async def gone(self) -> None:
        """The client has closed the connection."""
        with suppress(ConnectionError):
            await self.reader.read()

    @property
    def message(self) -> Any:
        return json.loads(self.body) if self.body else {}


@contextmanager
def real_server(script: str, *arguments: str) -> Iterator[str]:
    """The address of a running server of the SDK's: of the program ``script`` in this folder, which says its port."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()
            server.communicate(timeout=20)


Answerer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that lets ``serve`` have each connection; everything is closed at the end."""
    served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served[asyncio.get_running_loop().create_task(guarded(reader, writer))] = writer

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in served:
            task.cancel()
        if served:
            await asyncio.wait(served)
        for writer in served.values():
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        await server.wait_closed()


@asynccontextmanager
async def endpoint_that(answers: Answerer) -> AsyncIterator[str]:
    """A server that lets ``answers`` write the answer to each request, and then closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers(await read_request(reader), writer)

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}/mcp"


async def read_request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="surrogateescape")
    line, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = line.split(" ", 2)
    return Asked(method, target, headers, body, reader)


async def say(
    writer: asyncio.StreamWriter,
    body: bytes = b"",
    *,
    status: str = "200 OK",
    kind: str | None = "application/json",
    **headers: str,
) -> None:
    """Write one whole answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close"]
    if kind is not None:
        lines.append(f"content-type: {kind}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    await writer.drain()


async def stream(writer: asyncio.StreamWriter, *pieces: bytes, **headers: str) -> None:
    """Write the head of a stream of events and some of it; the stream ends when the connection is closed."""
    lines = ["HTTP/1.1 200 OK", "content-type: text/event-stream", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    for piece in pieces:
        writer.write(piece)
        await writer.drain()


def result(asked: Asked, value: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": asked.message["id"], "result": value}).encode()


def event(data: bytes, *, id_: str | None = None) -> bytes:
    return (b"" if id_ is None else f"id: {id_}\n".encode()) + b"data: " + data + b"\n\n"


async def initialized(asked: Asked, writer: asyncio.StreamWriter, **headers: str) -> bool:
    """Play the legacy handshake. Whether the request belonged to it."""
    method = asked.message.get("method")
    if method == "initialize":
        info = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
        await say(writer, result(asked, info), **headers)
    elif method == "notifications/initialized":
        await say(writer, status="202 Accepted", kind=None)
    return method in ("initialize", "notifications/initialized")


@asynccontextmanager
async def peer_at(
    url: str,
    script: Script | None = None,
    *,
    headers: dict[str, str] | None = None,
    limits: Limits = LIMITS,
    kind: Kind = "streamable-http",
    auth: Any = None,
) -> AsyncIterator[Peer]:
    """A running peer of the server at ``url``; closed at the end, in bounded time."""
    transport = await open_http(url, headers=headers or {}, limits=limits, kind=kind, auth=auth)
    async with running(transport, script or Script(), name="web", limits=limits) as peer:
        yield peer


async def hello(peer: Peer) -> dict[str, Any]:
    """The legacy handshake, from our side."""
    info = await peer.request("initialize", HELLO, timeout=SECONDS)
    await peer.notify("notifications/initialized", {})
    return info
