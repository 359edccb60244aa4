"""HTTP+SSE servers of 2024-11-05: a real one of the SDK, ones that do it wrong, and finding out that one is spoken."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rule_of_two.wire import sse_transport
from rule_of_two.wire.frames import Notification, Request
from rule_of_two.wire.http import Kind, open_http
from rule_of_two.wire.peer import ConnectionLost, EndOfStream, Incoming, NotSent, RemoteError
from rule_of_two.wire.transport import Ending
from tests.wire.http_endpoints import (
    HELLO,
    LIMITS,
    Asked,
    endpoint_that,
    event,
    hello,
    initialized,
    peer_at,
    real_server,
    result,
    say,
    stream,
)
from tests.wire.playbook import SECONDS, Script


@pytest.fixture(scope="module")
def real() -> Iterator[str]:
    """The address of the stream of a running server of the SDK."""
    with real_server("http_upstream.py", "http+sse") as url:
        yield f"{url}/sse"


class Server:
    """A server of the old kind. ``first`` is what its stream begins with."""

    def __init__(
        self, first: bytes = b"event: endpoint\ndata: /messages?session=1\n\n", post: str = "202 Accepted"
    ) -> None:
        self.first = first
        self.post = post
        self.seen: list[Asked] = []
        self.stream: asyncio.StreamWriter | None = None
        self.gone = asyncio.Event()

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.seen.append(asked)
        if asked.method == "GET":
            await stream(writer, self.first)
            self.stream = writer
            await asked.gone()
            self.gone.set()
        elif asked.target.startswith("/messages"):
            await say(writer, b"Accepted", status=self.post, kind="text/plain")
            if "id" in asked.message and self.post.startswith("2") and self.stream is not None:
                value = HELLO if asked.message["method"] == "initialize" else {"to": asked.message["method"]}
                self.stream.write(b"event: message\n" + event(result(asked, value)))
        else:
            await say(writer, status="405 Method Not Allowed", kind=None)


@pytest.mark.parametrize("kind", ["sse", "auto"])
async def test_a_real_server_is_spoken_to(real: str, kind: Kind) -> None:
    async def answer(incoming: Incoming) -> dict[str, Any]:
        return {"action": "accept", "content": {"name": "me"}}

    steps: list[Any] = []

    async def on_progress(params: dict[str, Any]) -> None:
        steps.append(params["progress"])

    async with peer_at(real, Script(**{"elicitation/create": answer}), kind=kind) as peer:
        await peer.request("initialize", {**HELLO, "capabilities": {"elicitation": {"form": {}}}}, timeout=SECONDS)
        await peer.notify("notifications/initialized", {})
        listed = await peer.request("tools/list", {}, timeout=SECONDS)
        assert {tool["name"] for tool in listed["tools"]} == {"echo", "count", "hang", "ask"}
        await peer.request("tools/call", {"name": "count", "arguments": {}}, on_progress=on_progress)
        assert steps == [1, 2, 3]
        answered = await peer.request("tools/call", {"name": "ask", "arguments": {}}, timeout=SECONDS)
        assert answered["content"][0]["text"] == "me"


async def test_messages_go_where_the_server_says_with_our_headers() -> None:
    server = Server()
    async with endpoint_that(server) as url:
        async with peer_at(url, kind="sse", headers={"authorization": "Bearer t"}) as peer:
            await hello(peer)
            assert await peer.request("m", {}) == {"to": "m"}
        assert [asked.target for asked in server.seen] == ["/mcp", *["/messages?session=1"] * 3]
        assert {asked.headers["authorization"] for asked in server.seen} == {"Bearer t"}
        async with asyncio.timeout(SECONDS):
            await server.gone.wait()


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:9/messages", "//evil.example/x", "https://127.0.0.1/x", "file:///etc/passwd", "http://[x"),
        *("http://a:b@127.0.0.1:9/", "\xff"),
    ],
)
async def test_an_endpoint_elsewhere_is_refused(address: str) -> None:
    server = Server(b"event: endpoint\ndata: " + address.encode("latin-1") + b"\n\n")
    async with endpoint_that(server) as url, peer_at(url, kind="sse", headers={"authorization": "hunter2"}) as peer:
        with pytest.raises(NotSent, match="another origin"):
            await peer.request("initialize", HELLO, timeout=SECONDS)
        assert [asked.method for asked in server.seen] == ["GET"]


async def test_credentials_in_an_endpoint_are_not_used() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        server.first = f"event: endpoint\ndata: http://a:b@{asked.headers['host']}/messages\n\n".encode()
        await server(asked, writer)

    server = Server()
    async with endpoint_that(answer) as url, peer_at(url, kind="sse") as peer:
        await hello(peer)
        assert all("authorization" not in asked.headers for asked in server.seen)


async def test_a_stream_that_ends_ends_the_connection() -> None:
    server = Server(post="200 OK")
    async with endpoint_that(server) as url, peer_at(url, kind="sse") as peer:
        await hello(peer)
        assert server.stream is not None
        server.stream.close()
        async with asyncio.timeout(SECONDS):
            while peer.ending is None:  # noqa: ASYNC110  # the peer has no event for it
                await asyncio.sleep(0.01)
        assert peer.ending is Ending.BROKEN
        with pytest.raises(NotSent, match="ended the connection"):
            await peer.request("m", {})


async def test_a_post_that_is_refused_fails_its_request_alone() -> None:
    server = Server(post="500 Internal Server Error")
    async with endpoint_that(server) as url, peer_at(url, kind="sse") as peer:
        for _ in range(2):
            with pytest.raises(RemoteError, match="HTTP 500 Internal Server Error"):
                await peer.request("m", {}, timeout=SECONDS)
        await peer.notify("notifications/a", {})
        assert peer.ending is None


async def test_an_event_that_is_too_long_ends_the_connection() -> None:
    server = Server(b"data: " + b"x" * 300_000)
    async with endpoint_that(server) as url, peer_at(url, kind="sse") as peer:
        with pytest.raises(NotSent, match="event of more than"):
            await peer.request("m", {}, timeout=SECONDS)


@pytest.mark.parametrize("first", [b"", b": ping\n\n", b"data: {}\n\n", b"event: endpoint\n\n"])
async def test_a_server_that_does_not_say_where_is_given_up(first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_transport, "_ENDPOINT_SECONDS", 0.2)
    async with endpoint_that(Server(first)) as url, peer_at(url, kind="sse") as peer:
        with pytest.raises(NotSent, match="where to send"):
            await peer.request("m", {}, timeout=SECONDS)


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "200 OK"])
async def test_a_server_without_a_stream_is_said_to_have_none(status: str) -> None:
    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, b"{}", status=status)

    async with endpoint_that(answer) as url, peer_at(url, kind="sse") as peer:
        with pytest.raises(NotSent, match=r"HTTP 4|no stream"):
            await peer.request("m", {}, timeout=SECONDS)


async def test_closing_while_the_stream_is_opened_fails_what_waits() -> None:
    async def never(asked: Asked, _: asyncio.StreamWriter) -> None:
        await asked.gone()

    async with endpoint_that(never) as url:
        transport = await open_http(url, headers={}, limits=LIMITS, kind="sse")
        sending = [
            asyncio.create_task(transport.send(message))
            for message in (Request(1, "m", {}), Notification("notifications/a", {}))
        ]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(SECONDS):
            await transport.aclose()
            outcomes = await asyncio.gather(*sending, return_exceptions=True)
            with pytest.raises(EndOfStream):
                await transport.receive()
        assert all(isinstance(outcome, NotSent) for outcome in outcomes)


# Finding out


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "405 Method Not Allowed"])
async def test_a_server_that_refuses_the_post_is_tried_the_old_way(status: str) -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "POST" and asked.target == "/mcp":
            refused.append(asked)
            await say(writer, status=status, kind=None)
        else:
            await server(asked, writer)

    refused: list[Asked] = []
    server = Server()
    async with endpoint_that(answer) as url, peer_at(url, kind="auto") as peer:
        assert await hello(peer) == HELLO
        assert await peer.request("m", {}) == {"to": "m"}
    assert len(refused) == 1


@pytest.mark.parametrize(
    "get",
    [
        Server(b"event: other\n\n"),
        Server(b"event: endpoint\ndata: http://127.0.0.1:9/\n\n"),
        "405 Method Not Allowed",
    ],
)
async def test_a_server_that_speaks_neither_is_told_by_its_first_answer(
    get: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse_transport, "_ENDPOINT_SECONDS", 0.2)

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "GET" and isinstance(get, Server):
            await get(asked, writer)
        else:
            await say(writer, status="404 Not Found", kind=None)

    async with endpoint_that(answer) as url, peer_at(url, kind="auto") as peer:
        for _ in range(2):
            with pytest.raises(RemoteError, match="HTTP 404 Not Found"):
                await peer.request("initialize", HELLO, timeout=SECONDS)
        assert peer.ending is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        ("401 Unauthorized", b"", "auto"),
        ("500 Oops", b"", "auto"),
        ("400 Bad Request", b'{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"version"}}', "auto"),
        ("404 Not Found", b"", "streamable-http"),
    ],
)
async def test_other_answers_and_servers_that_are_known_are_not_tried_the_old_way(
    status: str, body: bytes, kind: Kind
) -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        methods.append(asked.method)
        await say(writer, body, status=status)

    methods: list[str] = []
    async with endpoint_that(answer) as url, peer_at(url, kind=kind) as peer:
        with pytest.raises(RemoteError):
            await peer.request("initialize", HELLO, timeout=SECONDS)
    assert methods == ["POST"]


async def test_a_streamable_server_is_left_to_it() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        methods.append((asked.method, asked.message.get("method")))
        if not await initialized(asked, writer):
            await say(writer, status="404 Not Found" if asked.method == "POST" else "405 No", kind=None)

    methods: list[Any] = []
    async with endpoint_that(answer) as url, peer_at(url, kind="auto") as peer:
        await hello(peer)
        with pytest.raises(RemoteError):  # after the handshake it means what it says
            await peer.request("tools/list", {})
    assert ("POST", "tools/list") in methods


async def test_closing_while_the_old_way_is_tried_ends_at_once() -> None:
    begun = asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "POST":
            await say(writer, status="404 Not Found", kind=None)
        else:
            begun.set()
            await asked.gone()

    async with endpoint_that(answer) as url, peer_at(url, kind="auto") as peer:
        call = asyncio.create_task(peer.request("initialize", HELLO))
        await begun.wait()
        async with asyncio.timeout(3):
            await peer.close()
            with pytest.raises(ConnectionLost):
                await call
