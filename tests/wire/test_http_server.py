"""What the HTTP server lets in, whom it believes, and how it refuses: raw requests, most of them hostile."""

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire import http_listener, http_request
from rule_of_two.wire.eras import Era
from rule_of_two.wire.http_server import HttpSettings, serve_http
from rule_of_two.wire.peer import Incoming, Limits, RemoteError, Transport
from tests.wire.httpserver_host import (
    OTHER_TOKEN,
    SECONDS,
    TOKEN,
    Host,
    Web,
    call,
    dial,
    message_of,
    modern,
    port_of,
    raw,
    request_head,
    serving,
    web,
)

BOB: dict[str, str | None] = {"authorization": f"Bearer {OTHER_TOKEN}"}
PING = call("tools/call", {"name": "echo"})


async def echo(incoming: Incoming) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": "hi"}]}


@pytest.fixture
async def host() -> Host:
    return Host({"tools/call": echo})


@pytest.fixture
async def client(host: Host) -> AsyncIterator[Web]:
    async with serving(host, limits=Limits(frame_bytes=100_000)) as url, web(url) as client:
        yield client


def code_of(response: Any) -> int:
    code: int = response.json()["error"]["code"]
    return code


# Where it comes from


@pytest.mark.parametrize(
    "name", ["evil.example", "localhost", "localhost:1", "127.0.0.1", "127.0.0.1.evil.example:{port}", "", ":{port}"]
)
async def test_another_host_is_refused_before_anything_else(client: Web, name: str) -> None:
    for token in (TOKEN, "wrong"):
        value = name.format(port=port_of(client.url))
        response = await client.post(PING, {"host": value, "authorization": f"Bearer {token}"})
        assert response.status_code == 421
    assert (await client.http.get(client.url, headers={"host": "evil.example"})).status_code == 421


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "127.0.0.1", "[::1]"])
async def test_every_loopback_name_is_ours(client: Web, name: str) -> None:
    client.session = "none"
    assert (await client.post(PING, {"host": f"{name}:{port_of(client.url)}"})).status_code == 404


async def test_a_request_without_a_host_is_refused(client: Web) -> None:
    assert b" 421 " in await raw(client.url, b"GET /mcp HTTP/1.0\r\n\r\n")


async def test_hosts_and_origins_of_the_settings_are_served(host: Host) -> None:
    settings = HttpSettings(allowed_hosts=("mcp.example", "any.example:*"), allowed_origins=("https://page.example",))
    async with serving(host, settings) as url, web(url) as client:
        for name, status in (("mcp.example", 400), ("any.example:77", 400), ("any.example", 421)):
            assert (await client.post(PING, {"host": name})).status_code == status
        for origin, status in (("https://page.example", 400), ("http://page.example", 403), ("null", 403)):
            assert (await client.post(PING, {"origin": origin})).status_code == status


async def test_another_origin_is_refused_before_the_token_is_looked_at(client: Web) -> None:
    for origin in ("http://evil.example", "null", "", f"https://127.0.0.1:{port_of(client.url)}"):
        assert (await client.post(PING, {"origin": origin, "authorization": None})).status_code == 403
    response = await client.post(PING, {"origin": f"http://localhost:{port_of(client.url)}"})
    assert response.status_code == 400


async def test_a_page_of_an_allowed_origin_may_read_answers(host: Host) -> None:
    origin: dict[str, str | None] = {"origin": "https://page.example"}
    async with serving(host, allowed_origins=("https://page.example",)) as url, web(url) as client:
        headers = {"origin": "https://page.example", "access-control-request-method": "POST"}
        asked = {**headers, "access-control-request-headers": "authorization, mcp-param-region"}
        answer = await client.http.options(url, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
        assert "mcp-param-region" in answer.headers["access-control-allow-headers"]
        odd = await client.http.options(url, headers={**headers, "access-control-request-headers": "a{b"})
        assert "a{b" not in odd.headers["access-control-allow-headers"]
        await client.open(changes=origin)
        answer = await client.post(PING, origin)
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
        assert "mcp-session-id" in answer.headers["access-control-expose-headers"]
        refused = await client.http.options(url, headers={**asked, "origin": "https://evil.example"})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


# Whose it is


@pytest.mark.parametrize("value", [None, "", "Bearer", "Basic YTpi", "Bearer a b", "Bearer é", TOKEN])
async def test_without_a_token_nothing_is_served(client: Web, value: str | None) -> None:
    for method in ("POST", "GET", "DELETE", "PUT"):
        fields = client.headers({"authorization": value}).items()
        headers = [(name.encode(), field.encode("latin-1")) for name, field in fields]
        response = await client.http.request(method, client.url, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="rule-of-two"'
    assert (await client.http.post(f"{client.url}?access_token={TOKEN}")).status_code == 401


async def test_a_token_of_nobody_is_refused(client: Web) -> None:
    for token in ("wrong", TOKEN + "x", TOKEN.upper(), "x" * 10_000):
        response = await client.post(PING, {"authorization": f"Bearer {token}"})
        assert response.status_code == 401
    assert (
        'error="invalid_token"' in (await client.post(PING, {"authorization": "Bearer no"})).headers["www-authenticate"]
    )


async def test_two_tokens_are_refused(client: Web) -> None:
    answer = await raw(client.url, request_head(client.url, f"authorization: Bearer {OTHER_TOKEN}"))
    assert b" 400 " in answer
    assert b"invalid_request" in answer


async def test_the_scheme_of_the_token_is_written_in_any_case(client: Web) -> None:
    assert (await client.post(PING, {"authorization": f"bEARER {TOKEN}"})).status_code == 400


async def test_a_session_of_another_client_does_not_exist(client: Web, host: Host) -> None:
    await client.open()
    for method in ("POST", "GET", "DELETE"):
        response = await client.http.request(method, client.url, json=PING, headers=client.headers(BOB))
        assert response.status_code == 404
        nobodys = await client.http.request(
            method, client.url, json=PING, headers=client.headers({**BOB, "mcp-session-id": "nobodys"})
        )
        assert nobodys.content == response.content
    assert message_of(await client.post(PING))["result"]["content"]
    assert host.running == 1


async def test_tokens_are_not_logged(client: Web, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await client.open()
    await client.post(PING)
    await client.post(PING, {"authorization": "Bearer wrong-one"})
    await raw(client.url, b"GET / HTTP/1.1\r\nauthorization: Bearer wrong-one\r\nbad header\r\n\r\n")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("rule_of_two", "uvicorn"))]
    assert not [text for text in ours if TOKEN in text or "wrong-one" in text]


# What it is


async def test_unknown_paths_and_methods(client: Web) -> None:
    for path in ("/", "/mcp/", "/mcp/x", "//mcp", "/.well-known/oauth-protected-resource"):
        response = await client.http.post(client.url.removesuffix("/mcp") + path, headers=client.headers())
        assert response.status_code == 404
    for method in ("PUT", "PATCH", "OPTIONS", "HEAD", "TRACE"):
        response = await client.http.request(method, client.url, headers=client.headers())
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, POST, DELETE"
    client.version = "2026-07-28"
    for method in ("GET", "DELETE"):
        response = await client.http.request(method, client.url, headers=client.headers())
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("era", list(Era))
async def test_accept_and_content_type_are_checked(client: Web, era: Era) -> None:
    body, headers = PING, dict[str, str | None]()
    if era is Era.MODERN:
        body, headers = modern("tools/call", {"name": "echo"}, name="echo")
    else:
        await client.open()
    for accept in (None, "application/json", "text/event-stream", "text/html"):
        assert (await client.post(body, {**headers, "accept": accept or ""})).status_code == 406
    for accept in ("*/*", "application/*;q=0.9, text/*", "TEXT/event-stream,application/JSON"):
        assert (await client.post(body, {**headers, "accept": accept})).status_code == 200
    for kind in (None, "text/plain", "application/jsonp", "multipart/form-data"):
        assert (await client.post(body, {**headers, "content-type": kind})).status_code == 415
    assert (await client.post(body, {**headers, "content-type": "application/json; charset=utf-8"})).status_code == 200


async def test_versions(client: Web) -> None:
    await client.open()
    for version in ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", None):
        assert (await client.post(PING, {"mcp-protocol-version": version})).status_code == 200
    body, headers = modern("server/discover")
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01"
    response = await client.post(body, {**headers, "mcp-protocol-version": "2099-01-01"})
    assert response.status_code == 400
    assert response.json()["error"] == {
        "code": -32022,
        "message": "Unsupported protocol version",
        "data": {"supported": ["2026-07-28"], "requested": "2099-01-01"},
    }
    for method in ("POST", "GET"):
        head = request_head(
            client.url,
            f"mcp-session-id: {client.session}",
            "mcp-protocol-version: 2025-11-25",
            "mcp-protocol-version: 2026-07-28",
            method=method,
        )
        assert b" 400 " in await raw(client.url, head)
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await client.post(note, {"mcp-protocol-version": "2099-01-01"})).status_code == 400
    assert (await client.post(note, {"mcp-protocol-version": "2026-07-28"})).status_code == 202


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"", -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b"7", -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32600),
        (b"[" * 1000 + b"]" * 1000, -32600),
    ],
)
async def test_what_is_no_message_is_refused(client: Web, host: Host, body: bytes, code: int) -> None:
    for version in (None, "2026-07-28"):
        response = await client.post(body, {"mcp-protocol-version": version})
        assert response.status_code == 400
        assert code_of(response) == code
    await client.open()
    assert code_of(await client.post(body)) == code
    assert message_of(await client.post(PING))["result"]
    assert len(host.frame_errors) == 1


async def test_large_bodies_are_refused(client: Web) -> None:
    await client.open()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 2000

    for length in (100_001, 10**30):
        answer = await raw(client.url, request_head(client.url, length=length))
        assert (b" 413 " in answer) is (length == 100_001)
    response = await client.http.post(client.url, content=pieces(), headers=client.headers())
    assert response.status_code == 413
    assert (await client.post(b" " * 100_001)).status_code == 413
    assert (await client.post({**PING, "params": {"x": "y" * 99_000}})).status_code == 200


async def test_too_many_values_are_refused(host: Host) -> None:
    async with serving(host) as url, web(url) as client:
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[' + b"[]," * 500_000 + b"[]]}}"
        assert (await client.post(body)).status_code == 413


async def test_a_slow_body_is_given_up(client: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "_BODY_SECONDS", 0.2)
    assert b" 408 " in await raw(client.url, request_head(client.url, length=100), b"{")


async def test_half_a_body_is_nothing(client: Web, host: Host) -> None:
    await client.open()
    head = request_head(client.url, f"mcp-session-id: {client.session}", length=100)
    assert await raw(client.url, head, b'{"jsonrpc"', end=True) == b""
    assert message_of(await client.post(PING))["result"]


@pytest.mark.parametrize(
    "lines", [("content-length: 7",), ("transfer-encoding: chunked",), ("x: y\n z: w",), ("x\x00: y",)]
)
async def test_ambiguous_requests_reach_nobody(client: Web, host: Host, lines: tuple[str, ...]) -> None:
    answer = await raw(client.url, request_head(client.url, *lines, length=5), b"0\r\n\r\n")
    assert b" 400 " in answer
    assert not host.peers


async def test_a_head_is_bounded(client: Web) -> None:
    answer = await raw(client.url, request_head(client.url, "x: " + "y" * 40_000))
    assert b" 200 " not in answer
    assert b" 400 " in answer or not answer


async def test_a_head_must_come_in_time(client: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "_HEAD_SECONDS", 0.5)
    assert await raw(client.url, b"POST /mcp HT") == b""
    assert await raw(client.url) == b""
    reader, writer = await dial(client.url)  # and also on a connection that was used before
    writer.write(request_head(client.url).replace(b"connection: close\r\n", b""))
    assert b" 400 " in await reader.readuntil(b"}}")
    writer.write(b"GET")
    async with asyncio.timeout(SECONDS):
        assert await reader.read() == b""
    writer.close()


async def test_too_many_connections_are_closed(client: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listener, "_CONNECTIONS", 3)
    lines = [await dial(client.url) for _ in range(3)]
    assert await raw(client.url, request_head(client.url)) == b""
    lines.pop()[1].close()
    for _, writer in lines:
        writer.close()
        await writer.wait_closed()
    assert (await client.post(PING)).status_code == 400


# How much


async def test_sessions_of_one_client_are_bounded(host: Host) -> None:
    async with serving(host, sessions=2) as url, web(url) as client:
        for _ in range(2):
            await client.open()
        opening = call("initialize", {"protocolVersion": "2025-11-25"})
        response = await client.post(opening, {"mcp-session-id": None})
        assert response.status_code == 429
        assert response.json()["error"]["data"] == {"code": "limit_exceeded"}
        assert response.headers["retry-after"] == "1"
        assert (await client.post(opening, {**BOB, "mcp-session-id": None})).status_code == 200
        assert host.running == 3
        await client.http.delete(url, headers=client.headers())
        await client.open()


async def test_the_session_that_was_idle_longest_makes_room(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rule_of_two.wire.http_legacy._EVICTABLE_SECONDS", -1)
    async with serving(host, sessions=2) as url, web(url) as first, web(url) as second, web(url) as third:
        await first.open()
        await second.open()
        await first.post(PING)
        await third.open()
        assert (await second.post(PING)).status_code == 404
        assert (await first.post(PING)).status_code == 200


async def test_requests_of_one_client_are_bounded_but_replies_come_through(host: Host) -> None:
    async def curious(incoming: Incoming) -> dict[str, Any]:
        return await incoming.ask("elicitation/create", {})

    host.answers["ask"] = curious
    async with serving(host, requests=2) as url, web(url) as client:
        await client.open()
        async with (
            client.stream("POST", call("ask", number=1)) as one,
            client.stream("POST", call("ask", number=2)) as two,
        ):
            asked = []
            for stream in (one, two):
                await stream.event()
                event = await stream.event()
                assert event is not None
                asked.append(event.data["id"])
            response = await client.post(call("ask", number=3))
            assert response.status_code == 429
            assert response.json()["id"] == 3
            body, headers = modern("tools/call", {"name": "echo"}, name="echo")
            assert (await client.post(body, headers)).status_code == 429
            assert (await client.post(body, {**headers, **BOB})).status_code == 200
            for number in asked:
                reply = {"jsonrpc": "2.0", "id": number, "result": {"action": "accept"}}
                assert (await client.post(reply)).status_code == 202
            for stream in (one, two):
                event = await stream.event()
                assert event is not None
                assert event.data["result"]["action"] == "accept"
        assert (await client.post(PING)).status_code == 200


async def test_open_http_requests_of_one_client_are_bounded(host: Host) -> None:
    async with serving(host, requests=1, sessions=1) as url, web(url) as client:
        lines = [await dial(url) for _ in range(3)]
        for _, writer in lines:  # bodies that never come
            writer.write(request_head(url, length=10))
            await writer.drain()
        async with asyncio.timeout(SECONDS):
            while (await client.post(PING)).status_code != 429:
                pass
        assert (await client.post(PING, BOB)).status_code == 400
        for _, writer in lines:
            writer.close()


async def test_thousands_of_sessions(host: Host) -> None:
    async with serving(host, sessions=2000) as url, web(url) as client:
        names = set()
        for _ in range(1000):
            await client.open()
            assert client.session is not None
            assert len(client.session) >= 43
            names.add(client.session)
        assert len(names) == host.running == 1000
        assert (await client.post(PING)).status_code == 200


# Errors


async def test_a_host_that_fails_ends_the_connection_as_broken(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(client: str, era: Era, transport: Transport) -> None:
        await transport.receive()
        raise RuntimeError("secret")

    host.wrap = fail
    async with serving(host) as url, web(url) as client:
        response = await client.post(call("initialize", {"protocolVersion": "2025-11-25"}))
        assert response.status_code == 500
        assert code_of(response) == -32603
        assert "mcp-session-id" not in response.headers
        body, headers = modern("tools/call", {"name": "echo"}, name="echo")
        response = await client.post(body, headers)
        assert response.status_code == 503
        assert response.json()["id"] == 1
        assert "secret" not in response.text
    assert caplog.text.count("RuntimeError: secret") == 2


async def test_a_refused_initialize_opens_no_session(client: Web, host: Host) -> None:
    response = await client.post(call("initialize", {"protocolVersion": "2025-11-25", "refuse": True}))
    assert message_of(response)["error"]["message"] == "not today"
    assert "mcp-session-id" not in response.headers
    await host.until(running=0)


async def test_requests_without_a_session_are_refused(client: Web) -> None:
    for body in (PING, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call("ping")):
        assert (await client.post(body)).status_code == 400
    for method in ("GET", "DELETE"):
        assert (await client.http.request(method, client.url, headers=client.headers())).status_code == 400
    # A modern client that forgot a header is told so.
    body, headers = modern("tools/call", {"name": "echo"}, name="echo")
    response = await client.post(body, {**headers, "mcp-protocol-version": None})
    assert response.status_code == 400
    assert code_of(response) == -32020


async def test_errors_of_modern_requests_have_a_status(client: Web, host: Host) -> None:
    for code, status in ((-32601, 404), (-32602, 400), (-32021, 400), (-32603, 200), (-32000, 200), (1, 200)):

        async def fail(incoming: Incoming, code: int = code) -> dict[str, Any]:
            raise RemoteError(code, "no", {"x": 1})

        host.answers["fail"] = fail
        body, headers = modern("fail", number="abc")
        response = await client.post(body, headers)
        assert response.status_code == status
        assert response.json() == {
            "jsonrpc": "2.0",
            "id": "abc",
            "error": {"code": code, "message": "no", "data": {"x": 1}},
        }
    await client.open()
    assert (await client.post(call("fail"))).status_code == 200


async def test_modern_headers_must_say_what_the_body_says(client: Web, host: Host) -> None:
    body, good = modern("tools/call", {"name": "echo"}, name="echo")
    for bad in (
        {"mcp-method": None},
        {"mcp-method": "tools/list"},
        {"mcp-method": "TOOLS/CALL"},
        {"mcp-name": None},
        {"mcp-name": "other"},
        {"mcp-name": "=?base64?ZWNobw=?="},
    ):
        response = await client.post(body, {**good, **bad})
        assert response.status_code == 400
        assert code_of(response) == -32020
        assert response.json()["id"] == 1
    assert (await client.post(body, {**good, "mcp-name": "=?base64?ZWNobw==?="})).status_code == 200
    fields = ["mcp-protocol-version: 2026-07-28", "mcp-method: tools/call", "mcp-name: \t  echo  "]
    content = json.dumps(body).encode()
    assert b" 200 " in await raw(client.url, request_head(client.url, *fields, length=len(content)), content)
    for missing in ("protocolVersion", "clientCapabilities"):
        bare, _ = modern("tools/call", {"name": "echo"}, name="echo")
        del bare["params"]["_meta"][f"io.modelcontextprotocol/{missing}"]
        response = await client.post(bare, good)
        assert response.status_code == 400
        assert code_of(response) == -32602
    content = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}'
    twice = request_head(
        client.url, "mcp-protocol-version: 2026-07-28", "mcp-method: a", "mcp-method: tools/call", length=len(content)
    )
    assert b"-32020" in await raw(client.url, twice, content)
    assert (await client.post({"jsonrpc": "2.0", "id": 1, "result": {}}, good)).status_code == 400
    assert len(host.peers) == 2


async def test_parameters_in_headers_must_say_what_the_body_says(client: Web, host: Host) -> None:
    host.schemas["echo"] = {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "n": {"type": "integer", "x-mcp-header": "N"},
        },
    }
    body, good = modern("tools/call", {"name": "echo", "arguments": {"region": "eu", "n": 42}}, name="echo")
    good |= {"mcp-param-region": "eu", "mcp-param-n": "42.0", "mcp-param-unknown": "x"}
    assert (await client.post(body, good)).status_code == 200
    for bad in (
        {"mcp-param-region": "us"},
        {"mcp-param-region": None},
        {"mcp-param-n": "43"},
        {"mcp-param-region": "=?base64?*?="},
    ):
        response = await client.post(body, {**good, **bad})
        assert response.status_code == 400
        assert code_of(response) == -32020
    bare, _ = modern("tools/call", {"name": "echo"}, name="echo")
    assert (await client.post(bare, good)).status_code == 400
    headers = [*client.headers(good).items(), ("Mcp-Param-Region", "us")]
    response = await client.http.post(client.url, json=body, headers=headers)
    assert code_of(response) == -32020
    headers = [*client.headers(good).items(), ("Mcp-Param-Unknown", "y")]
    assert (await client.http.post(client.url, json=body, headers=headers)).status_code == 200


async def test_a_host_that_cannot_tell_whose_a_token_is_lets_nobody_in(
    client: Web, host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(token: str) -> str | None:
        raise RuntimeError("the store is gone")

    monkeypatch.setattr(host, "client_of", fail)
    response = await client.post(PING)
    assert response.status_code == 500
    assert response.json()["error"] == {"code": -32603, "message": "internal error"}
    assert "the store is gone" in caplog.text


async def test_a_schema_is_asked_for_only_where_there_is_something_to_compare(
    client: Web, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(host, "tool_schema", lambda client, name: asked.append(f"{client} {name}"))
    for params in ({"name": "a"}, {"name": 7, "arguments": {"x": 1}}, {"name": "a", "arguments": [1]}):
        body, headers = modern("tools/call", params, name="a")
        await client.post(body, headers)
    body, headers = modern("echo", {"name": "a", "arguments": {"x": 1}})
    await client.post(body, headers)
    assert not asked
    body, headers = modern("tools/call", {"name": "a", "arguments": {"x": 1}}, name="a")
    await client.post(body, headers)
    body, headers = modern("tools/call", {"name": "b"}, name="b")
    await client.post(body, {**headers, "mcp-param-x": "1"})
    assert asked == ["alice a", "alice b"]


# The listener


async def test_an_address_in_use_is_told_in_one_sentence(client: Web, host: Host) -> None:
    for address, port in (
        ("127.0.0.1", port_of(client.url)),
        ("192.0.2.1", 0),
        ("no.such.host.invalid", 0),
        ("a..b", 0),
        ("127.0.0.1", 70000),
    ):
        with pytest.raises(ConfigurationError, match=f"^cannot listen on {address} port {port}: "):
            await serve_http(host, address=address, port=port, limits=Limits(), settings=HttpSettings(), on_ready=print)


async def test_settings_that_do_not_go_together(host: Host, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for settings, text in (
        (HttpSettings(path="mcp"), "must start with /"),
        (HttpSettings(key=broken), "needs its certificate"),
        (HttpSettings(certificate=broken), "cannot be used"),
        (HttpSettings(certificate=tmp_path / "absent.pem"), "No such file"),
    ):
        with pytest.raises(ConfigurationError, match=text):
            await serve_http(host, address="127.0.0.1", port=0, limits=Limits(), settings=settings, on_ready=print)


async def test_tls(host: Host, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    async with serving(host, certificate=certificate, key=key) as url:
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=certificate)
        async with httpx2.AsyncClient(verify=trusted, timeout=SECONDS) as http:
            client = Web(url, http)
            await client.open()
            origin = {"origin": f"https://127.0.0.1:{port_of(url)}"}
            assert message_of(await client.post(PING, origin))["result"]["content"]
            assert (await client.post(PING, {"origin": f"http://127.0.0.1:{port_of(url)}"})).status_code == 403
        assert await raw(url, request_head(url)) == b""


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


async def test_ipv6_and_its_url(host: Host) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        serve_http(host, address="::1", port=0, limits=Limits(), settings=HttpSettings(), on_ready=ready.set_result)
    )
    await asyncio.wait((ready, running), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        pytest.skip(f"no IPv6 here: {running.exception()}")
    async with web(ready.result()) as client:
        assert ready.result().startswith("http://[::1]:")
        assert (await client.post(PING)).status_code == 400
    running.cancel()
    await asyncio.wait((running,))


def test_nothing_of_http_is_imported_before_it_is_used() -> None:
    code = "import sys, rule_of_two.wire.http_server; print([m for m in sys.modules if m in ('uvicorn', 'mcp', 'h11')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


async def test_replies_are_sent_at_once(client: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TCP_NODELAY each would wait for the client's delayed acknowledgement, 40 ms."""
    made = http_listener._Connection.connection_made
    delays: list[bool] = []

    def look(self: Any, transport: asyncio.Transport) -> None:
        own = transport.get_extra_info("socket")
        delays.append(not own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    monkeypatch.setattr(http_listener._Connection, "connection_made", look)
    await client.open()
    assert delays
    assert not any(delays)
