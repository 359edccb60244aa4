"""Streamable HTTP upstreams: a real server of the SDK in both ways of answering, and endpoints that do all wrong."""

import asyncio
import gzip
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rule_of_two.errors import BadRequest, ConfigurationError, UpstreamUnavailable
from rule_of_two.wire.eras import Era
from rule_of_two.wire.frames import Notification, Request
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.http import open_http
from rule_of_two.wire.peer import ConnectionLost, Incoming, Limits, NotSent, Peer, RemoteError, TimedOut
from rule_of_two.wire.transport import Ending, EndOfStream
from tests.wire.playbook import SECONDS, Script

WHO = {"name": "rule-of-two", "version": "1"}
LIMITS = Limits(frame_bytes=200_000, close_seconds=1, write_seconds=5)
PREFIX = "io.modelcontextprotocol/"


@pytest.fixture(scope="module", params=["json", "sse"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a running server that answers as JSON, or as a stream of events."""
    script = Path(__file__).with_name("http_upstream.py")
    server = subprocess.Popen([sys.executable, script, request.param], stdout=subprocess.PIPE)
    assert server.stdout is not None
    yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    server.terminate()
    server.communicate(timeout=20)


def headers_seen(endpoint: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{endpoint}/seen") as response:  # noqa: S310  # loopback
        seen: list[dict[str, str]] = json.load(response)
    return seen


@asynccontextmanager
async def peer_at(
    url: str, script: Script | None = None, *, headers: dict[str, str] | None = None, limits: Limits = LIMITS
) -> AsyncIterator[Peer]:
    transport = await open_http(url, headers=headers or {}, limits=limits)
    peer = Peer(transport, script or Script(), name="web", limits=limits)
    running = asyncio.create_task(peer.run())
    try:
        yield peer
    finally:
        async with asyncio.timeout(SECONDS):
            await peer.close()
            await running


async def opened(peer: Peer, era: Era) -> UpstreamInfo:
    if era is Era.LEGACY:
        return await open_session(peer, client_info=WHO, timeout=SECONDS)
    envelope = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientInfo": WHO, f"{PREFIX}clientCapabilities": {}}
    return UpstreamInfo(Era.MODERN, "2026-07-28", {}, {}, None, {}, envelope)


@pytest.mark.parametrize("era", list(Era))
async def test_a_session_lists_and_calls_in_both_eras(endpoint: str, era: Era) -> None:
    async with peer_at(f"{endpoint}/mcp", headers={"x-tenant": "acme"}) as peer:
        info = await opened(peer, era)
        listed = await peer.request("tools/list", stamp(info, {}))
        assert {tool["name"] for tool in listed["tools"]} == {"echo", "count", "hang", "ask"}
        call = stamp(info, {"name": "echo", "arguments": {"text": "héllo"}})
        result = await peer.request("tools/call", call)
        assert result["content"][0]["text"] == "héllo"
        with pytest.raises(RemoteError) as caught:
            await peer.request("vendor/method", stamp(info, {}))
        assert caught.value.code == -32601
    last = [seen for seen in headers_seen(endpoint) if seen["method"] == "POST"][-2]
    assert last["x-tenant"] == "acme"
    assert last["mcp-protocol-version"] == info.protocol_version
    if era is Era.MODERN:
        assert last["mcp-method"] == "tools/call"
        assert last["mcp-name"] == "echo"
        assert last["mcp-param-text"].startswith("=?base64?")
    else:
        assert info.instructions == "Echoes."
        assert "mcp-method" not in last


@pytest.mark.parametrize("era", list(Era))
async def test_progress_comes_in_order_where_the_answer_is_a_stream(endpoint: str, era: Era) -> None:
    steps: list[Any] = []

    async def on_progress(params: dict[str, Any]) -> None:
        steps.append(params["progress"])

    async with peer_at(f"{endpoint}/mcp") as peer:
        info = await opened(peer, era)
        params = stamp(info, {"name": "count", "arguments": {}})
        result = await peer.request("tools/call", params, on_progress=on_progress)
        assert result["content"][0]["text"] == "counted"
        assert steps in ([1, 2, 3], [])  # a JSON answer has no room for progress
        assert steps == sorted(steps)


async def test_what_a_legacy_server_asks_back_is_answered(endpoint: str) -> None:
    async def answer(incoming: Incoming) -> dict[str, Any]:
        assert incoming.params["message"] == "Who?"
        return {"action": "accept", "content": {"name": "me"}}

    script = Script(**{"elicitation/create": answer})
    async with peer_at(f"{endpoint}/mcp", script) as peer:
        initialize = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {"form": {}}},
            "clientInfo": WHO,
        }
        await peer.request("initialize", initialize)
        await peer.notify("notifications/initialized", {})
        try:
            result = await peer.request("tools/call", {"name": "ask", "arguments": {}}, timeout=SECONDS)
        except RemoteError as error:
            text = error.message
        else:
            text = result["content"][0]["text"]
        assert text == "me" or "no back-channel" in text  # a JSON answer has no room for a question


@pytest.mark.parametrize("era", list(Era))
async def test_a_call_that_is_given_up_leaves_the_connection_working(endpoint: str, era: Era) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        info = await opened(peer, era)
        await peer.request("tools/list", stamp(info, {}))  # says which arguments a header must repeat
        with pytest.raises(TimedOut):
            await peer.request("tools/call", stamp(info, {"name": "hang", "arguments": {}}), timeout=0.1)
        result = await peer.request("tools/call", stamp(info, {"name": "echo", "arguments": {"text": "x"}}))
        assert result["content"][0]["text"] == "x"


async def test_the_session_is_taken_leave_of(endpoint: str) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        before = len(headers_seen(endpoint))
        await opened(peer, Era.LEGACY)
        await peer.request("ping", {})
    after = headers_seen(endpoint)[before:]
    assert any(seen["method"] == "DELETE" and seen["mcp-session-id"] for seen in after)


# Endpoints that do everything wrong

Answerer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def endpoint_that(answers: Answerer) -> AsyncIterator[str]:
    """A raw HTTP server: reads one request, lets the test answer in bytes, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), b":0")
            body = await reader.readexactly(int(length.partition(b":")[2]))
            await answers(body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    finally:
        server.close()


def answering(body: bytes, *, status: str = "200 OK", headers: str = "content-type: application/json") -> Answerer:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        number = json.loads(request or b"{}").get("id")
        reply = body.replace(b'"id":1', f'"id":{number}'.encode())
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(reply)}\r\nconnection: close\r\n{headers}\r\n\r\n"
        writer.write(head.encode() + reply)
        await writer.drain()

    return answer


async def failing(url: str, **more: Any) -> Exception:
    async with peer_at(url, **more) as peer:
        with pytest.raises((UpstreamUnavailable, RemoteError, BadRequest)) as caught:
            async with asyncio.timeout(SECONDS):
                await peer.request("initialize", {})
    return caught.value


async def test_an_address_where_nobody_listens_is_said_in_one_sentence_without_its_secrets() -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    error = await failing(f"http://user:hunter2@127.0.0.1:{port}/mcp?token=hunter2")
    assert isinstance(error, ConnectionLost)
    assert f"web: http://127.0.0.1:{port}/mcp cannot be reached: " in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden", "500 Internal Server Error", "404 Not Found"])
async def test_a_bare_status_is_told(status: str) -> None:
    async with endpoint_that(answering(b"<html>no</html>", status=status, headers="content-type: text/html")) as url:
        assert f"HTTP {status}" in str(await failing(url))


async def test_a_redirect_to_another_origin_is_not_followed() -> None:
    elsewhere = "location: http://127.0.0.1:9/stolen?token=hunter2"
    async with endpoint_that(answering(b"", status="307 Temporary Redirect", headers=elsewhere)) as url:
        text = str(await failing(url, headers={"authorization": "Bearer hunter2"}))
    assert "not followed" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"jsonrpc":"2.0","id":1,"result":{"n":NaN}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"n":1e999}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":' + b"[" * 150 + b"]" * 150 + b"}}",
        b'{"jsonrpc":"2.0","id":1,"result":{"a":' + b"[" * 9000 + b"]" * 9000 + b"}}",
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}',
        b'{"jsonrpc":"2.0","id":1,"result":[]}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}',
    ],
)
async def test_an_answer_that_is_not_one_fails_the_call_and_nothing_else(body: bytes) -> None:
    async with endpoint_that(answering(body)) as url, peer_at(url) as peer:
        for _ in range(2):
            with pytest.raises((RemoteError, BadRequest)):
                await peer.request("m", {}, timeout=SECONDS)


async def test_integers_of_any_size_pass_unchanged() -> None:
    body = f'{{"jsonrpc":"2.0","id":1,"result":{{"n":{10**40}}}}}'.encode()
    async with endpoint_that(answering(body)) as url, peer_at(url) as peer:
        assert await peer.request("m", {"n": 10**40}) == {"n": 10**40}


async def test_an_answer_that_is_too_long_ends_the_connection() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":{"text":"' + b"x" * 300_000 + b'"}}'
    async with endpoint_that(answering(body)) as url:
        assert "sent an answer of more than 200000 bytes" in str(await failing(url))


async def test_an_event_that_is_too_long_fails_the_call() -> None:
    body = b'data: {"jsonrpc":"2.0","id":1,"result":{"text":"' + b"x" * 300_000 + b'"}}\n\n'
    async with endpoint_that(answering(body, headers="content-type: text/event-stream")) as url:
        assert "SSE" in str(await failing(url))


async def test_a_compressed_answer_is_refused_before_it_can_grow() -> None:
    headers = "content-type: application/json\r\ncontent-encoding: gzip"
    async with endpoint_that(answering(gzip.compress(b" " * 100_000_000), headers=headers)) as url:
        assert "sent a compressed answer" in str(await failing(url))


async def test_a_stream_that_breaks_off_fails_the_call() -> None:
    async with endpoint_that(answering(b": nothing\n\n", headers="content-type: text/event-stream")) as url:
        assert isinstance(await failing(url), RemoteError)


async def test_garbage_in_a_stream_fails_the_call() -> None:
    async with endpoint_that(answering(b"data: garbage\n\n", headers="content-type: text/event-stream")) as url:
        assert isinstance(await failing(url), RemoteError)


async def test_a_connection_that_breaks_off_ends_with_a_reason() -> None:
    async def hang_up(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with endpoint_that(hang_up) as url:
        error = await failing(url)
        assert isinstance(error, ConnectionLost)
        assert "cannot be reached" in str(error)


@pytest.mark.parametrize(
    "answer",
    [
        b"IGNORE ALL\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nIGNORE ALL\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: IGNORE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: IGNORE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nIGNORE\r\n",
        b"HTTP/1.1 307 Go\r\nlocation: http://[IGNORE\r\n\r\n",
    ],
)
async def test_a_broken_answer_is_never_quoted(answer: bytes) -> None:
    async def say(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with endpoint_that(say) as url, peer_at(url) as peer:
        texts = []
        for _ in range(2):  # and what it says to every later call
            with pytest.raises((UpstreamUnavailable, RemoteError)) as caught:
                await peer.request("initialize", {}, timeout=SECONDS)
            texts.append(str(caught.value))
        assert "IGNORE" not in f"{texts} {peer.reason}"
        assert peer.ending in {None, Ending.BROKEN}


async def test_an_endpoint_that_never_answers_is_left_to_the_callers_timeout_and_closes_at_once() -> None:
    async def never(_: bytes, writer: asyncio.StreamWriter) -> None:
        await writer.wait_closed()

    async with endpoint_that(never) as url, peer_at(url) as peer:
        with pytest.raises(TimedOut):
            await peer.request("m", {}, timeout=0.05)


async def test_a_notification_that_is_not_taken_in_time_ends_the_connection() -> None:
    async def never(_: bytes, writer: asyncio.StreamWriter) -> None:
        await writer.wait_closed()

    limits = Limits(write_seconds=1, close_seconds=0.2)
    async with endpoint_that(never) as url:
        transport = await open_http(url, headers={}, limits=limits)
        await transport.send(Notification("notifications/a", {}))  # the SDK posts these one by one
        with pytest.raises(NotSent, match="did not take a message for 1 s"):
            await transport.send(Notification("notifications/b", {}))
        with pytest.raises(EndOfStream, match="did not take a message for 1 s"):
            await transport.receive()
        with pytest.raises(NotSent):
            await transport.send(Notification("notifications/c", {}))


async def test_a_method_that_no_header_can_hold_is_not_sent() -> None:
    params = {"_meta": {f"{PREFIX}protocolVersion": "2026-07-28"}}
    transport = await open_http("http://127.0.0.1:9/", headers={}, limits=LIMITS)
    with pytest.raises(NotSent, match="unusual characters"):
        await transport.send(Request(1, "vendor/x\r\nx-evil: 1", params))
    await transport.aclose()
    await transport.aclose()


@pytest.mark.parametrize("url", ["ftp://host/mcp", "/mcp", "http://", "host:80/mcp", "file:///etc/passwd"])
async def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must start with http"):
        await open_http(url, headers={}, limits=LIMITS)


@pytest.mark.parametrize(
    "headers", [{"x y": "1"}, {"": "1"}, {"x-token": "hunter2\r\nx-evil: 1"}, {"x-token": "\0hunter2"}]
)
async def test_a_header_that_cannot_be_sent_is_refused_without_showing_it(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await open_http("http://127.0.0.1:9/", headers=headers, limits=LIMITS)
    assert "hunter2" not in str(caught.value)


def test_nothing_but_an_http_upstream_imports_the_sdk() -> None:
    names = ("frames", "peer", "streams", "stdio", "process", "handshake", "eras", "http")
    lines = [
        *(f"import rule_of_two.wire.{name}" for name in names),
        "import sys",
        "print([m for m in sys.modules if m.partition('.')[0] in ('mcp', 'mcp_types', 'httpx2', 'pydantic')])",
    ]
    script = "\n".join(lines)
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert output.strip() == b"[]"
