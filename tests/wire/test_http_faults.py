"""Streamable HTTP endpoints that do everything wrong: what goes wrong with one request is that request's failure."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest

from rule_of_two.errors import BadRequest, UpstreamUnavailable
from rule_of_two.wire import peer as peer_module
from rule_of_two.wire.frames import Notification, Request
from rule_of_two.wire.http import open_http
from rule_of_two.wire.http_client_exchange import HttpClient
from rule_of_two.wire.peer import ConnectionLost, Limits, NotSent, Peer, RemoteError, TimedOut
from rule_of_two.wire.transport import Ending
from tests.wire.http_endpoints import (
    ENVELOPE,
    LIMITS,
    Answerer,
    Asked,
    endpoint_that,
    event,
    listening,
    peer_at,
    result,
    say,
    stream,
)
from tests.wire.playbook import SECONDS, Script


def answering(body: bytes, *, status: str = "200 OK", kind: str = "application/json", **headers: str) -> Answerer:
    """Always the same answer, but for the id."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        number = str(asked.message.get("id")).encode()
        await say(writer, body.replace(b'"id":1', b'"id":' + number), status=status, kind=kind, **headers)

    return answer


async def failing(url: str, **more: Any) -> Exception:
    async with peer_at(url, **more) as peer:
        return await failure(peer)


async def failure(peer: Peer, method: str = "initialize") -> Exception:
    with pytest.raises((UpstreamUnavailable, RemoteError, BadRequest)) as caught:
        async with asyncio.timeout(SECONDS):
            await peer.request(method, {})
    return caught.value


async def nobody_listens() -> int:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with listening(hang_up) as port:
        return port


# Nothing was sent


async def test_an_address_where_nobody_listens_is_said_in_one_sentence_without_its_secrets() -> None:
    port = await nobody_listens()
    async with peer_at(f"http://user:hunter2@127.0.0.1:{port}/mcp?token=hunter2") as peer:
        for _ in range(3):
            error = await failure(peer)
            assert isinstance(error, NotSent)
            assert f"http://127.0.0.1:{port}/mcp cannot be reached: " in str(error)
            assert "hunter2" not in str(error)
        with pytest.raises(NotSent, match="cannot be reached"):
            await peer.notify("notifications/a", {})
        assert peer.ending is None


async def test_a_transport_says_itself_that_nothing_was_sent() -> None:
    transport = await open_http(f"http://127.0.0.1:{await nobody_listens()}/", headers={}, limits=LIMITS)
    for message in (Request(1, "ping", {}), Notification("notifications/a", {})):
        with pytest.raises(NotSent, match="cannot be reached"):
            await transport.send(message)
    await transport.aclose()


async def test_a_name_that_does_not_exist_and_a_server_without_tls_are_not_sent_to() -> None:
    assert isinstance(await failing("http://no-such-host.invalid/mcp"), NotSent)

    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(plain) as port:
        assert isinstance(await failing(f"https://127.0.0.1:{port}/mcp"), NotSent)


# Something was sent


async def test_one_request_that_gets_no_answer_is_lost_and_the_others_are_not() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.message["method"] == "reset":
            writer.transport.abort()
        elif asked.message["method"] == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
        elif asked.message["method"] == "half a head":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
        else:
            await say(writer, result(asked, {"fine": True}))

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        for method in ("reset", "half", "half a head"):
            error = await failure(peer, method)
            assert isinstance(error, ConnectionLost)
            assert str(error).startswith(f"web: {url} ")
            assert await peer.request("other", {}) == {"fine": True}
        assert peer.ending is None


@pytest.mark.parametrize("kind", ["text/html", "application/json+x", "", "text/plain"])
async def test_an_answer_of_another_kind_is_lost(kind: str) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    async with endpoint_that(answering(body, kind=kind)) as url:
        error = await failing(url)
        assert isinstance(error, ConnectionLost)
        assert "neither JSON nor a stream of events" in str(error)


@pytest.mark.parametrize("status", ["202 Accepted", "204 No Content"])
async def test_a_request_that_is_only_accepted_is_lost(status: str) -> None:
    async with endpoint_that(answering(b"", status=status)) as url:
        error = await failing(url)
        assert isinstance(error, ConnectionLost)
        assert "will not answer" in str(error)


async def test_a_stream_without_a_reply_is_lost() -> None:
    for body in (b": nothing\n\n", b"", b"data: {", event(b'{"jsonrpc":"2.0","method":"notifications/a"}')):
        async with endpoint_that(answering(body, kind="text/event-stream")) as url:
            error = await failing(url)
            assert isinstance(error, ConnectionLost)
            assert "ended its stream without a reply" in str(error)


async def test_garbage_in_a_stream_is_reported_and_what_comes_after_it_counts() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await stream(writer, event(b"garbage"), event(b'{"jsonrpc":"2.0","method":"notifications/a","method":"b"}'))
        writer.write(event(result(asked, {"fine": True})))

    script = Script()
    async with endpoint_that(answer) as url, peer_at(url, script) as peer:
        assert await peer.request("m", {}) == {"fine": True}
        assert len(script.frame_errors) == 2


async def test_a_malformed_reply_in_a_stream_fails_its_call_at_once() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await stream(writer, event(result(asked, {"a": 1}).replace(b'"a"', b'"a":0,"a"')))
        await asked.gone()

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        error = await failure(peer, "m")
        assert isinstance(error, BadRequest)
        assert "duplicate key" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"",
        b"[]",
        b'[{"jsonrpc":"2.0","id":1,"result":{}}]',
        b'{"jsonrpc":"2.0","id":1,"result":{"n":NaN}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"n":1e999}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}',
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
            with pytest.raises(BadRequest):
                await peer.request("m", {}, timeout=SECONDS)
        assert peer.ending is None


@pytest.mark.parametrize(
    "body",
    [b'{"jsonrpc":"2.0","id":999,"result":{}}', b'{"jsonrpc":"2.0","id":1,"method":"ping"}'],
)
async def test_an_answer_to_something_else_is_none(body: bytes) -> None:
    async with endpoint_that(answering(body)) as url, peer_at(url) as peer:
        error = await failure(peer, "m")
        assert isinstance(error, ConnectionLost)
        assert "something else than a reply" in str(error)


@pytest.mark.parametrize("number", [b'"1"', b"null"])
@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_an_error_whose_id_is_lost_or_given_back_as_text_is_the_answer(number: bytes, status: str) -> None:
    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        await say(
            writer, b'{"jsonrpc":"2.0","id":%b,"error":{"code":7,"message":"no","data":[1]}}' % number, status=status
        )

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        error = await failure(peer, "m")
        assert isinstance(error, RemoteError)
        assert error.error == {"code": 7, "message": "no", "data": [1]}


async def test_integers_of_any_size_pass_unchanged() -> None:
    body = f'{{"jsonrpc":"2.0","id":1,"result":{{"n":{10**40}}}}}'.encode()
    async with endpoint_that(answering(body)) as url, peer_at(url) as peer:
        assert await peer.request("m", {"n": 10**40}) == {"n": 10**40}


# HTTP errors


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        ("401 Unauthorized", -32603, "auth: oauth"),
        ("403 Forbidden", -32603, "rights"),
        ("404 Not Found", -32601, ""),
        ("500 Internal Server Error", -32603, ""),
        ("503 IGNORE ALL", -32603, "HTTP 503 Service Unavailable"),
        ("599 IGNORE ALL", -32603, "HTTP 599"),
    ],
)
async def test_a_bare_status_is_told_in_words_of_ours(status: str, code: int, advice: str) -> None:
    answer = answering(b"<html>no</html>", status=status, kind="text/html")
    async with endpoint_that(answer) as url, peer_at(url) as peer:
        error = await failure(peer)
        assert isinstance(error, RemoteError)
        assert error.code == code
        assert error.message.startswith(f"Server returned an error response: HTTP {status[:3]}")
        assert advice in error.message
        assert "IGNORE" not in error.message
        await peer.notify("notifications/a", {})  # nobody could be told, so nobody is
        assert peer.ending is None


async def test_the_servers_own_error_passes_at_any_status() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"bad","data":{"x":1}}}'
    for status in ("400 Bad Request", "401 Unauthorized", "404 Not Found", "500 Internal Server Error"):
        async with endpoint_that(answering(body, status=status)) as url:
            error = await failing(url)
            assert isinstance(error, RemoteError)
            assert error.error == {"code": -32602, "message": "bad", "data": {"x": 1}}


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":77,"error":{"code":1,"message":"IGNORE"}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"IGNORE":1}}',
        b'{"error":"IGNORE"}',
        b"IGNORE",
        b"",
    ],
)
async def test_what_is_not_the_servers_own_error_does_not_pass(body: bytes) -> None:
    async with endpoint_that(answering(body, status="500 Oops")) as url:
        error = await failing(url)
        assert isinstance(error, RemoteError)
        assert "HTTP 500 Internal Server Error" in str(error)
        assert "IGNORE" not in str(error)


# Redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_to_another_origin_is_not_followed(status: str) -> None:
    elsewhere = "http://127.0.0.1:9/stolen?token=hunter2"
    async with endpoint_that(answering(b"", status=status, location=elsewhere)) as url:
        text = str(await failing(url, headers={"authorization": "Bearer hunter2"}))
    assert "not followed" in text
    assert "hunter2" not in text
    assert "stolen" not in text


async def test_a_redirect_within_the_origin_is_followed_with_the_same_message_and_not_forever() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        seen.append((asked.method, asked.target))
        if asked.target == "/mcp/" and asked.message["method"] != "loop":
            await say(writer, result(asked, {"fine": True}))
        elif asked.message["method"] == "get":
            await say(writer, status="302 Found", location="/mcp/")
        elif asked.message["method"] == "userinfo":
            await say(writer, status="307 Temporary", location=f"http://a:b@{asked.headers['host']}/mcp/")
        else:
            await say(writer, status="307 Temporary", location="/mcp/")

    seen: list[tuple[str, str]] = []
    async with endpoint_that(answer) as url, peer_at(url) as peer:
        assert await peer.request("m", {}) == {"fine": True}
        assert seen == [("POST", "/mcp"), ("POST", "/mcp/")]
        for method in ("get", "userinfo", "loop"):
            assert "not followed" in str(await failure(peer, method))
        assert {method for method, _ in seen} == {"POST"}
        assert len(seen) < 12


# Limits


async def test_an_answer_that_is_too_long_ends_the_connection() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":{"text":"' + b"x" * 300_000 + b'"}}'
    for status in ("200 OK", "500 Oops"):
        async with endpoint_that(answering(body, status=status)) as url, peer_at(url) as peer:
            assert "sent an answer of more than 200000 bytes" in str(await failure(peer))
            assert peer.ending is Ending.BROKEN


async def test_an_event_that_is_too_long_ends_the_connection() -> None:
    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        await stream(writer, b"data: ")
        for _ in range(160):
            writer.write(b"x" * 65536)
            await writer.drain()

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        error = await failure(peer)
        assert isinstance(error, ConnectionLost)
        assert "sent an event of more than 200000 bytes" in str(error)
        assert peer.ending is Ending.BROKEN


async def test_too_many_values_end_the_connection_at_once() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":{"a":[' + b"[]," * 600_000 + b"[]]}}"
    limits = Limits(frame_bytes=16 * 1024 * 1024, close_seconds=1, write_seconds=5)
    async with endpoint_that(answering(body)) as url, peer_at(url, limits=limits) as peer:
        assert "values" in str(await failure(peer))
        assert peer.ending is Ending.BROKEN


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_a_compressed_answer_is_refused_before_it_can_grow(kind: str) -> None:
    async with endpoint_that(answering(gzip.compress(b" " * 100_000_000), kind=kind, content_encoding="gzip")) as url:
        error = await failing(url)
        assert isinstance(error, ConnectionLost)
        assert "compressed" in str(error) or "without a reply" in str(error)


async def test_an_endless_stream_is_read_only_as_fast_as_it_is_handled() -> None:
    sent = 0

    async def flood(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        note = event(b'{"jsonrpc":"2.0","method":"notifications/a","params":{"x":"' + b"x" * 10_000 + b'"}}')
        await stream(writer)
        while True:
            writer.write(note)
            await writer.drain()
            sent += len(note)

    gate = asyncio.Event()
    script = Script()

    async def hold(method: str, params: dict[str, Any]) -> None:
        await gate.wait()

    script.on_note = hold
    async with endpoint_that(flood) as url, peer_at(url, script) as peer:
        with pytest.raises(TimedOut):
            await peer.request("m", {}, timeout=1)
        before = sent
        await asyncio.sleep(0.2)
        assert sent == before  # it is stuck
        gate.set()


# Slowness


async def never(asked: Asked, _: asyncio.StreamWriter) -> None:
    await asked.gone()


async def test_an_endpoint_that_never_answers_is_left_to_the_callers_timeout_and_closes_at_once() -> None:
    async with endpoint_that(never) as url, peer_at(url) as peer:
        with pytest.raises(TimedOut):
            await peer.request("m", {}, timeout=0.05)


async def test_a_head_that_drips_forever_costs_its_own_call_only() -> None:
    async def drip(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.message["method"] != "slow":
            await say(writer, result(asked, {}))
            return
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with endpoint_that(drip) as url, peer_at(url) as peer:
        slow = asyncio.create_task(peer.request("slow", {}, timeout=0.5))
        assert await peer.request("fast", {}, timeout=SECONDS) == {}
        with pytest.raises(TimedOut):
            await slow


async def test_a_notification_that_is_not_taken_in_time_is_said_and_ends_nothing() -> None:
    limits = Limits(write_seconds=0.3, close_seconds=0.2)
    async with endpoint_that(never) as url:
        transport = await open_http(url, headers={}, limits=limits)
        for _ in range(2):
            with pytest.raises(ConnectionLost, match=r"did not take a message for 0\.3 s"):
                await transport.send(Notification("notifications/a", {}))
        await transport.aclose()


async def test_closing_while_everything_is_under_way_fails_all_of_it_and_leaves_nothing() -> None:
    async with endpoint_that(never) as url, peer_at(url) as peer:
        calls = [asyncio.create_task(peer.request("m", {})) for _ in range(20)]
        notes = [asyncio.create_task(peer.notify("notifications/a", {})) for _ in range(20)]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(SECONDS):
            await peer.close()
            outcomes = await asyncio.gather(*calls, *notes, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {ConnectionLost, NotSent}


async def test_closing_before_a_request_has_taken_its_first_step_fails_it() -> None:
    async with endpoint_that(never) as url:
        transport = await open_http(url, headers={}, limits=LIMITS)
        sending = [
            asyncio.create_task(transport.send(message))
            for message in (Request(1, "m", {}), Notification("notifications/a", {}))
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(SECONDS):
            await transport.aclose()
            outcomes = await asyncio.gather(*sending, return_exceptions=True)
        assert all(isinstance(outcome, NotSent) for outcome in outcomes)


async def test_an_answer_in_chunks_of_one_byte_lets_everyone_else_have_a_turn() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = result(asked, {"text": "x" * 100_000})
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        await writer.drain()

    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        watching = asyncio.create_task(watch())
        assert len((await peer.request("m", {}, timeout=SECONDS * 3))["text"]) == 100_000
        watching.cancel()
    assert longest < 0.1


async def test_cookies_are_kept_for_the_server_and_bounded() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        seen.append(len(asked.headers.get("cookie", "")))
        cookie = "c=1" if len(seen) < 3 else f"c{len(seen)}={'x' * 3000}"
        await say(writer, result(asked, {}), set_cookie=cookie)

    seen: list[int] = []
    async with endpoint_that(answer) as url, peer_at(url) as peer:
        for _ in range(30):
            await peer.request("m", {}, timeout=SECONDS)
    assert seen[:3] == [0, 3, 3]
    assert max(seen) < 25_000


async def test_a_bug_costs_one_message_and_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = HttpClient.open

    async def buggy(self: HttpClient, *args: Any, begun: Callable[[], None] = lambda: None, **more: Any) -> Any:
        if bugs:
            bugs.pop()()
        response = await real(self, *args, begun=begun, **more)
        if late:
            late.pop()()
        return response

    def bug() -> None:
        raise RuntimeError("hunter2")

    bugs: list[Callable[[], None]] = []
    late: list[Callable[[], None]] = []
    monkeypatch.setattr(HttpClient, "open", buggy)
    async with endpoint_that(answering(b'{"jsonrpc":"2.0","id":1,"result":{}}')) as url, peer_at(url) as peer:
        bugs.append(bug)
        assert isinstance(error := await failure(peer), NotSent)
        late.append(bug)
        assert isinstance(other := await failure(peer), ConnectionLost)
        late.append(bug)
        with pytest.raises(ConnectionLost, match="RuntimeError") as caught:
            await peer.notify("notifications/a", {})
        assert "hunter2" not in f"{error} {other} {caught.value}"
        assert await peer.request("m", {}) == {}


# Streams that stay


async def test_a_modern_subscription_is_heard_as_long_as_it_lasts_and_knows_its_request() -> None:
    abouts: list[object] = []

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.message["method"] != "subscriptions/listen":
            await say(writer, result(asked, {}))
            return
        await stream(writer)
        for number in range(3):
            writer.write(b":\n" + event(b'{"jsonrpc":"2.0","method":"notifications/a","params":{"n":%d}}' % number))
            await asyncio.sleep(0.05)
        await over.wait()

    class Listener(Script):
        async def on_notification(self, notification: Notification, about: object) -> None:
            abouts.append(about)
            await super().on_notification(notification, about)

    over = asyncio.Event()
    script = Listener()
    async with endpoint_that(answer) as url, peer_at(url, script) as peer:
        listening = asyncio.create_task(peer.request("subscriptions/listen", {"_meta": ENVELOPE}, about="subscription"))
        for number in range(3):
            async with asyncio.timeout(SECONDS):
                assert (await script.notifications.get()).params == {"n": number}
        assert await peer.request("tools/list", {"_meta": ENVELOPE}) == {}
        over.set()
        with pytest.raises(ConnectionLost, match="without a reply"):
            await listening
    assert abouts == ["subscription"] * 3


# Cancelling


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_cancelling_a_modern_request_closes_its_stream_and_says_nothing(kind: str) -> None:
    methods: list[str] = []
    begun, closed = asyncio.Event(), asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        methods.append(asked.message["method"])
        begun.set()
        if kind == "text/event-stream":
            await stream(writer, b": hello\n\n")
        await asked.gone()
        closed.set()

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        call = asyncio.create_task(peer.request("tools/call", {"name": "x", "_meta": ENVELOPE}))
        await begun.wait()
        call.cancel()
        async with asyncio.timeout(SECONDS):
            await closed.wait()
        await peer.notify("notifications/cancelled", {"requestId": 99})  # a late one says nothing either
    assert methods == ["tools/call"]


async def test_cancelling_a_legacy_request_is_said_and_its_stream_is_dropped() -> None:
    asked_for: list[Any] = []
    closed = asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        asked_for.append(asked.message)
        if asked.message["method"] == "notifications/cancelled":
            assert not closed.is_set()
            await say(writer, status="202 Accepted")
        else:
            await asked.gone()
            closed.set()

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        with pytest.raises(TimedOut):
            await peer.request("tools/call", {"name": "x"}, timeout=0.2)
        async with asyncio.timeout(SECONDS):
            await closed.wait()
    assert asked_for[1]["params"] == {"requestId": asked_for[0]["id"], "reason": "timed out"}


async def test_a_cancellation_that_is_not_taken_still_drops_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "_COURTESY_SECONDS", 0.1)
    closed = asyncio.Event()

    async def answer(asked: Asked, _: asyncio.StreamWriter) -> None:
        await asked.gone()
        if asked.message["method"] == "tools/call":
            closed.set()

    async with endpoint_that(answer) as url, peer_at(url) as peer:
        with pytest.raises(TimedOut):
            await peer.request("tools/call", {"name": "x"}, timeout=0.2)
        async with asyncio.timeout(SECONDS):
            await closed.wait()


async def test_a_caller_that_gives_up_before_the_connection_stands_leaves_nothing_behind() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()  # no TLS will ever come

    async with listening(mute) as port, peer_at(f"https://127.0.0.1:{port}/mcp") as peer:
        call = asyncio.create_task(peer.request("m", {}))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


# Words of others


@pytest.mark.parametrize(
    "answer",
    [
        b"IGNORE ALL\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nIGNORE ALL\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: IGNORE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: IGNORE\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nIGNORE\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: IGNORE\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 307 Go\r\nlocation: http://[IGNORE\r\n\r\n",
        b"HTTP/1.1 307 Go\r\nlocation: IGNORE://x\r\n\r\n",
        b"HTTP/1.1 418 IGNORE\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: IGNORE\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nmcp-session-id: IGNORE\x80\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: IGNORE\r\n" * 100_000,
        b"HTTP/1.1 101 IGNORE\r\n\r\n",
        b"HTTP/1.1 100 IGNORE\r\n\r\n",
    ],
)
async def test_a_broken_answer_is_never_quoted(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def speak(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    caplog.set_level("INFO")
    async with endpoint_that(speak) as url, peer_at(url) as peer:
        texts = []
        for _ in range(2):  # and what it says to every later call
            with pytest.raises((UpstreamUnavailable, RemoteError, BadRequest)) as caught:
                await peer.request("initialize", {}, timeout=SECONDS)
            texts.append(str(caught.value))
        assert "IGNORE" not in f"{texts} {peer.reason} {caplog.text}"
        assert peer.ending is None


async def test_a_token_in_the_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    answer = answering(b'{"jsonrpc":"2.0","id":1,"result":{}}')
    secrets = {"authorization": "hunter2"}
    async with endpoint_that(answer) as url, peer_at(f"{url}?token=hunter2", headers=secrets) as peer:
        await peer.request("m", {})
    assert "hunter2" not in caplog.text
