"""OAuth with one upstream (2025-11-25 and 2026-07-28, Authorization), through the SDK's client.

The SDK finds the authorization server, registers us, asks and renews. It is run here beside the requests that need a
token, not inside them: many may wait for one authorization, and one that gives up waiting does not end it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata
from pydantic import AnyUrl

from rule_of_two.wire.eras import LATEST_LEGACY, VERSION_HEADER
from rule_of_two.wire.http_client_authorization import AuthorizationServers, NoToken
from rule_of_two.wire.http_client_loopback import Loopback
from rule_of_two.wire.http_client_tokens import Provider, TokenStore
from rule_of_two.wire.transport import CLOSED, ConnectionLost, NotSent

_REST_SECONDS: Final = {401: 600.0, 403: 60.0}
"""How long a human is left alone after having been asked, whatever came of it: a server that takes no token, or a
connection that is tried again and again, must not open one browser window after the other."""
_FRESH_SECONDS: Final = 60.0
"""A token that was renewed so lately and is refused would not be better for being renewed again."""

# The SDK logs what servers say, and tokens with it.
logging.getLogger("mcp.client.auth").setLevel(logging.CRITICAL + 1)
logger = logging.getLogger(__name__)


class OAuth:
    """The authorization of one upstream: :class:`~rule_of_two.wire.http_client_exchange.Authorization`.

    Whoever opened it closes it with :meth:`aclose`; connections come and go meanwhile.

    INVARIANT: one upstream has at most one authorization under way (test_many_requests_wait_for_one_authorization).
    """

    def __init__(
        self,
        url: str,
        *,
        shown: str,
        load: Callable[[], Awaitable[str | None]],
        save: Callable[[str], Awaitable[None]],
        open_browser: Callable[[str], Awaitable[None]],
        seconds: float,
        client_id: str | None = None,
        client_secret: str | None = None,
        port: int = 0,
    ) -> None:
        """
        :raises ValueError: ``client_id`` is the address of no document.
        """
        self._url = url
        self._shown = shown
        self._open_browser = open_browser
        self._seconds = seconds
        self._port = port
        document = client_id if client_id is not None and client_id.startswith("https://") else None
        self._store = TokenStore(load, save, _registered(client_id, client_secret) if document is None else None)
        metadata = OAuthClientMetadata(client_name="Rule of Two", redirect_uris=[AnyUrl("http://127.0.0.1/callback")])
        self._sdk = Provider(url, metadata, self._store, self._show, self._wait, document)
        self._loopback: Loopback | None = None
        self._servers = AuthorizationServers(url)
        self._work: asyncio.Task[str | None] | None = None
        self._kind = ""
        self._closed = False
        self._last_renewed = ("", float("-inf"))
        self._asked: dict[int, tuple[float, str | None]] = {}

    async def token(self) -> str | None:
        """What to send now, if there is anything. What has expired is renewed first.

        :raises NotSent: it cannot be renewed, or what is kept cannot be read.
        """
        try:
            await self._ready()
            if not self._sdk.context.is_token_valid() and self._sdk.context.can_refresh_token():
                await self._once("renew", self._renewed)
        except NoToken as error:
            raise NotSent(self._sentence(error)) from None
        return self._current()

    async def renew(self, refused: httpx2.Response, token: str | None, *, ask: bool) -> str | None:
        """What to send after ``refused`` was the answer to ``token``: by the refresh token where that can help, else
        from the human, if ``ask``. ``None`` when the server takes nothing.

        :raises ConnectionLost: there is nothing to send.
        """
        try:
            await self._ready()
            current = self._current()
            if current is not None and current != token:
                return current  # another request has renewed it
            last, when = self._last_renewed
            is_fresh = token == last and time.monotonic() - when < _FRESH_SECONDS
            if refused.status_code == 401 and self._sdk.context.can_refresh_token() and not is_fresh:
                self._sdk.context.token_expiry_time = 1  # it says so, whatever it said before
                renewed = await self._once("renew", self._renewed)
                if renewed is not None:
                    return renewed
            return await self._once("ask", lambda: self._authorized(refused)) if ask else None
        except NoToken as error:
            raise ConnectionLost(self._sentence(error)) from None

    def accepted(self) -> None:
        """The server took a token, so what it wants next time is a new question."""
        if 401 in self._asked and self._asked[401][1] is None:
            del self._asked[401]

    async def aclose(self) -> None:
        """Give up what is under way. May be called more than once."""
        self._closed = True
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait((self._work,))
        await self._servers.aclose()

    async def _ready(self) -> None:
        try:
            await self._sdk.ready()
        except Exception as error:  # noqa: BLE001  # a keyring fails in ways of its own
            raise NoToken(f"what is kept of it cannot be read ({type(error).__name__}).") from None

    def _current(self) -> str | None:
        tokens = self._sdk.context.current_tokens
        return tokens.access_token if tokens is not None and self._sdk.context.is_token_valid() else None

    def _sentence(self, error: NoToken) -> str:
        return f"{self._shown} wants authorization: {error}"

    async def _once(self, kind: str, work: Callable[[], Coroutine[Any, Any, str | None]]) -> str | None:
        """Do ``work``, unless the same is under way: then wait for that. It goes on when the caller does not."""
        while self._work is not None and not self._work.done() and self._kind != kind:
            await asyncio.wait((self._work,))
        if self._closed:
            raise NoToken(CLOSED)
        if self._work is None or self._work.done():
            self._kind = kind
            self._work = asyncio.get_running_loop().create_task(work())
            self._work.add_done_callback(_looked_at)
        try:
            return await asyncio.shield(self._work)
        except asyncio.CancelledError:
            if self._work.cancelled():  # and not the caller
                raise NoToken(CLOSED) from None
            raise

    async def _renewed(self) -> str | None:
        """A new token for the refresh token; ``None`` when that is not taken."""
        await self._drive(None)
        token = self._current()
        if token is None:
            await self._store.drop_tokens()
        else:
            self._last_renewed = (token, time.monotonic())
        return token

    async def _authorized(self, refused: httpx2.Response) -> str | None:
        """A new token from the human; ``None`` when one was just given, and the server does not take it."""
        rest = _REST_SECONDS[refused.status_code]
        asked, outcome = self._asked.get(refused.status_code, (float("-inf"), None))
        left = asked + rest - time.monotonic()
        if left > 0:
            if outcome is None:
                return None
            raise NoToken(f"{outcome} It is asked for again after {left:.0f} s, or a restart.")
        outcome = "it was not given."
        try:
            await self._listen()
            await self._drive(refused)
            outcome = None
        except NoToken as error:
            outcome = str(error)
            raise
        finally:
            self._asked[refused.status_code] = (time.monotonic(), outcome)
            loopback, self._loopback = self._loopback, None
            if loopback is not None:
                await loopback.aclose()
        return self._current()

    async def _listen(self) -> None:
        """Wait for the browser where we are registered, or register anew."""
        await self._ready()
        context = self._sdk.context
        known = context.client_info.redirect_uris if context.client_info is not None else None
        try:
            self._loopback = await Loopback.open(self._port or (known[0].port if known else None) or 0)
        except OSError:
            if self._port:
                raise NoToken(f"port {self._port}, where the browser would come back to, is in use.") from None
            self._loopback = await Loopback.open()
        if known and str(known[0]) != self._loopback.url:
            context.client_info = None
        context.client_metadata.redirect_uris = [AnyUrl(self._loopback.url)]

    async def _drive(self, refused: httpx2.Response | None) -> None:
        """Let the SDK do what it does before a request is sent, and what it does after one was ``refused``.

        :raises NoToken: it did not come to its end.
        """
        version = LATEST_LEGACY if refused is None else refused.request.headers.get(VERSION_HEADER, LATEST_LEGACY)
        request = httpx2.Request("POST", self._url, headers={VERSION_HEADER: version})
        flow = self._sdk.async_auth_flow(request)
        try:
            sent = await anext(flow)
            while sent is not request or refused is not None:
                if sent is not request:
                    answer = await self._servers.send(sent)
                else:  # it was sent already, and this is what came back
                    assert refused is not None  # noqa: S101  # as the loop says
                    answer = httpx2.Response(refused.status_code, headers=refused.headers, request=request)
                    refused = None
                sent = await flow.asend(answer)
        except StopAsyncIteration:
            pass
        except OAuthRegistrationError:
            raise NoToken("its authorization server did not let this gateway register.") from None
        except OAuthTokenError:
            raise NoToken("its authorization server gave no token.") from None
        except (OAuthFlowError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, OSError) as error:
            logger.debug("%s: %s: %r", self._shown, type(error).__name__, str(error))
            raise NoToken(f"it could not be had ({type(error).__name__}).") from None
        finally:
            await flow.aclose()

    async def _show(self, url: str) -> None:
        """Send the human to the authorization server."""
        self._servers.check(url)
        state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        if self._loopback is None:
            raise NoToken("it was not given.")
        self._loopback.expect(state)
        try:
            await self._open_browser(url)
        except Exception as error:  # noqa: BLE001  # whatever shows addresses to humans fails in ways of its own
            raise NoToken(f"no browser could be opened ({type(error).__name__}).") from None

    async def _wait(self) -> AuthorizationCodeResult:
        if self._loopback is None:
            raise NoToken("it was not given.")
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._loopback.answer()
        except TimeoutError:
            raise NoToken(f"nobody gave it within {self._seconds:g} s.") from None
        if not answer.code:
            raise NoToken("it was refused.")
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.issuer)


def _registered(client_id: str | None, secret: str | None) -> OAuthClientInformationFull | None:
    if client_id is None:
        return None
    method = "none" if secret is None else "client_secret_basic"  # RFC 6749, 2.3.1: the one that every server knows
    return OAuthClientInformationFull(client_id=client_id, client_secret=secret, token_endpoint_auth_method=method)


def _looked_at(task: asyncio.Task[str | None]) -> None:
    """Whoever waited may have gone, and then nobody asks how it ended."""
    if not task.cancelled():
        task.exception()
