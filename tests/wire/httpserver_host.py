"""A host for the HTTP server that runs real peers with a scripted handler, and clients that speak raw HTTP to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from rule_of_two.records import replace
from rule_of_two.wire.eras import (
    CLIENT_CAPABILITIES,
    PROTOCOL_VERSION,
    ClientEra,
    Era,
    complete,
    discover_result,
    initialize_result,
)
from rule_of_two.wire.frames import FrameError, Notification
from rule_of_two.wire.http_server import HttpSettings, serve_http
from rule_of_two.wire.peer import Incoming, Limits, Peer, RemoteError, Transport

SECONDS = 10.0
TOKEN = "token-of-alice"  # noqa: S105  # for tests
OTHER_TOKEN = "token-of-bob"  # noqa: S105
INFO = {"name": "room", "version": "1"}
OPENING: dict[str, Any] = {
    "capabilities": {"tools": {"listChanged": True}, "logging": {}},
    "server_info": INFO,
    "instructions": "Echo.",
}

Answer = Callable[[Incoming], Awaitable[dict[str, Any]]]


class Scripted:
    """What one connection's messages go to."""

    def __init__(self, host: Host, era: Era) -> None:
        self.host = host
        self.era = era
        self.client = ClientEra()
        self.peer: Peer

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        era = self.client.admit(incoming.method, incoming.params)
        assert era is self.era
        if incoming.method == "initialize":
            if "refuse" in incoming.params:
                raise RemoteError(-32000, "not today")
            return initialize_result(incoming.params["protocolVersion"], **OPENING)
        if incoming.method == "server/discover":
            return discover_result(**OPENING)
        answer = self.host.answers.get(incoming.method)
        if answer is None:
            raise RemoteError(-32601, "Method not found")
        return complete(era, incoming.method, await answer(incoming), INFO)

    async def on_notification(self, notification: Notification, about: object) -> None:
        self.host.notifications.put_nowait(notification)

    async def on_stream_closed(self, about: object) -> None:
        """A client has no streams of ours."""

    async def on_frame_error(self, error: FrameError) -> None:
        self.host.frame_errors.append(error)


@dataclass
class Host:
    """A host that answers by method name."""

    answers: dict[str, Answer] = field(default_factory=dict)
    schemas: dict[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    notifications: asyncio.Queue[Notification] = field(default_factory=asyncio.Queue)
    frame_errors: list[FrameError] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    """All that ever were."""
    running: int = 0
    wrap: Callable[[str, Era, Transport], Awaitable[None]] | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: "alice", OTHER_TOKEN: "bob"})
    unreadable: Exception | None = None
    """Why no token can be read now."""

    def client_of(self, token: str) -> str | None:
        """The client of a token."""
        if self.unreadable is not None:
            raise self.unreadable
        return self.tokens.get(token)

    def tool_schema(self, client: str, name: str) -> Any | None:
        return self.schemas.get(name)

    async def serve(self, client: str, era: Era, transport: Transport) -> None:
        await self._count(1)
        try:
            if self.wrap is not None:
                await self.wrap(client, era, transport)
                return
            handler = Scripted(self, era)
            peer = handler.peer = Peer(transport, handler, name=client, limits=self.limits)
            self.peers.append(peer)
            await peer.run()
        finally:
            await self._count(-1)

    async def until(self, running: int) -> None:
        """Wait until so many connections are served."""
        async with asyncio.timeout(SECONDS), self.changed:
            await self.changed.wait_for(lambda: self.running == running)

    async def _count(self, change: int) -> None:
        self.running += change
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def serving(
    host: Host, settings: HttpSettings | None = None, limits: Limits | None = None, **changes: Any
) -> AsyncIterator[str]:
    """A server on a free port; its URL. On leaving it ends, and nothing of it is left."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        serve_http(
            host,
            address="127.0.0.1",
            port=0,
            limits=limits or Limits(),
            settings=replace(settings or HttpSettings(), **changes),
            on_ready=ready.set_result,
        )
    )
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
        yield ready.result()
    finally:
        running.cancel()
        async with asyncio.timeout(SECONDS):
            await asyncio.wait((running,))
        assert host.running == 0
        assert running.cancelled()


async def raw(url: str, *pieces: bytes, end: bool = False) -> bytes:
    """Write bytes to the server on a connection of their own, and read until it closes that."""
    reader, writer = await dial(url)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
        async with asyncio.timeout(SECONDS):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port_of(url))


def port_of(url: str) -> int:
    port = httpx2.URL(url).port
    assert port is not None
    return port


def request_head(url: str, *lines: str, method: str = "POST", path: str = "/mcp", length: int = 0) -> bytes:
    """The head of a request as bytes, with a token and all that is needed; ``lines`` come on top."""
    head = [
        f"{method} {path} HTTP/1.1",
        f"host: 127.0.0.1:{port_of(url)}",
        f"authorization: Bearer {TOKEN}",
        "accept: application/json, text/event-stream",
        "content-type: application/json",
        f"content-length: {length}",
        "connection: close",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


class Web:
    """A client that speaks HTTP and nothing else."""

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self.url = url
        self.http = client
        self.session: str | None = None
        self.version: str | None = None

    def headers(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        headers: dict[str, str | None] = {
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {TOKEN}",
            "content-type": "application/json",
            "mcp-session-id": self.session,
            "mcp-protocol-version": self.version,
            **(changes or {}),
        }
        return {name: value for name, value in headers.items() if value is not None}

    async def post(self, body: Any, changes: Mapping[str, str | None] | None = None) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(self.url, content=content, headers=self.headers(changes))

    @asynccontextmanager
    async def stream(
        self, method: str, body: Any = None, changes: Mapping[str, str | None] | None = None
    ) -> AsyncIterator[Stream]:
        content = None if body is None else json.dumps(body).encode()
        async with self.http.stream(method, self.url, content=content, headers=self.headers(changes)) as response:
            yield Stream(response)

    async def open(self, version: str = "2025-11-25", changes: Mapping[str, str | None] | None = None) -> None:
        """Open a legacy session."""
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "web", "version": "1"}}
        self.session = self.version = None
        response = await self.post(call("initialize", params, number=0), changes)
        assert response.status_code == 200, response.text
        self.session = response.headers["mcp-session-id"]
        self.version = version
        accepted = await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, changes)
        assert accepted.status_code == 202
        assert accepted.content == b""


@dataclass
class Event:
    id: str | None
    retry: int | None
    data: Any
    """Parsed; ``None`` when there is none."""


class Stream:
    """The events of a response, one by one."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self) -> Event | None:
        """The next event that is not a comment; ``None`` at the end."""
        async with asyncio.timeout(SECONDS):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line.startswith(":"):
                    continue
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif fields:
                    data = fields.get("data")
                    retry = fields.get("retry")
                    return Event(fields.get("id"), int(retry) if retry else None, json.loads(data) if data else None)
            return None

    async def rest(self) -> list[Event]:
        events = []
        while (event := await self.event()) is not None:
            events.append(event)
        return events


@asynccontextmanager
async def web(url: str) -> AsyncIterator[Web]:
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=SECONDS, limits=limits) as client:
        yield Web(url, client)


def call(method: str, params: dict[str, Any] | None = None, *, number: int | str = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


def modern(
    method: str, params: dict[str, Any] | None = None, *, number: int | str = 1, name: str | None = None
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The body and the headers of a request of the modern era."""
    meta = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}
    headers: dict[str, str | None] = {"mcp-protocol-version": "2026-07-28", "mcp-method": method, "mcp-name": name}
    return call(method, {"_meta": meta, **(params or {})}, number=number), headers


def message_of(response: httpx2.Response) -> Any:
    """The one reply that a response holds, as a body or as the last event."""
    if response.headers["content-type"].startswith("text/event-stream"):
        lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
        return json.loads(lines[-1])
    return response.json()
