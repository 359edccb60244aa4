"""OAuth, end to end: a real MCP server that wants it, a real authorization server, and a browser played by the test."""

import asyncio
import gzip
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire import oauth as oauth_module
from rule_of_two.wire.http import open_oauth
from rule_of_two.wire.oauth import OAuth
from rule_of_two.wire.peer import ConnectionLost, NotSent, Peer, RemoteError, TimedOut
from tests.wire.http_endpoints import (
    ENVELOPE,
    HELLO,
    Asked,
    endpoint_that,
    hello,
    initialized,
    peer_at,
    real_server,
    result,
    say,
)
from tests.wire.playbook import SECONDS


class Human:
    """A browser and a keyring. ``answers`` is whether addresses that are shown are gone to."""

    def __init__(self) -> None:
        self.kept: str | None = None
        self.shown: list[str] = []
        self.was_shown = asyncio.Event()
        self.answers = True
        self.pages: list[str] = []
        self.going: set[asyncio.Task[None]] = set()

    async def load(self) -> str | None:
        return self.kept

    async def save(self, text: str) -> None:
        self.kept = text

    async def open_browser(self, url: str) -> None:
        self.shown.append(url)
        self.was_shown.set()
        if self.answers:
            self.goes(url)

    def goes(self, url: str) -> None:
        self.going.add(asyncio.create_task(self._go(url)))

    async def _go(self, url: str) -> None:
        self.pages.append(await asyncio.to_thread(fetch, url))


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=SECONDS) as response:  # noqa: S310  # loopback
        text: str = response.read().decode()
    return text


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The address of a server that wants OAuth."""
    with real_server("oauth_upstream.py", "json") as url:
        yield url


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def authorized_by(human: Human, url: str, *, seconds: float = SECONDS, **more: Any) -> AsyncIterator[OAuth]:
    oauth = await open_oauth(
        url, load=human.load, save=human.save, open_browser=human.open_browser, seconds=seconds, **more
    )
    try:
        yield oauth
    finally:
        async with asyncio.timeout(SECONDS):
            await oauth.aclose()
            if human.going:
                await asyncio.wait(human.going)


async def control(endpoint: str, query: str) -> None:
    await asyncio.to_thread(fetch, f"{endpoint}/control?{query}")


async def counts(endpoint: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(await asyncio.to_thread(fetch, f"{endpoint}/counts"))
    return found


async def echo(peer: Peer, text: str = "x") -> Any:
    answer = await peer.request("tools/call", {"name": "echo", "arguments": {"text": text}}, timeout=SECONDS)
    return answer["content"][0]["text"]


async def test_a_human_is_asked_once_and_what_came_of_it_is_kept(
    endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
        assert await echo(peer) == "x"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:  # after a restart
        await hello(peer)
        assert await echo(peer) == "x"
    assert await counts(endpoint) == {"register": 1, "authorize": 1, "code": 1, "refresh": 0}
    assert len(human.shown) == 1
    assert "You can close this window" in human.pages[0]
    assert human.kept is not None
    secrets = json.loads(human.kept)
    for secret in (secrets["tokens"]["access_token"], secrets["tokens"]["refresh_token"]):
        assert secret not in caplog.text


async def test_many_requests_wait_for_one_authorization(endpoint: str) -> None:
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        more = {"_meta": ENVELOPE}
        calls = [peer.request("tools/list", more, timeout=SECONDS) for _ in range(10)]
        assert len(await asyncio.gather(*calls)) == 10
    assert (await counts(endpoint))["authorize"] == 1
    assert len(human.shown) == 1


async def test_a_call_that_hangs_keeps_no_other_from_its_token(endpoint: str) -> None:
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
        hanging = asyncio.create_task(peer.request("tools/call", {"name": "hang", "arguments": {}}))
        assert await echo(peer) == "x"
        await control(endpoint, "expire")
        assert await echo(peer, "y") == "y"
        hanging.cancel()
        await asyncio.wait((hanging,))


@pytest.mark.parametrize("restart", [False, True])
async def test_a_token_that_is_refused_is_renewed_without_asking(endpoint: str, restart: bool) -> None:
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth:
        async with peer_at(url, auth=oauth) as peer:
            await hello(peer)
        await control(endpoint, "expire")
        if restart:
            async with authorized_by(human, url) as later, peer_at(url, auth=later) as peer:
                await hello(peer)
        else:
            async with peer_at(url, auth=oauth) as peer:
                await asyncio.gather(*(peer.request("initialize", HELLO, timeout=SECONDS) for _ in range(5)))
    assert await counts(endpoint) == {"register": 1, "authorize": 1, "code": 1, "refresh": 1}
    assert len(human.shown) == 1


async def test_a_token_whose_time_is_over_is_renewed_before_it_is_refused(endpoint: str) -> None:
    human = Human()
    url = f"{endpoint}/mcp"
    await control(endpoint, "lifetime=1")
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
        await control(endpoint, "lifetime=3600")
        await asyncio.sleep(1.1)
        assert await echo(peer) == "x"
    found = await counts(endpoint)
    assert (found["authorize"], found["refresh"]) == (1, 1)


async def test_when_nothing_can_be_renewed_the_human_is_asked_again(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth_module, "_REST_SECONDS", {401: 0.0, 403: 0.0})
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
    await control(endpoint, "expire&refresh=0")
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
    found = await counts(endpoint)
    assert (found["authorize"], found["register"]) == (2, 1)  # where the browser comes back to is the same


async def test_where_the_port_of_our_registration_is_taken_we_register_anew(endpoint: str) -> None:
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
    kept = json.loads(human.kept or "")
    port = int(kept["client"]["redirect_uris"][0].split(":")[2].split("/")[0])
    kept.pop("tokens")
    human.kept = json.dumps(kept)
    blocker = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with blocker, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
    assert (await counts(endpoint))["register"] == 2


async def test_a_refusal_fails_the_request_and_is_not_asked_about_again_at_once(endpoint: str) -> None:
    await control(endpoint, "deny=1")
    human = Human()
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        for _ in range(3):
            with pytest.raises(ConnectionLost, match=r"wants authorization: it was refused\."):
                await peer.request("initialize", HELLO, timeout=SECONDS)
        assert peer.ending is None
    assert len(human.shown) == 1
    assert "refused" in human.pages[0]


async def test_a_human_who_does_nothing_is_waited_for_only_so_long(endpoint: str) -> None:
    human = Human()
    human.answers = False
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url, seconds=0.3) as oauth, peer_at(url, auth=oauth) as peer:
        with pytest.raises(ConnectionLost, match=r"nobody gave it within 0\.3 s"):
            await peer.request("initialize", HELLO, timeout=SECONDS)


async def test_a_caller_who_gives_up_waiting_does_not_end_the_authorization(endpoint: str) -> None:
    human = Human()
    human.answers = False
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth:
        async with peer_at(url, auth=oauth) as peer:
            with pytest.raises(TimedOut):
                await peer.request("ping", {}, timeout=0.5)
        async with asyncio.timeout(SECONDS):
            await human.was_shown.wait()
        human.goes(human.shown[0])  # after the connection that asked is gone
        async with peer_at(url, auth=oauth) as peer:
            await hello(peer)
    assert len(human.shown) == 1


async def test_closing_while_the_human_is_asked_fails_what_waits_and_leaves_nothing(endpoint: str) -> None:
    human = Human()
    human.answers = False
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        call = asyncio.create_task(peer.request("initialize", HELLO))
        async with asyncio.timeout(SECONDS):
            await human.was_shown.wait()
            await oauth.aclose()
            with pytest.raises(ConnectionLost, match="closed"):
                await call
        with pytest.raises(ConnectionLost, match="closed"):
            await peer.request("initialize", HELLO, timeout=SECONDS)


async def test_a_token_in_headers_wins(endpoint: str) -> None:
    human = Human()
    url = f"{endpoint}/mcp"
    async with (
        authorized_by(human, url) as oauth,
        peer_at(url, auth=oauth, headers={"Authorization": "Bearer static"}) as peer,
    ):
        with pytest.raises(RemoteError, match="auth: oauth"):
            await peer.request("initialize", HELLO, timeout=SECONDS)
    assert not human.shown


async def test_without_oauth_a_server_that_wants_it_is_told_of(endpoint: str) -> None:
    async with peer_at(f"{endpoint}/mcp") as peer:
        with pytest.raises(RemoteError, match="HTTP 401 Unauthorized; it wants authorization: set `auth: oauth`"):
            await peer.request("initialize", HELLO, timeout=SECONDS)


async def test_a_keyring_that_fails_is_said_and_one_that_cannot_save_costs_nothing_now(endpoint: str) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("hunter2")

    human = Human()
    url = f"{endpoint}/mcp"
    human.load = fail  # type: ignore[method-assign]
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        with pytest.raises(NotSent, match=r"cannot be read \(RuntimeError\)"):
            await peer.request("initialize", HELLO, timeout=SECONDS)
    human = Human()
    human.save = fail  # type: ignore[method-assign,assignment]
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
    human = Human()
    human.open_browser = fail  # type: ignore[method-assign,assignment]
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        with pytest.raises(ConnectionLost, match="no browser could be opened"):
            await peer.request("initialize", HELLO, timeout=SECONDS)


@pytest.mark.parametrize(
    "kept", ["", "null", "[]", "not json", '{"tokens":7}', '{"tokens":{"access_token":"x"},"expires_at":"soon"}']
)
async def test_what_is_kept_and_cannot_be_understood_is_asked_for_again(endpoint: str, kept: str) -> None:
    human = Human()
    human.kept = kept
    url = f"{endpoint}/mcp"
    async with authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
    assert len(human.shown) == 1


async def test_only_a_request_asks_the_human_not_listening_and_not_leave_taking() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        methods.append(asked.method)
        if asked.method == "POST":
            await initialized(asked, writer, mcp_session_id="s")
        else:
            await say(writer, status="401 Unauthorized", www_authenticate="Bearer")

    methods: list[str] = []
    human = Human()
    async with endpoint_that(answer) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await hello(peer)
        await asyncio.sleep(0.2)
    assert {*methods} == {"POST", "GET", "DELETE"}
    assert not human.shown


# Servers that do it wrong


class Liar:
    """A server that wants OAuth and says of its authorization server what a test lets it say."""

    def __init__(self, **metadata: Any) -> None:
        self.metadata = metadata
        self.resource: dict[str, Any] = {}
        self.accepts = False
        self.seen: list[str] = []

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        origin = f"http://{asked.headers['host']}"
        self.seen.append(asked.target)
        if asked.target.startswith("/.well-known/oauth-protected-resource"):
            body = {"resource": f"{origin}/mcp", "authorization_servers": [origin], **self.resource}
            await say(writer, json.dumps(body).encode())
        elif asked.target.startswith("/.well-known/"):
            body = {
                "issuer": origin,
                "authorization_endpoint": f"{origin}/authorize",
                "token_endpoint": f"{origin}/token",
                "registration_endpoint": f"{origin}/register",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                **self.metadata,
            }
            await say(writer, json.dumps(body).encode())
        elif asked.target == "/register":
            await say(writer, json.dumps({**json.loads(asked.body), "client_id": "c"}).encode(), status="201 Created")
        elif asked.target == "/token":
            await say(writer, b'{"access_token":"a","token_type":"Bearer","expires_in":3600}')
        elif self.accepts:
            await say(writer, result(asked, {}))
        else:
            await say(writer, b"IGNORE", status="401 Unauthorized", www_authenticate="Bearer")


class Obliging(Human):
    """Goes straight back to where the address says, with a code."""

    async def open_browser(self, url: str) -> None:
        self.shown.append(url)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
        back, state = query["redirect_uri"][0], query["state"][0]
        with pytest.raises(urllib.error.HTTPError):
            await asyncio.to_thread(fetch, f"{back}?code=evil&state=guessed")
        self.goes(f"{back}?code=fine&state={state}")


async def test_a_server_that_takes_no_token_opens_one_window_and_no_more() -> None:
    human = Obliging()
    server = Liar()
    async with endpoint_that(server) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        for _ in range(4):
            with pytest.raises(RemoteError, match="did not accept the authorization"):
                await peer.request("initialize", HELLO, timeout=SECONDS)
        assert peer.ending is None
    assert len(human.shown) == 1


@pytest.mark.parametrize(
    ("metadata", "resource"),
    [
        ({"token_endpoint": "http://elsewhere.example/token"}, {}),
        ({"registration_endpoint": "http://169.254.169.254/latest"}, {}),
        ({"authorization_endpoint": "http://elsewhere.example/authorize"}, {}),
        ({"authorization_endpoint": "file:///etc/passwd"}, {}),
        ({"authorization_endpoint": "javascript:alert(1)"}, {}),
        ({}, {"authorization_servers": ["http://elsewhere.example"]}),
        ({}, {"resource": "https://elsewhere.example/mcp"}),
        ({"issuer": "https://elsewhere.example"}, {}),
        ({"token_endpoint": "http://127.0.0.1:9/token"}, {}),
    ],
)
async def test_an_authorization_server_that_is_not_safe_to_speak_to_is_not_used(
    metadata: dict[str, Any], resource: dict[str, Any]
) -> None:
    human = Obliging()
    server = Liar(**metadata)
    server.resource = resource
    async with endpoint_that(server) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        with pytest.raises((ConnectionLost, RemoteError)) as caught:
            await peer.request("initialize", HELLO, timeout=SECONDS)
        assert "elsewhere" not in str(caught.value)
        assert "IGNORE" not in str(caught.value)
    assert all(address.startswith("http://127.0.0.1:") for address in human.shown)


async def test_an_authorization_server_that_says_too_much_or_nothing_fails_the_request() -> None:
    async def endless(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target.startswith("/.well-known/"):
            await say(writer, b" " * 2_000_000)
        else:
            await say(writer, status="401 Unauthorized")

    async def garbage(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"IGNORE\r\n\r\n" if asked.method == "GET" else b"HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n")

    async def bomb(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target.startswith("/.well-known/"):
            await say(writer, gzip.compress(b" " * 10_000_000), content_encoding="gzip")
        else:
            await say(writer, status="401 Unauthorized")

    for server, says in ((endless, "said too much"), (garbage, "could not be had"), (bomb, "compressed")):
        human = Human()
        async with endpoint_that(server) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
            with pytest.raises(ConnectionLost, match=says) as caught:
                await peer.request("initialize", HELLO, timeout=SECONDS)
            assert "IGNORE" not in str(caught.value)


async def test_an_authorization_server_that_is_down_does_not_cost_the_tokens_that_are_kept() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await say(writer, status="503 Service Unavailable" if asked.target == "/token" else "401 Unauthorized")

    tokens = {"access_token": "old", "token_type": "Bearer", "refresh_token": "r", "expires_in": 1}
    client = {"client_id": "c", "redirect_uris": ["http://127.0.0.1:1/callback"]}
    human = Human()
    human.kept = before = json.dumps({"tokens": tokens, "client": client, "expires_at": 1})
    async with endpoint_that(answer) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        with pytest.raises(NotSent, match="failed with HTTP 503"):
            await peer.request("initialize", HELLO, timeout=SECONDS)
    assert human.kept == before
    assert not human.shown


async def test_more_rights_are_asked_for_when_a_call_wants_them() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target == "/mcp" and asked.headers.get("authorization") and len(human.shown) == 1:
            challenge = 'Bearer error="insufficient_scope", scope="write"'
            await say(writer, status="403 Forbidden", www_authenticate=challenge)
        else:
            server.accepts = asked.target == "/mcp" and "authorization" in asked.headers
            await server(asked, writer)

    human = Obliging()
    server = Liar()
    async with endpoint_that(answer) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        assert await peer.request("initialize", HELLO, timeout=SECONDS) == {}
    assert len(human.shown) == 2
    assert "scope=write" in human.shown[1]


async def test_a_token_that_was_taken_and_then_refused_is_a_new_question() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        server.accepts = "authorization" in asked.headers and not refusing
        await server(asked, writer)

    human = Obliging()
    server = Liar()
    refusing: list[int] = []
    async with endpoint_that(answer) as url, authorized_by(human, url) as oauth, peer_at(url, auth=oauth) as peer:
        await peer.request("a", {}, timeout=SECONDS)
        refusing.append(1)
        with pytest.raises(RemoteError, match="did not accept"):
            await peer.request("b", {}, timeout=SECONDS)
        with pytest.raises(RemoteError, match="did not accept"):
            await peer.request("c", {}, timeout=SECONDS)
    assert len(human.shown) == 2


async def test_who_is_registered_by_hand_does_not_register() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        server.accepts = "authorization" in asked.headers
        if asked.target == "/token":
            sent.append((asked.headers["authorization"], asked.body.decode()))
        await server(asked, writer)

    sent: list[tuple[str, str]] = []
    human = Obliging()
    server = Liar()
    ours: dict[str, Any] = {"client_id": "mine", "client_secret": "s", "port": free_port()}
    async with (
        endpoint_that(answer) as url,
        authorized_by(human, url, **ours) as oauth,
        peer_at(url, auth=oauth) as peer,
    ):
        await peer.request("a", {}, timeout=SECONDS)
    assert "/register" not in server.seen
    assert sent[0][0] == "Basic bWluZTpz"
    assert "client_id=mine" in human.shown[0]
    assert "client" not in json.loads(human.kept or "")


async def test_a_port_that_must_be_free_and_is_not_is_said() -> None:
    human = Obliging()
    blocker = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = blocker.sockets[0].getsockname()[1]
    async with (
        blocker,
        endpoint_that(Liar()) as url,
        authorized_by(human, url, port=port) as oauth,
        peer_at(url, auth=oauth) as peer,
    ):
        with pytest.raises(ConnectionLost, match=f"port {port}, where the browser would come back to, is in use"):
            await peer.request("a", {}, timeout=SECONDS)


async def test_a_client_metadata_document_is_our_name_where_it_is_read() -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        server.accepts = "authorization" in asked.headers
        await server(asked, writer)

    human = Obliging()
    server = Liar(client_id_metadata_document_supported=True)
    name = "https://example.com/gateway.json"
    async with (
        endpoint_that(answer) as url,
        authorized_by(human, url, client_id=name) as oauth,
        peer_at(url, auth=oauth) as peer,
    ):
        await peer.request("a", {}, timeout=SECONDS)
    assert "/register" not in server.seen
    assert urllib.parse.quote(name, safe="") in human.shown[0]


@pytest.mark.parametrize(("url", "name"), [("ftp://x", None), ("http://x/", "https://example.com")])
async def test_an_address_that_cannot_be_used_has_no_oauth(url: str, name: str | None) -> None:
    human = Human()
    with pytest.raises(ConfigurationError):
        await open_oauth(url, load=human.load, save=human.save, open_browser=human.open_browser, client_id=name)
