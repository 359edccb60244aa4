"""Streams of the HTTP server: opened, kept alive, lost, resumed, shared by nobody; and the end of everything."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rule_of_two.errors import StoreError
from rule_of_two.wire import http_session
from rule_of_two.wire.eras import Era
from rule_of_two.wire.frames import Notification, Request, Result
from rule_of_two.wire.http_exchange import Exchange
from rule_of_two.wire.http_server import HttpSettings, serve_http
from rule_of_two.wire.http_streams import EventStream
from rule_of_two.wire.peer import Ending, EndOfStream, Incoming, Limits, NotSent, RemoteError, Transport
from tests.wire.httpserver_host import (
    OTHER_TOKEN,
    SECONDS,
    TOKEN,
    Host,
    Stream,
    Web,
    call,
    dial,
    message_of,
    modern,
    raw,
    request_head,
    serving,
    web,
)

BOB: dict[str, str | None] = {"authorization": f"Bearer {OTHER_TOKEN}"}


class Gate:
    """A handler that tells about itself and waits until it is let on."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[Incoming] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.open = asyncio.Event()

    async def __call__(self, incoming: Incoming) -> dict[str, Any]:
        self.begun.put_nowait(incoming)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.ended.put_nowait("cancelled")
            raise
        self.ended.put_nowait("returned")
        return {"done": incoming.id}


@pytest.fixture
async def gate() -> Gate:
    return Gate()


@pytest.fixture
async def host(gate: Gate) -> Host:
    async def echo(incoming: Incoming) -> dict[str, Any]:
        return {"echo": incoming.id}

    return Host({"wait": gate, "echo": echo})


@pytest.fixture
async def client(host: Host) -> AsyncIterator[Web]:
    async with serving(host) as url, web(url) as client:
        yield client


async def soon(queue: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(SECONDS):
        return await queue.get()


async def data_of(stream: Stream) -> Any:
    event = await stream.event()
    assert event is not None
    assert event.data is not None
    return event.data


async def primed(stream: Stream) -> str:
    """The id of the event without data that opens a stream."""
    event = await stream.event()
    assert event is not None
    assert event.data is None
    assert event.retry == 1000
    assert event.id
    return event.id


# One call, one stream


async def test_a_quick_reply_is_one_stream_with_two_events(client: Web) -> None:
    await client.open()
    async with client.stream("POST", call("echo")) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert stream.response.headers["mcp-session-id"] == client.session
        events = await stream.rest()
    assert [event.data for event in events] == [None, {"jsonrpc": "2.0", "id": 1, "result": {"echo": 1}}]
    assert events[0].retry == 1000
    assert len({event.id for event in events}) == 2


async def test_a_slow_call_is_primed_before_its_reply(client: Web, gate: Gate) -> None:
    await client.open()
    async with client.stream("POST", call("wait")) as stream:
        await primed(stream)
        gate.open.set()
        assert (await data_of(stream))["result"] == {"done": 1}
        assert await stream.event() is None


async def test_clients_of_earlier_versions_are_not_primed(client: Web) -> None:
    await client.open("2025-06-18")
    async with client.stream("POST", call("echo")) as stream:
        assert (await data_of(stream))["result"] == {"echo": 1}
        assert await stream.event() is None


async def test_without_streams_a_reply_is_json_unless_something_comes_before_it(host: Host) -> None:
    async def chatty(incoming: Incoming) -> dict[str, Any]:
        await incoming.notify("notifications/message", {"data": 1})
        return {}

    host.answers["chatty"] = chatty
    async with serving(host, legacy_streams=False) as url, web(url) as client:
        await client.open()
        response = await client.post(call("echo"))
        assert response.headers["content-type"] == "application/json"
        assert response.json() == {"jsonrpc": "2.0", "id": 1, "result": {"echo": 1}}
        async with client.stream("POST", call("chatty")) as stream:
            await primed(stream)
            assert (await data_of(stream))["method"] == "notifications/message"
            assert (await data_of(stream))["result"] == {}


@pytest.mark.parametrize("era", list(Era))
async def test_silence_is_filled_with_comments(host: Host, gate: Gate, era: Era) -> None:
    async with serving(host, keep_alive_seconds=0.05, legacy_streams=False) as url, web(url) as client:
        body, headers = call("wait"), dict[str, str | None]()
        if era is Era.MODERN:
            body, headers = modern("wait")
        else:
            await client.open()
        async with client.stream("POST", body, headers) as stream:
            assert stream.response.headers["content-type"] == "text/event-stream"
            lines = stream.response.aiter_lines()
            seen = [await anext(lines)]
            while seen.count(": keep-alive") < 2:
                seen.append(await anext(lines))
            gate.open.set()
            rest = [line async for line in lines]
            assert any('"result"' in line for line in rest)


async def test_the_same_id_twice_is_refused_without_harm(client: Web, gate: Gate) -> None:
    await client.open()
    async with client.stream("POST", call("wait", number="x")) as stream:
        await primed(stream)
        response = await client.post(call("wait", number="x"))
        assert response.status_code == 400
        gate.open.set()
        assert (await data_of(stream))["result"] == {"done": "x"}
    gate.open.set()
    assert message_of(await client.post(call("wait", number="x")))["result"] == {"done": "x"}


async def test_a_cancelled_request_is_answered_with_an_error(client: Web, gate: Gate) -> None:
    await client.open()
    async with client.stream("POST", call("wait", number=5)) as stream:
        await soon(gate.begun)
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        assert (await client.post(note)).status_code == 202
        await primed(stream)
        error = {"code": -32800, "message": "Request cancelled"}
        assert await data_of(stream) == {"jsonrpc": "2.0", "id": 5, "error": error}
        assert await stream.event() is None
    assert await soon(gate.ended) == "cancelled"


async def test_one_client_cannot_cancel_the_request_of_another(client: Web, host: Host, gate: Gate) -> None:
    await client.open()
    other = Web(client.url, client.http)
    await other.open(changes=BOB)
    async with client.stream("POST", call("wait", number=5)) as stream:
        await soon(gate.begun)
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        assert (await other.post(note, BOB)).status_code == 202
        _, headers = modern("x")
        assert (await client.post(note, headers)).status_code == 202
        assert (await other.post(call("echo"), BOB)).status_code == 200
        gate.open.set()
        await primed(stream)
        assert (await data_of(stream))["result"] == {"done": 5}


# Lost and resumed


async def test_a_legacy_client_that_goes_away_cancels_nothing_and_resumes(client: Web, gate: Gate) -> None:
    await client.open()
    async with client.stream("POST", call("wait")) as stream:
        number = await primed(stream)
        incoming = await soon(gate.begun)
    await incoming.notify("notifications/message", {"data": "while away"})
    gate.open.set()
    assert await soon(gate.ended) == "returned"
    for _ in range(2):  # as often as it wants
        async with client.stream("GET", changes={"last-event-id": number}) as stream:
            events = await stream.rest()
        assert [event.data.get("method") for event in events] == ["notifications/message", None]
    async with client.stream("GET", changes={"last-event-id": events[0].id}) as stream:
        assert [event.data["result"] for event in await stream.rest()] == [{"done": 1}]


async def test_a_stream_is_resumed_while_its_call_goes_on(client: Web, gate: Gate) -> None:
    await client.open()
    async with client.stream("POST", call("wait")) as first:
        number = await primed(first)
        async with client.stream("GET", changes={"last-event-id": number}) as second:
            assert await first.event() is None  # one at a time
            incoming = await soon(gate.begun)
            await incoming.notify("notifications/message", {"data": "only here"})
            assert (await data_of(second))["params"]["data"] == "only here"
            gate.open.set()
            assert (await data_of(second))["result"] == {"done": 1}
            assert await second.event() is None


async def test_an_event_id_of_another_stream_replays_nothing_of_this_one(client: Web, host: Host, gate: Gate) -> None:
    await client.open()
    other = Web(client.url, client.http)
    await other.open(changes=BOB)
    async with client.stream("POST", call("wait", number="secret")) as stream:
        number = await primed(stream)
    gate.open.set()
    await soon(gate.ended)
    async with other.stream("POST", call("wait", number=1), BOB) as stream:
        assert await primed(stream)
        await data_of(stream)
    # Another session of another client: the same id names what that session has, or nothing.
    async with other.stream("GET", changes={**BOB, "last-event-id": number}) as stream:
        assert "secret" not in json.dumps([event.data for event in await stream.rest()])
    async with client.stream("POST", call("echo", number=2)) as stream:
        quick = await stream.rest()
    async with client.stream("GET", changes={"last-event-id": quick[0].id}) as stream:
        assert [event.data["id"] for event in await stream.rest()] == [2]


@pytest.mark.parametrize("value", ["x", "99-0", "0-99", "1", "-1", "1-", "1-0-0", "²-0", "9" * 5000 + "-0", "0--1"])
async def test_an_event_id_of_no_stream_is_refused(client: Web, value: str) -> None:
    await client.open()
    headers = [(name.encode(), field.encode()) for name, field in client.headers({"last-event-id": value}).items()]
    response = await client.http.get(client.url, headers=headers)
    assert response.status_code == 400


async def test_what_is_kept_for_resuming_is_bounded(host: Host, gate: Gate) -> None:
    async with serving(host, stored_events=5) as url, web(url) as client:
        await client.open()
        async with client.stream("POST", call("wait")) as stream:
            number = await primed(stream)
            incoming = await soon(gate.begun)
        for count in range(10):
            await incoming.notify("notifications/message", {"data": count})
        gate.open.set()
        await soon(gate.ended)
        async with client.stream("GET", changes={"last-event-id": number}) as stream:
            events = await stream.rest()
        assert [event.data.get("params", {}).get("data") for event in events] == [6, 7, 8, 9, None]
        for count in range(10):
            await client.post(call("echo", number=count))
        assert (await client.http.get(url, headers=client.headers({"last-event-id": number}))).status_code == 400


async def test_nobody_takes_up_a_stream_that_was_not_opened(host: Host, gate: Gate) -> None:
    async with serving(host, legacy_streams=False) as url, web(url) as client:
        await client.open()
        calling = asyncio.create_task(client.post(call("wait")))
        await soon(gate.begun)
        for number in ("2-0", "2-1"):
            response = await client.http.get(url, headers=client.headers({"last-event-id": number}))
            assert response.status_code == 400
        gate.open.set()
        assert (await calling).json()["result"] == {"done": 1}


async def test_the_reply_to_a_client_that_left_before_it_could_resume_is_dropped(host: Host, gate: Gate) -> None:
    async with serving(host, legacy_streams=False) as url, web(url) as client:
        await client.open()
        content = json.dumps(call("wait")).encode()
        _, writer = await dial(url)
        writer.write(request_head(url, f"mcp-session-id: {client.session}", length=len(content)) + content)
        incoming = await soon(gate.begun)
        writer.close()
        await writer.wait_closed()
        await client.post(call("echo", number=2))
        await incoming.notify("notifications/message", {})
        gate.open.set()
        assert await soon(gate.ended) == "returned"
        assert (await client.post(call("wait"))).json()["result"] == {"done": 1}


async def test_a_get_must_accept_events(client: Web) -> None:
    await client.open()
    response = await client.http.get(client.url, headers=client.headers({"accept": "application/json"}))
    assert response.status_code == 406


async def test_an_initialize_that_takes_long_is_kept_alive_and_named(host: Host) -> None:
    released = asyncio.Event()

    async def slow(client: str, era: Era, transport: Transport) -> None:
        message = await transport.receive()
        assert isinstance(message, Request)
        await released.wait()
        await transport.send(Result(message.id, {"protocolVersion": "2025-11-25"}))
        with pytest.raises(EndOfStream):
            await transport.receive()

    host.wrap = slow
    async with serving(host, keep_alive_seconds=0.05) as url, web(url) as client:
        opening = call("initialize", {"protocolVersion": "2025-11-25"}, number=0)
        async with client.stream("POST", opening) as stream:
            assert stream.response.headers["mcp-session-id"]
            await primed(stream)
            released.set()
            assert (await data_of(stream))["id"] == 0


# What belongs to no call


async def test_messages_wait_for_the_client_to_listen(client: Web, host: Host) -> None:
    await client.open()
    peer = host.peers[0]
    for count in range(3):
        await peer.notify("notifications/message", {"data": count})
    asking = asyncio.create_task(peer.request("ping", {}))
    async with client.stream("GET") as stream:
        await primed(stream)
        assert [(await data_of(stream))["params"]["data"] for _ in range(3)] == [0, 1, 2]
        asked = await data_of(stream)
        assert asked["method"] == "ping"
        assert (await client.post({"jsonrpc": "2.0", "id": asked["id"], "result": {}})).status_code == 202
        assert await asking == {}
        second = await client.http.get(client.url, headers=client.headers())
        assert second.status_code == 409
    async with client.stream("GET") as stream:  # nothing twice
        await primed(stream)
        await peer.notify("notifications/message", {"data": 3})
        assert (await data_of(stream))["params"]["data"] == 3


async def test_a_stream_that_waited_while_the_session_ended_is_not_left_open(
    client: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "_LEAVING_SECONDS", SECONDS)
    arrived = asyncio.Event()
    listen = http_session.Session.listen

    async def arriving(session: http_session.Session, exchange: Exchange, *, primed: bool) -> EventStream:
        arrived.set()  # and goes on without a pause until it waits for the first one to leave
        return await listen(session, exchange, primed=primed)

    await client.open()
    async with client.stream("GET") as stream:
        await primed(stream)
        monkeypatch.setattr(http_session.Session, "listen", arriving)
        waiting = asyncio.create_task(client.http.get(client.url, headers=client.headers()))
        async with asyncio.timeout(SECONDS):
            await arrived.wait()
        assert not waiting.done()
        assert (await client.http.delete(client.url, headers=client.headers())).status_code in {200, 202, 204}
        async with asyncio.timeout(SECONDS):
            assert (await waiting).status_code == 404


async def test_a_client_that_never_listens_costs_a_bounded_amount(host: Host) -> None:
    async with serving(host, stored_events=20) as url, web(url) as client:
        await client.open()
        peer = host.peers[0]
        asking = [asyncio.create_task(peer.request("ping", {})) for _ in range(http_session._UNFETCHED)]
        await asyncio.wait(asking, timeout=0.01)
        with pytest.raises(NotSent):
            await peer.request("ping", {})
        for count in range(100):
            await peer.notify("notifications/message", {"data": count})
        for task in asking:
            with pytest.raises(RemoteError, match="did not fetch"):
                await task
        async with client.stream("GET") as stream:
            await primed(stream)
            assert (await data_of(stream))["params"]["data"] == 80


async def test_what_belongs_to_an_answered_request_is_not_sent(client: Web, host: Host) -> None:
    kept: list[Incoming] = []

    async def keep(incoming: Incoming) -> dict[str, Any]:
        kept.append(incoming)
        return {}

    host.answers["keep"] = keep
    await client.open()
    await client.post(call("keep"))
    with pytest.raises(NotSent):
        await kept[0].notify("notifications/message", {})
    body, headers = modern("keep")
    await client.post(body, headers)
    with pytest.raises(NotSent):
        await kept[1].notify("notifications/message", {})


async def test_a_modern_client_cannot_be_asked(client: Web, host: Host) -> None:
    async def curious(incoming: Incoming) -> dict[str, Any]:
        with pytest.raises(NotSent):
            await incoming.ask("elicitation/create", {})
        return {}

    host.answers["curious"] = curious
    body, headers = modern("curious")
    assert (await client.post(body, headers)).json()["result"]["resultType"] == "complete"


async def test_a_malformed_reply_fails_who_waits_for_it(client: Web, host: Host) -> None:
    await client.open()
    asking = asyncio.create_task(host.peers[0].request("ping", {}))
    async with client.stream("GET") as stream:
        await primed(stream)
        asked = await data_of(stream)
        response = await client.post({"jsonrpc": "2.0", "id": asked["id"], "result": 7})
        assert response.status_code == 400
        with pytest.raises(Exception, match="result that is not an object"):
            await asking


async def test_a_session_whose_host_does_not_read_takes_a_bounded_number(host: Host) -> None:
    released = asyncio.Event()

    async def deaf(client: str, era: Era, transport: Transport) -> None:
        message = await transport.receive()
        assert isinstance(message, Request)
        await transport.send(Notification("notifications/message", {}), related=message.id)
        await released.wait()

    host.wrap = deaf
    async with serving(host) as url, web(url) as client:
        opening = call("initialize", {"protocolVersion": "2025-11-25"}, number=0)
        async with client.stream("POST", opening) as stream:
            client.session = stream.response.headers["mcp-session-id"]
            note = {"jsonrpc": "2.0", "method": "notifications/x"}
            statuses = [(await client.post(note)).status_code for _ in range(300)]
            assert statuses == [202] * 256 + [503] * 44
            assert (await client.post(call("echo"))).status_code == 503
            released.set()
            await stream.rest()


# Ends


async def test_a_modern_client_that_goes_away_cancels(client: Web, host: Host, gate: Gate) -> None:
    body, headers = modern("wait")
    content = json.dumps(body).encode()
    _, writer = await dial(client.url)
    fields = [f"{name}: {value}" for name, value in headers.items() if value]
    writer.write(request_head(client.url, *fields, length=len(content)) + content)
    await soon(gate.begun)
    writer.close()
    assert await soon(gate.ended) == "cancelled"
    await host.until(running=0)
    assert host.peers[0].ending is Ending.FINISHED


async def test_a_deleted_session_is_gone(client: Web, host: Host, gate: Gate) -> None:
    await client.open()
    async with client.stream("GET") as listening, client.stream("POST", call("wait")) as waiting:
        await primed(listening)
        await primed(waiting)
        assert (await client.http.delete(client.url, headers=client.headers())).status_code == 204
        assert await listening.event() is None
        assert await waiting.event() is None
    assert await soon(gate.ended) == "cancelled"
    await host.until(running=0)
    assert host.peers[0].ending is Ending.FINISHED
    for method in ("POST", "GET", "DELETE"):
        assert (await client.http.request(method, client.url, headers=client.headers())).status_code == 404


async def test_a_call_that_was_not_answered_when_its_session_ended_says_so(host: Host, gate: Gate) -> None:
    async with serving(host, legacy_streams=False) as url, web(url) as client:
        await client.open()
        calling = asyncio.create_task(client.post(call("wait", number=9)))
        await soon(gate.begun)
        await client.http.delete(url, headers=client.headers())
        response = await calling
        assert response.status_code == 404
        assert response.json() == {
            "jsonrpc": "2.0",
            "id": 9,
            "error": {"code": -32600, "message": "the session has ended"},
        }


async def test_an_idle_session_is_ended_and_one_in_use_is_not(host: Host, gate: Gate) -> None:
    async with serving(host, idle_seconds=0.1) as url, web(url) as idle, web(url) as listening, web(url) as calling:
        await listening.open()
        await calling.open()
        await idle.open()
        async with listening.stream("GET") as stream, calling.stream("POST", call("wait")) as reply:
            await primed(stream)
            await primed(reply)
            await host.until(running=2)
            assert host.peers[2].reason == "it did nothing for too long"
            assert host.peers[2].ending is Ending.CLOSED
            assert (await idle.post(call("echo"))).status_code == 404
            assert (await listening.post(call("echo"))).status_code == 200
            gate.open.set()
            assert (await data_of(reply))["result"] == {"done": 1}


async def test_what_a_revoked_token_had_open_is_ended_and_nothing_of_others(
    client: Web, host: Host, gate: Gate
) -> None:
    bob = Web(client.url, client.http)
    await client.open()
    await bob.open(changes=BOB)
    body, headers = modern("wait")
    once = asyncio.create_task(client.post(body, {**headers, "mcp-session-id": None}))
    async with (
        client.stream("POST", call("wait")) as called, client.stream("GET") as listened,
        bob.stream("POST", call("wait"), BOB) as others,
    ):  # fmt: skip
        for _ in range(3):
            await soon(gate.begun)
        del host.tokens[TOKEN]

        assert {await soon(gate.ended) for _ in range(2)} == {"cancelled"}
        assert [event.data for event in await called.rest()] == [None]
        assert [event.data for event in await listened.rest()] == [None]
        assert (await once).status_code == 503
        assert gate.ended.empty()
        gate.open.set()
        assert (await others.rest())[-1].data["result"] == {"done": 1}
    assert (await bob.post(call("echo"), BOB)).status_code == 200


async def test_a_session_that_a_replaced_token_opened_is_no_more_and_a_new_one_is_opened(
    client: Web, host: Host
) -> None:
    await client.open()
    new: dict[str, str | None] = {"authorization": "Bearer the-new-token-of-alice"}
    async with client.stream("GET") as listened:
        host.tokens["the-new-token-of-alice"] = "alice"
        del host.tokens[TOKEN]
        assert [event.data for event in await listened.rest()] == [None]
    assert (await client.post(call("echo"), new)).status_code == 404
    await client.open(changes=new)
    assert (await client.post(call("echo"), new)).status_code == 200


async def test_while_the_tokens_cannot_be_read_nothing_stays_open(client: Web, host: Host, gate: Gate) -> None:
    await client.open()
    async with client.stream("POST", call("wait")) as called:
        await soon(gate.begun)
        host.unreadable = StoreError("the token cannot be read")
        assert [event.data for event in await called.rest()] == [None]
    assert await soon(gate.ended) == "cancelled"
    host.unreadable = None
    await client.open()


async def test_a_client_that_leaves_before_its_session_is_open_leaves_nothing(host: Host, gate: Gate) -> None:
    async def never(client: str, era: Era, transport: Transport) -> None:
        message = await transport.receive()
        assert isinstance(message, Request)
        gate.ended.put_nowait(message.method)
        with pytest.raises(EndOfStream):
            await transport.receive()

    host.wrap = never
    async with serving(host) as url:
        content = json.dumps(call("initialize")).encode()
        _, writer = await dial(url)
        writer.write(request_head(url, length=len(content)) + content)
        assert await soon(gate.ended) == "initialize"
        writer.close()
        await host.until(running=0)


async def test_a_client_that_does_not_read_is_disconnected(host: Host) -> None:
    stuck, over = asyncio.Event(), asyncio.Event()

    async def flood(incoming: Incoming) -> dict[str, Any]:
        try:
            while True:
                stuck.set()
                await incoming.notify("notifications/message", {"data": "x" * 100_000})
        finally:
            over.set()

    host.answers["flood"] = flood
    async with serving(host, limits=Limits(write_seconds=1)) as url:
        body, headers = modern("flood")
        content = json.dumps(body).encode()
        reader, writer = await dial(url)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads and writes
        fields = [f"{name}: {value}" for name, value in headers.items() if value]
        writer.write(request_head(url, *fields, length=len(content)) + content)
        async with asyncio.timeout(SECONDS):
            await over.wait()
        await host.until(running=0)
        writer.close()
        assert host.peers[0].ending is Ending.FINISHED
        assert reader is not None


async def test_shutting_down_with_everything_open_leaves_nothing(host: Host, gate: Gate) -> None:
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with serving(host, limits=Limits(close_seconds=8)) as url, web(url) as client, web(url) as other:
        await client.open()
        await other.open(changes=BOB)
        for _ in range(20):
            await Web(url, client.http).open()
        body, headers = modern("wait")
        silent = asyncio.create_task(client.post(body, headers))
        half_head = asyncio.create_task(raw(url, b"POST /mcp"))
        half_body = asyncio.create_task(raw(url, request_head(url, length=10), b"{"))
        async with client.stream("GET") as listening, client.stream("POST", call("wait")) as waiting:
            await primed(listening)
            await primed(waiting)
            for _ in range(2):
                await soon(gate.begun)
            started = loop.time()
            (server,) = (task for task in asyncio.all_tasks() if "serve_http" in repr(task.get_coro()))
            server.cancel()
            assert await listening.event() is None
            assert await waiting.event() is None
            response = await silent
            assert response.status_code == 503
            await asyncio.wait((server,))
        assert loop.time() - started < 6  # no step of it had to time out
        assert await half_head == b""
        assert b" 200 " not in await half_body
        assert [await soon(gate.ended) for _ in range(2)] == ["cancelled"] * 2
        assert {peer.ending for peer in host.peers} == {Ending.CLOSED}
    assert asyncio.all_tasks() <= before


async def test_a_host_that_ignores_the_end_is_cancelled(host: Host) -> None:
    cancelled: asyncio.Queue[str] = asyncio.Queue()

    async def stubborn(client: str, era: Era, transport: Transport) -> None:
        message = await transport.receive()
        assert isinstance(message, Request)
        if era is Era.LEGACY:
            await transport.send(Notification("notifications/message", {}), related=message.id)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.put_nowait(era)

    host.wrap = stubborn
    async with serving(host, limits=Limits(close_seconds=0.1)) as url, web(url) as client:
        body, headers = modern("wait")
        calling = asyncio.create_task(client.post(body, headers))
        opening = call("initialize", {"protocolVersion": "2025-11-25"}, number=0)
        async with client.stream("POST", opening) as stream:
            await primed(stream)
            await host.until(running=2)
            (server,) = (task for task in asyncio.all_tasks() if "serve_http" in repr(task.get_coro()))
            server.cancel()
            await asyncio.wait((server,))
        assert {await soon(cancelled), await soon(cancelled)} == set(Era)
        await asyncio.wait((calling,))
        calling.exception()


async def test_it_starts_again_on_the_same_port(host: Host) -> None:
    port = 0
    for _ in range(3):
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(
            serve_http(
                host,
                address="127.0.0.1",
                port=port,
                limits=Limits(),
                settings=HttpSettings(),
                on_ready=ready.set_result,
            )
        )
        async with web(await ready) as client:
            await client.open()
            port = int(client.url.rpartition(":")[2].partition("/")[0])
        running.cancel()
        await asyncio.wait((running,))
        assert running.cancelled()


@pytest.mark.parametrize("seed", range(4))
async def test_who_resumes_after_each_loss_gets_everything_once_and_in_order(host: Host, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeatable
    total = 400

    async def tell(incoming: Incoming) -> dict[str, Any]:
        for count in range(total):
            await incoming.notify("notifications/message", {"data": count, "filling": "x" * chance.randrange(2000)})
            if chance.random() < 0.1:
                await asyncio.sleep(0)
        return {}

    host.answers["tell"] = tell
    async with serving(host, stored_events=total + 1) as url, web(url) as client:
        await client.open()
        got: list[Any] = []
        last: str | None = None
        while not got or "result" not in got[-1]:
            method, body = ("GET", None) if last else ("POST", call("tell"))
            async with client.stream(method, body, {"last-event-id": last}) as stream:
                for _ in range(chance.randrange(1, 60)):
                    event = await stream.event()
                    if event is None:
                        break
                    last = event.id
                    if event.data is not None:
                        got.append(event.data)
        assert [message["params"]["data"] for message in got[:-1]] == list(range(total))


async def test_a_client_may_resume_while_its_lost_connection_still_blocks_the_stream(host: Host) -> None:
    """The old connection is dead, but nobody knows yet: what was written to it waits there."""
    over = asyncio.Event()

    async def tell(incoming: Incoming) -> dict[str, Any]:
        for count in range(100):
            await incoming.notify("notifications/message", {"data": count, "filling": "x" * 100_000})
        over.set()
        return {}

    host.answers["tell"] = tell
    async with serving(host) as url, web(url) as client:
        await client.open()
        content = json.dumps(call("tell")).encode()
        reader, writer = await dial(url)
        head = request_head(
            url, f"mcp-session-id: {client.session}", "mcp-protocol-version: 2025-11-25", length=len(content)
        )
        writer.write(head + content)
        opening = await reader.readuntil(b"data: \n\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads and writes
        number = opening.rpartition(b"id: ")[2].partition(b"\n")[0].decode()
        async with client.stream("GET", changes={"last-event-id": number}) as stream:
            events = await stream.rest()
        await over.wait()
        assert "result" in events[-1].data
        counts = [event.data["params"]["data"] for event in events[:-1]]
        assert counts == sorted(set(counts))
        assert counts[-1] == 99
        writer.close()
