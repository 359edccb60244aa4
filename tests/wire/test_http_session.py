"""What only legacy servers have: a session, a stream to listen to, and streams that are resumed."""

import asyncio
from typing import Any

import pytest

from rule_of_two.wire import http_client_resuming
from rule_of_two.wire.frames import Notification, Request, Result
from rule_of_two.wire.http import open_http
from rule_of_two.wire.http_client import HttpTransport
from rule_of_two.wire.peer import ConnectionLost, Incoming, NotSent, RemoteError
from rule_of_two.wire.transport import Ending
from tests.wire.http_endpoints import (
    ENVELOPE,
    HELLO,
    LIMITS,
    Answerer,
    Asked,
    endpoint_that,
    event,
    hello,
    initialized,
    listening,
    peer_at,
    read_request,
    result,
    say,
    stream,
)
from tests.wire.playbook import SECONDS, Script

NOTE = b'{"jsonrpc":"2.0","method":"notifications/a","params":{"n":%d}}'


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client_resuming, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(http_client_resuming, "_SHORTEST_SECONDS", 0.01)
    monkeypatch.setattr(http_client_resuming, "_LONGEST_SECONDS", 0.02)


class Server:
    """A legacy server. ``post`` answers requests after the handshake, ``gets`` the GETs, one after the other."""

    def __init__(self, post: Answerer | None = None, *gets: Answerer, session: str | None = "s-1") -> None:
        self.seen: list[Asked] = []
        self.post = post
        self.gets = list(gets)
        self.session = session

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.seen.append(asked)
        headers = {} if self.session is None else {"mcp_session_id": self.session}
        if asked.method == "GET":
            if self.gets:
                await self.gets.pop(0)(asked, writer)
            else:
                await say(writer, status="405 Method Not Allowed", kind=None)
        elif asked.method == "DELETE":
            await say(writer, kind=None)
        elif not await initialized(asked, writer, **headers) and self.post is not None:
            await self.post(asked, writer)

    def of(self, method: str) -> list[Asked]:
        return [asked for asked in self.seen if asked.method == method]


def status(line: str) -> Answerer:
    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, status=line, kind=None)

    return answer


def events(*pieces: bytes, hold: bool = False) -> Answerer:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await stream(writer, *pieces)
        if hold:
            await asked.gone()

    return answer


def noted(script: Script) -> asyncio.Future[Notification]:
    return asyncio.ensure_future(asyncio.wait_for(script.notifications.get(), SECONDS))


# The session


async def test_the_session_and_the_version_go_with_everything_after_initialize() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, result(asked, {}))

    server = Server(answer)
    async with endpoint_that(server) as url:
        async with peer_at(url) as peer:
            await hello(peer)
            await peer.request("ping", {})
        first, *rest = server.seen
        assert "mcp-session-id" not in first.headers
        assert "mcp-protocol-version" not in first.headers
        assert {asked.method for asked in rest} == {"POST", "GET", "DELETE"}
        for asked in rest:
            assert asked.headers["mcp-session-id"] == "s-1"
            assert asked.headers["mcp-protocol-version"] == "2025-11-25"
        assert [asked.method for asked in server.seen].count("DELETE") == 1


async def test_connections_are_closed_whatever_taking_leave_dies_of(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()

    async def dies(_: HttpTransport) -> None:
        raise RuntimeError

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reply = b'{"jsonrpc":"2.0","id":1,"result":{}}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(reply) + reply)
        await reader.read()
        gone.set()

    monkeypatch.setattr(HttpTransport, "_take_leave", dies)
    async with listening(serve) as port:
        transport = await open_http(f"http://127.0.0.1:{port}", headers={}, limits=LIMITS, kind="streamable-http")
        await transport.send(Request(1, "m", {}))
        assert await transport.receive() == Result(1, {})
        assert not gone.is_set()  # the connection is kept for the next request
        with pytest.raises(RuntimeError):
            await transport.aclose()
        async with asyncio.timeout(SECONDS):
            await gone.wait()


async def test_a_session_that_is_over_ends_the_connection_and_is_not_taken_leave_of() -> None:
    server = Server(status("404 Not Found"))
    async with endpoint_that(server) as url:
        async with peer_at(url) as peer:
            await hello(peer)
            with pytest.raises(ConnectionLost, match="has ended the session"):
                await peer.request("ping", {}, timeout=SECONDS)
            assert peer.ending is Ending.BROKEN
            with pytest.raises(NotSent):
                await peer.request("ping", {})
        assert not server.of("DELETE")


async def test_a_session_that_is_over_is_noticed_by_a_notification_and_by_listening_too() -> None:
    for post, gets in ((status("404 Not Found"), []), (None, [status("404 Not Found")])):
        async with endpoint_that(Server(post, *gets)) as url, peer_at(url) as peer:
            await hello(peer)
            if post is not None:
                await peer.notify("notifications/a", {})
            async with asyncio.timeout(SECONDS):
                while peer.ending is None:  # noqa: ASYNC110  # the peer has no event for it
                    await asyncio.sleep(0.01)
            assert "has ended the session" in str(peer.reason)


async def test_not_found_without_a_session_is_one_requests_failure() -> None:
    async with endpoint_that(Server(status("404 Not Found"), session=None)) as url, peer_at(url) as peer:
        await hello(peer)
        with pytest.raises(RemoteError) as caught:
            await peer.request("ping", {})
        assert caught.value.code == -32601
        assert peer.ending is None


async def test_a_method_that_is_not_found_is_no_end_of_the_session() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = b'{"jsonrpc":"2.0","id":%d,"error":{"code":-32601,"message":"no"}}' % asked.message["id"]
        await say(writer, body, status="404 Not Found")

    async with endpoint_that(Server(answer)) as url, peer_at(url) as peer:
        await hello(peer)
        with pytest.raises(RemoteError):
            await peer.request("vendor/x", {})
        assert peer.ending is None


@pytest.mark.parametrize("session", ["a b", "x" * 5000, "caf\u00e9"])
async def test_a_session_id_that_no_header_can_hold_fails_initialize(session: str) -> None:
    async with endpoint_that(Server(session=session)) as url, peer_at(url) as peer:
        with pytest.raises(ConnectionLost, match="session id"):
            await peer.request("initialize", HELLO, timeout=SECONDS)


async def test_a_modern_request_has_no_session_even_if_there_is_one() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, result(asked, {}), mcp_session_id="s-2")

    server = Server(answer)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await peer.request("server/discover", {"_meta": ENVELOPE})
        await peer.request("tools/list", {"_meta": ENVELOPE})
        assert all("mcp-session-id" not in asked.headers for asked in server.seen)


async def test_a_server_that_does_not_answer_the_leave_taking_holds_nobody_up() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.method == "DELETE":
            await asked.gone()
        else:
            await server(asked, writer)

    server = Server()
    async with endpoint_that(answer) as url:
        started = asyncio.get_running_loop().time()
        async with peer_at(url) as peer:
            await hello(peer)
        assert asyncio.get_running_loop().time() - started < 3  # LIMITS.close_seconds is 1


# Listening


async def test_what_is_said_between_requests_is_heard_and_belongs_to_none() -> None:
    abouts: list[object] = []

    async def answer(incoming: Incoming) -> dict[str, Any]:
        abouts.append(incoming.about)
        return {}

    async def post(asked: Asked, writer: asyncio.StreamWriter) -> None:
        answers.put_nowait(asked.message)
        await say(writer, status="202 Accepted", kind=None)

    answers: asyncio.Queue[Any] = asyncio.Queue()
    ask = b'{"jsonrpc":"2.0","id":"q","method":"roots/list"}'
    script = Script(**{"roots/list": answer})
    server = Server(post, events(b": hello\n\n", event(NOTE % 1), event(ask), hold=True))
    async with endpoint_that(server) as url, peer_at(url, script) as peer:
        await hello(peer)
        assert (await noted(script)).params == {"n": 1}
        async with asyncio.timeout(SECONDS):
            assert await answers.get() == {"jsonrpc": "2.0", "id": "q", "result": {}}
    assert abouts == [None]
    listening = server.of("GET")[0]
    assert listening.headers["accept"] == "text/event-stream"


async def test_listening_goes_on_after_every_kind_of_break_where_it_broke_off() -> None:
    async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    script = Script()
    server = Server(
        None,
        events(event(NOTE % 1, id_="e1")),
        reset,
        status("503 Service Unavailable"),
        events(b"retry: 10\n\n"),
        events(b"data: half"),
        events(event(NOTE % 2, id_="e2"), hold=True),
    )
    async with endpoint_that(server) as url, peer_at(url, script) as peer:
        await hello(peer)
        assert (await noted(script)).params == {"n": 1}
        assert (await noted(script)).params == {"n": 2}
    given = [asked.headers.get("last-event-id") for asked in server.of("GET")]
    assert given == [None, "e1", "e1", "e1", "e1", "e1"]


@pytest.mark.parametrize(
    "line", ["405 Method Not Allowed", "400 Bad Request", "401 Unauthorized", "406 Not Acceptable"]
)
async def test_a_server_that_offers_no_stream_is_asked_once(line: str) -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, result(asked, {}))

    server = Server(answer, *[status(line)] * 3)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await hello(peer)
        await asyncio.sleep(0.2)
        assert await peer.request("ping", {}) == {}
    assert len(server.of("GET")) == 1


async def test_an_answer_that_is_no_stream_is_not_asked_for_again() -> None:
    async def html(_: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, b"<html>", kind="text/html")

    server = Server(None, html)
    server.gets *= 3
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await hello(peer)
        await asyncio.sleep(0.2)
    assert len(server.of("GET")) == 1


async def test_an_event_that_is_too_long_while_listening_ends_the_connection() -> None:
    async with endpoint_that(Server(None, events(b"data: " + b"x" * 300_000, hold=True))) as url, peer_at(url) as peer:
        await hello(peer)
        async with asyncio.timeout(SECONDS):
            while peer.ending is None:  # noqa: ASYNC110  # the peer has no event for it
                await asyncio.sleep(0.01)
        assert "event of more than" in str(peer.reason)


async def test_a_modern_server_is_not_listened_to() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, result(asked, {}) if "id" in asked.message else b"")

    server = Server(answer)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await peer.request("server/discover", {"_meta": ENVELOPE})
        await peer.notify("notifications/initialized", {})
        await peer.notify("notifications/a", {})
    assert not server.of("GET")
    assert server.seen[1].headers["mcp-protocol-version"] == "2026-07-28"


# Resuming


async def test_a_reply_that_was_cut_off_comes_by_resuming_with_what_was_said_meanwhile() -> None:
    async def post(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.message["method"] != "m":
            await say(writer, status="202 Accepted", kind=None)
            return
        server.gets = [*resumed(asked)]
        await stream(writer, b"id: e0\ndata:\n\n", event(NOTE % 1, id_="e1"), b"retry: 10\n\n")

    def resumed(asked: Asked) -> list[Answerer]:
        async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        return [
            reset,
            status("502 Bad Gateway"),
            events(b"id: e2\ndata:\n\n"),
            events(event(NOTE % 2, id_="e3"), event(result(asked, {"late": True}), id_="e4"), hold=True),
        ]

    script = Script()
    server = Server(post)
    async with endpoint_that(server) as url, peer_at(url, script) as peer:
        await hello(peer)
        assert await peer.request("m", {}, timeout=SECONDS) == {"late": True}
        assert [(await noted(script)).params["n"] for _ in range(2)] == [1, 2]
    given = [asked.headers.get("last-event-id") for asked in server.of("GET")]
    assert given == [None, "e1", "e1", "e1", "e2"]


async def test_an_id_goes_back_byte_by_byte_and_one_that_cannot_is_none() -> None:
    async def post(asked: Asked, writer: asyncio.StreamWriter) -> None:
        given = asked.message.get("params", {}).get("id", "").encode("latin-1")
        server.gets = [events(event(result(asked, {})), hold=True)]
        await stream(writer, b"id:" + given + b"\ndata:\n\n")

    server = Server(post)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await hello(peer)
        for fine in ("\u00c3\u00a9", "\xff", "a b", "\ud7ff".encode().decode("latin-1")):
            assert await peer.request("m", {"id": fine}, timeout=SECONDS) == {}
            given = server.of("GET")[-1].headers["last-event-id"]
            assert given == fine.encode("latin-1").decode(errors="surrogateescape")
        for bad in ("a\x01b", "  a", "a ", "\x7f", ""):
            with pytest.raises(ConnectionLost, match="without a reply"):
                await peer.request("m", {"id": bad}, timeout=SECONDS)


@pytest.mark.parametrize(
    "again", [status("405 Method Not Allowed"), status("400 Bad Request"), status("503 Unavailable"), events()]
)
async def test_what_cannot_be_resumed_is_lost_after_a_bounded_time(again: Answerer) -> None:
    async def post(_: Asked, writer: asyncio.StreamWriter) -> None:
        server.gets = [again] * 50
        await stream(writer, b"id: e0\ndata:\n\n")

    server = Server(post)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await hello(peer)
        with pytest.raises(ConnectionLost, match="could not be resumed"):
            await peer.request("m", {}, timeout=SECONDS)
        assert len(server.of("GET")) < 12
        assert peer.ending is None


async def test_a_modern_stream_is_not_resumed() -> None:
    async def post(_: Asked, writer: asyncio.StreamWriter) -> None:
        await stream(writer, b"id: e0\ndata:\n\n")

    server = Server(post)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        with pytest.raises(ConnectionLost, match="without a reply"):
            await peer.request("m", {"_meta": ENVELOPE}, timeout=SECONDS)
    assert not server.of("GET")


async def test_a_session_that_is_over_when_a_stream_is_resumed_ends_the_connection() -> None:
    async def post(_: Asked, writer: asyncio.StreamWriter) -> None:
        server.gets = [status("404 Not Found")]
        await stream(writer, b"id: e0\ndata:\n\n")

    server = Server(post)
    async with endpoint_that(server) as url, peer_at(url) as peer:
        await hello(peer)
        with pytest.raises(ConnectionLost, match="has ended the session"):
            await peer.request("m", {}, timeout=SECONDS)


async def test_a_connection_is_used_again_after_a_reply_in_a_stream() -> None:
    """The stream is read to its end, so that the next request need not connect anew."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        while True:
            asked = await read_request(reader)
            frame = event(result(asked, {}))
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            writer.write(head + b"%x\r\n%b\r\n" % (len(frame), frame))
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"0\r\n\r\n")

    async with listening(serve) as port, peer_at(f"http://127.0.0.1:{port}/") as peer:
        for _ in range(5):
            await peer.request("m", {}, timeout=SECONDS)
            await asyncio.sleep(0.05)
    assert len(connections) == 1


async def test_a_stream_that_does_not_end_after_the_reply_holds_up_nobody() -> None:
    async def post(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await stream(writer, event(result(asked, {})))
        await asked.gone()

    async with endpoint_that(Server(post)) as url, peer_at(url) as peer:
        await hello(peer)
        for _ in range(20):
            assert await peer.request("m", {}, timeout=SECONDS) == {}


# The time between two connections


def test_the_wait_is_what_the_server_asked_for_and_longer_with_each_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    resuming = http_client_resuming.Resuming(1000)
    assert 1 <= resuming.delay() <= 1.5
    for attempt in range(12):
        resuming.connected()
        assert min(2**attempt, 60) <= resuming.delay() <= 90
    resuming.progressed()
    resuming.connected().feed(b"retry: 100000\n\n")
    assert 100 <= resuming.delay() <= 150
    resuming.connected().feed(b"retry: 0\n\n")
    assert resuming.delay() >= 0.1
