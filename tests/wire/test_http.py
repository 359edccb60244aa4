"""Streamable HTTP upstreams: a real server of the SDK in both ways of answering, and in both eras."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from rule_of_two.errors import ConfigurationError, UpstreamUnavailable
from rule_of_two.wire.eras import Era
from rule_of_two.wire.frames import Notification, Request, Result
from rule_of_two.wire.http import open_http
from rule_of_two.wire.peer import EndOfStream, Incoming, NotSent, Peer, RemoteError, TimedOut
from rule_of_two.wire.transport import Ending
from tests.wire.http_endpoints import ENVELOPE, LIMITS, VERSION, WHO, hello, peer_at, real_server
from tests.wire.playbook import SECONDS, Script


@pytest.fixture(scope="module", params=["json", "sse"])
def endpoint_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture(scope="module")
def endpoint(endpoint_kind: str) -> Iterator[str]:
    """The address of a running server that answers as JSON, or as a stream of events."""
    with real_server("http_upstream.py", endpoint_kind) as url:
        yield url


def headers_seen(endpoint: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{endpoint}/seen") as response:  # noqa: S310  # loopback
        seen: list[dict[str, str]] = json.load(response)
    return seen


async def opened(peer: Peer, era: Era) -> dict[str, Any]:
    """Shake hands if the era does; what every request must carry from then on."""
    if era is Era.MODERN:
        return {"_meta": ENVELOPE}
    info = await hello(peer)
    assert info["instructions"] == "Echoes."
    return {}


@pytest.mark.parametrize("era", list(Era))
async def test_a_session_lists_and_calls_in_both_eras(endpoint: str, era: Era) -> None:
    async with peer_at(f"{endpoint}/mcp", headers={"x-tenant": "acme"}) as peer:
        more = await opened(peer, era)
        listed = await peer.request("tools/list", more)
        assert {tool["name"] for tool in listed["tools"]} == {"echo", "count", "hang", "ask"}
        answer = await peer.request("tools/call", {"name": "echo", "arguments": {"text": "héllo"}, **more})
        assert answer["content"][0]["text"] == "héllo"
        with pytest.raises(RemoteError) as caught:
            await peer.request("vendor/method", more)
        assert caught.value.code == -32601
        assert peer.ending is None
    last = [seen for seen in headers_seen(endpoint) if seen["method"] == "POST"][-2]
    assert last["x-tenant"] == "acme"
    assert last["accept-encoding"] == "identity"
    assert last["mcp-protocol-version"] == ("2025-11-25" if era is Era.LEGACY else "2026-07-28")
    if era is Era.MODERN:
        assert last["mcp-method"] == "tools/call"
        assert last["mcp-name"] == "echo"
        assert last["mcp-param-text"].startswith("=?base64?")
        assert "mcp-session-id" not in last
    else:
        assert last["mcp-session-id"]
        assert "mcp-method" not in last


@pytest.mark.parametrize("era", list(Era))
async def test_progress_comes_in_order_where_the_answer_is_a_stream(
    endpoint: str, endpoint_kind: str, era: Era
) -> None:
    steps: list[Any] = []

    async def on_progress(params: dict[str, Any]) -> None:
        steps.append(params["progress"])

    async with peer_at(f"{endpoint}/mcp") as peer:
        more = await opened(peer, era)
        answer = await peer.request("tools/call", {"name": "count", "arguments": {}, **more}, on_progress=on_progress)
        assert answer["content"][0]["text"] == "counted"
        assert steps == ([1, 2, 3] if endpoint_kind == "sse" else [])  # a JSON answer has no room for progress


async def test_what_a_legacy_server_asks_back_is_answered_and_belongs_to_the_call(
    endpoint: str, endpoint_kind: str
) -> None:
    abouts: list[object] = []

    async def answer(incoming: Incoming) -> dict[str, Any]:
        assert incoming.params["message"] == "Who?"
        abouts.append(incoming.about)
        return {"action": "accept", "content": {"name": "me"}}

    async with peer_at(f"{endpoint}/mcp", Script(**{"elicitation/create": answer})) as peer:
        capabilities: dict[str, Any] = {"elicitation": {"form": {}}}
        initialize = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": WHO}
        await peer.request("initialize", initialize)
        await peer.notify("notifications/initialized", {})
        call = {"name": "ask", "arguments": {}}
        asking = peer.request("tools/call", call, timeout=SECONDS, about="this call")
        if endpoint_kind == "json":
            with pytest.raises(RemoteError, match="no back-channel"):  # a JSON answer has no room for a question
                await asking
        else:
            assert (await asking)["content"][0]["text"] == "me"
            assert abouts == ["this call"]


@pytest.mark.parametrize("era", list(Era))
async def test_a_call_that_is_given_up_leaves_the_connection_working(endpoint: str, era: Era) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        more = await opened(peer, era)
        await peer.request("tools/list", more)  # says which arguments a header must repeat
        with pytest.raises(TimedOut):
            await peer.request("tools/call", {"name": "hang", "arguments": {}, **more}, timeout=0.2)
        answer = await peer.request("tools/call", {"name": "echo", "arguments": {"text": "x"}, **more})
        assert answer["content"][0]["text"] == "x"


@pytest.mark.parametrize("era", list(Era))
async def test_a_call_that_hangs_keeps_nobody_waiting(endpoint: str, era: Era) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        more = await opened(peer, era)
        await peer.request("tools/list", more)
        hanging = asyncio.create_task(peer.request("tools/call", {"name": "hang", "arguments": {}, **more}))
        calls = [
            peer.request("tools/call", {"name": "echo", "arguments": {"text": str(number)}, **more}, timeout=SECONDS)
            for number in range(30)
        ]
        texts = [answer["content"][0]["text"] for answer in await asyncio.gather(*calls)]
        assert texts == [str(number) for number in range(30)]
        hanging.cancel()
        await asyncio.wait((hanging,))


async def test_the_session_is_taken_leave_of(endpoint: str) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        before = len(headers_seen(endpoint))
        await opened(peer, Era.LEGACY)
        await peer.request("ping", {})
    after = headers_seen(endpoint)[before:]
    assert any(seen["method"] == "DELETE" and seen["mcp-session-id"] for seen in after)


async def test_a_server_without_a_session_is_not_taken_leave_of_and_not_listened_to_in_the_modern_era(
    endpoint: str,
) -> None:
    before = len(headers_seen(endpoint))
    async with peer_at(f"{endpoint}/mcp") as peer:
        await peer.request("tools/list", {"_meta": ENVELOPE})
    assert {seen["method"] for seen in headers_seen(endpoint)[before:]} == {"POST"}


async def test_a_session_that_the_server_has_ended_ends_the_connection(endpoint: str) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        await hello(peer)
        session = headers_seen(endpoint)[-1].get("mcp-session-id") or headers_seen(endpoint)[-2]["mcp-session-id"]
        leave = urllib.request.Request(  # noqa: S310  # loopback
            f"{endpoint}/mcp", method="DELETE", headers={"mcp-session-id": session, "accept": "application/json"}
        )
        await asyncio.to_thread(urllib.request.urlopen, leave)
        with pytest.raises(UpstreamUnavailable, match="has ended the session"):
            await peer.request("ping", {}, timeout=SECONDS)
        assert peer.ending is Ending.BROKEN


# The door


async def test_nothing_goes_out_before_the_first_message_and_nothing_after_the_end() -> None:
    transport = await open_http("http://127.0.0.1:9/", headers={}, limits=LIMITS)
    await transport.aclose()
    await transport.aclose()
    for message in (Request(1, "ping", {}), Notification("notifications/a", {}), Result(1, {})):
        with pytest.raises(NotSent):
            await transport.send(message)
    with pytest.raises(EndOfStream) as caught:
        await transport.receive()
    assert caught.value.ending is Ending.CLOSED


async def test_a_method_that_no_header_can_hold_is_not_sent() -> None:
    transport = await open_http("http://127.0.0.1:9/", headers={}, limits=LIMITS)
    for method, version in (("vendor/x\r\nx-evil: 1", "2026-07-28"), ("ping", "2026\r\nx-evil: 1"), ("", "2026-07-28")):
        with pytest.raises(NotSent, match="unusual characters"):
            await transport.send(Request(1, method, {"_meta": {VERSION: version}}))
    await transport.aclose()


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/mcp", "/mcp", "http://", "host:80/mcp", "file:///etc/passwd", "http://[::1/mcp"),
        *("http://host:99999/mcp", "http://host:x/mcp", "http://a b/", "http://host:0/"),
    ],
)
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


async def test_a_proxy_that_cannot_be_used_is_said_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:hunter2@proxy")
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        await open_http("http://127.0.0.1:9/", headers={}, limits=LIMITS)
    assert "hunter2" not in str(caught.value)


def test_nothing_but_an_http_upstream_imports_an_http_client_and_nothing_but_oauth_the_sdk() -> None:
    names = ("frames", "peer", "streams", "stdio", "process", "handshake", "eras", "http", "sse")
    lines = [
        *(f"import rule_of_two.wire.{name}" for name in names),
        "import sys",
        "def loaded(): print([m for m in sys.modules if m in ('mcp', 'mcp_types', 'httpx2', 'pydantic')])",
        "loaded()",
        "import rule_of_two.wire.http_client_opening",
        "loaded()",
    ]
    script = "\n".join(lines)
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    assert output.split() == [b"[]", b"['httpx2']"]
