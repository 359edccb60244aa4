"""Questions, answers and messages without measure: each upstream is held to its own, and nobody else waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from tests.attacks.http_clients import HttpClient, served
from tests.attacks.puppets import (
    ENVELOPE,
    WORDS,
    again,
    call,
    calls,
    cancellations,
    legacy,
    modern,
    puppet,
    until_asked,
)
from tests.attacks.robust import until
from tests.harness import Gateway, House, outcome

PATIENCE = 8.0
"""The longest time that something may take which waits for nothing, on a busy machine; a peer is given 10 s or 30 s."""
QUESTIONS = 16
"""How many questions may stand in one result, and how many calls of one upstream may wait for their client."""
WAITING = 32
"""How many questions of one upstream may wait for the client."""
STATE = 64 * 1024
"""The longest state of an upstream's."""


def _both(house: House, *flags: str) -> None:
    house.servers = {"p": puppet(house, "p", *flags), "good": puppet(house, "good")}


def _replies(house: House) -> list[dict[str, Any]]:
    """What the upstream was answered to its questions."""
    return [one for one in house.messages("p") if "method" not in one]


def _decisions(house: House, action: str) -> list[dict[str, Any]]:
    return [entry for entry in house.journal("decision") if entry["action"] == action]


async def _well(gateway: Gateway) -> None:
    """Another upstream answers."""
    assert outcome((await modern(gateway, "good__plain"))["result"]) == ("allow", None)


async def test_a_result_with_too_many_questions_is_withheld(house: House) -> None:
    _both(house, "--modern")
    async with house.gateway(initialize=False) as gateway:
        required = (await modern(gateway, "p__ask", {"count": QUESTIONS}))["result"]
        assert len(required["inputRequests"]) == QUESTIONS
        asked = len(_decisions(house, "elicit"))
        for count in (QUESTIONS + 1, 5000):
            refused = (await modern(gateway, "p__ask", {"count": count}))["result"]
            assert outcome(refused) == ("deny", "bad_request")
        assert len(_decisions(house, "elicit")) == asked
        await _well(gateway)
    assert [entry["outcome"] for entry in house.journal("outcome")].count("withheld") == 2
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        assert outcome(await gateway.call("p__ask", {"count": QUESTIONS + 1})) == ("deny", "bad_request")
        assert gateway.asked == []


async def test_a_state_that_a_client_could_not_bring_back_is_withheld(house: House) -> None:
    _both(house, "--modern")
    async with house.gateway(initialize=False) as gateway:
        required = (await modern(gateway, "p__ask", {"state": STATE}))["result"]
        reply = await modern(gateway, "p__ask", {"state": STATE}, **again(required))
        assert "accept" in reply["result"]["content"][0]["text"]
        for size in (STATE + 1, 4 * 1024 * 1024):
            refused = (await modern(gateway, "p__ask", {"state": size}))["result"]
            assert outcome(refused) == ("deny", "bad_request")
        await _well(gateway)
    assert calls(house)[1]["requestState"] == "S" * STATE


async def test_of_too_many_calls_that_wait_for_their_client_the_oldest_is_given_up(house: House) -> None:
    _both(house)
    async with house.gateway(initialize=False) as gateway:
        for _ in range(70):  # more than a client's hanging calls of one upstream
            gateway.start("tools/call", call("p__hang"))
        await _well(gateway)
    async with house.gateway(initialize=False) as gateway:
        required = [(await modern(gateway, "p__ask"))["result"] for _ in range(QUESTIONS + 2)]
        ids = [one["id"] for one in house.messages("p") if one.get("method") == "tools/call"][-len(required) :]
        await until(lambda: [one["requestId"] for one in cancellations(house)][-2:] == ids[:2])
        for one in required[:2]:
            assert (await modern(gateway, "p__ask", **again(one)))["error"]["data"]["code"] == "bad_request"
        for one in (required[2], required[-1]):
            assert "accept" in (await modern(gateway, "p__ask", **again(one)))["result"]["content"][0]["text"]
        await _well(gateway)


async def test_no_more_than_so_many_questions_wait_for_the_client_and_none_is_huge(house: House) -> None:
    house.servers = {"p": puppet(house)}
    question = {"message": "hello", "requestedSchema": {"type": "object", "properties": {}}}
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        refused = await gateway.call("p__ask", {"params": {**question, "message": "x" * (1 << 20)}})
        assert "The request was refused." in refused["content"][0]["text"]
        assert gateway.asked == []
        many = {"count": WAITING + 8, "method": "elicitation/create", "params": question}
        waiting = gateway.start("tools/call", {"name": "p__ask_many", "arguments": many})
        await until_asked(gateway, WAITING)
        await until(lambda: len(_replies(house)) == 1 + 8)
        assert len(gateway.asked) == WAITING
        assert {reply["error"]["code"] for reply in _replies(house)[1:]} == {-32000}
        for asked in gateway.asked:
            gateway.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {}}).encode())
        assert "result" in await waiting


async def test_what_is_refused_again_and_again_is_written_down_once(house: House) -> None:
    house.servers = {"p": puppet(house)}
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        await gateway.call("p__ask_many", {"count": 300, "method": "roots/list", "params": {}})
        assert len(_replies(house)) == 300
        assert 1 <= len(_decisions(house, "list_roots")) <= WAITING  # those that were decided at the same time
        for tool in ("read_private", "send"):
            await gateway.call(f"p__{tool}")
        await gateway.call("p__tell_many", {"count": 300})
        assert WORDS not in json.dumps(gateway.notifications)
        assert len(_decisions(house, "receive")) == 1


async def test_questions_that_reach_nobody_bring_no_label_and_are_not_written_down(house: House) -> None:
    """The answer is our own: nothing of the client's leaves, and it was shown nothing."""
    house.servers = {"p": puppet(house)}
    mute = {**ENVELOPE, "io.modelcontextprotocol/clientCapabilities": {}}
    async with house.gateway(initialize=False) as gateway:
        reply = await modern(gateway, "p__ask", {"method": "acme/x", "params": {}}, _meta=mute)
        assert "The client cannot be asked now." in reply["result"]["content"][0]["text"]
        await modern(gateway, "p__ask_many", {"count": 300, "method": "acme/x", "params": {}}, _meta=mute)
        assert len(_replies(house)) == 301
        assert (house.held(), len(_decisions(house, "vendor"))) == (set(), 0)


async def test_a_server_that_does_not_answer_to_the_end_of_subscriptions_delays_no_end(house: House) -> None:
    house.servers = {"p": puppet(house, "p", "--mute")}
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        for name in "ab":
            assert "result" in await gateway.request("resources/subscribe", {"uri": f"puppet://{name}"})
        begun = time.monotonic()
        assert await gateway.close() == 0
        assert time.monotonic() - begun < PATIENCE


async def test_a_server_that_stops_reading_keeps_nobody_else_waiting(house: House) -> None:
    """Not even with what its client tells it: progress of an answer, and that its roots have changed."""
    _both(house)
    house.settings["policies"] = ["default", "roots"]
    async with house.gateway(initialize=False) as gateway:
        await legacy(gateway)
        await gateway.call("good__plain")
        gateway.start("tools/call", {"name": "p__stop_reading", "arguments": {}})
        question = await until_asked(gateway)
        for _ in range(2):  # more than its pipe and our buffers hold
            gateway.start("tools/call", {"name": "p__plain", "arguments": {"filling": "x" * (1 << 20)}})
        await gateway.request("ping")
        token = question["params"]["_meta"]["progressToken"]
        for number in range(200):
            await gateway.notify("notifications/progress", {"progressToken": token, "progress": number})
            await gateway.notify("notifications/roots/list_changed")
        begun = time.monotonic()
        assert outcome(await gateway.call("good__plain")) == ("allow", None)
        assert time.monotonic() - begun < PATIENCE
        (house.folder / "p.resume").touch()
    assert any(one.get("method") == "notifications/roots/list_changed" for one in house.messages("good"))


@asynccontextmanager
async def _listening(client: HttpClient) -> AsyncIterator[asyncio.StreamReader]:
    """An open subscription of a client's, over a connection that is read only as far as the test reads it."""
    url = httpx2.URL(client.url)
    params = {"_meta": ENVELOPE, "notifications": {"resourceSubscriptions": ["puppet://a"]}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}).encode()
    head = [
        f"POST {url.path} HTTP/1.1",
        f"host: {url.host}:{url.port}",
        *(f"{name}: {value}" for name, value in client.headers.items()),
        "content-type: application/json",
        "mcp-protocol-version: 2026-07-28",
        "mcp-method: subscriptions/listen",
        f"content-length: {len(body)}",
    ]
    channel = socket.socket()
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    channel.setblocking(False)
    await asyncio.get_running_loop().sock_connect(channel, (url.host, url.port or 0))
    reader, writer = await asyncio.open_connection(sock=channel, limit=4096)
    try:
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_subscription_that_is_not_read_concerns_only_itself(house: House) -> None:
    house.servers = {"p": puppet(house)}
    async with served(house, "laptop") as (client,):
        assert outcome((await client.call("p__plain"))["result"]) == ("allow", None)
        async with _listening(client) as unread, _listening(client) as read:
            for reader in (unread, read):
                await reader.readuntil(b"notifications/subscriptions/acknowledged")
            begun = time.monotonic()
            touched = client.call("p__touch", {"count": 60, "size": 200_000})
            flood = asyncio.create_task(_count(read, b"notifications/resources/updated", 60))
            assert outcome((await touched)["result"]) == ("allow", None)
            assert outcome((await client.call("p__plain"))["result"]) == ("allow", None)
            await flood
            assert time.monotonic() - begun < PATIENCE


async def _count(reader: asyncio.StreamReader, text: bytes, times: int) -> None:
    """Read until a text has come so often."""
    seen, rest = 0, b""
    while seen < times:
        data = rest + await reader.read(1 << 16)
        seen += data.count(text)
        rest = data[-len(text) + 1 :]
