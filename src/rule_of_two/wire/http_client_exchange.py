"""One HTTP request and the head of its answer: where it may go, what it may cost, and how its failure is told.

What a server says is never quoted: sentences name statuses by their number and the standard's words for it.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final, Protocol

import httpx2

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.transport import ConnectionLost, Limits, NotSent

_CONNECT_SECONDS: Final = 15.0
_KEEP_SECONDS: Final = 4.0
"""How long a connection is kept for the next request: less than the 5 s after which many servers close it, because a
request that is on its way at that moment is lost."""
_FAIR_SHARE: Final = 64
"""Pieces of one answer that are read in a row before everyone else gets a turn: they may be of one byte."""
_MOST_COOKIE_BYTES: Final = 16 * 1024
"""What a server may let us send with each request. Load balancers keep a session together by cookies."""
_MOST_REDIRECTS: Final = 5
_MOST_RENEWALS: Final = 2
"""Once with the refresh token, once by asking."""

Headers = Mapping[str, str]

# It logs every address, with the query, where a token may stand.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logger = logging.getLogger(__name__)


class Authorization(Protocol):
    """Who gives requests their token: :class:`~rule_of_two.wire.oauth.OAuth`."""

    async def token(self) -> str | None:
        """What to send now, if there is anything.

        :raises NotSent: there is something, but it cannot be had. The text says why, in words of ours.
        """

    async def renew(self, refused: httpx2.Response, token: str | None, *, ask: bool) -> str | None:
        """What to send after ``refused`` was the answer to ``token``; ``None`` when that is the last word. ``ask`` says
        whether a human may be asked.

        :raises ConnectionLost: there is nothing to send. The text says why, in words of ours.
        """

    def accepted(self) -> None:
        """The server took the token that it was sent."""


class HttpClient:
    """HTTP with one server. ``shown`` is its address as errors may show it."""

    def __init__(
        self,
        url: str,
        *,
        shown: str,
        headers: Mapping[str, str],
        limits: Limits,
        authorization: Authorization | None = None,
    ) -> None:
        """
        :raises httpx2.InvalidURL: ``url`` cannot be used.
        :raises OSError, ValueError: the certificates or the proxy that the environment names cannot be used.
        """
        self.url = httpx2.URL(url)
        self.shown = shown
        self.limits = limits
        self._authorization = authorization
        self._client = httpx2.AsyncClient(
            headers={"accept-encoding": "identity", **headers},
            # How long an answer may take, the caller says. So nothing bounds the silence of a stream.
            timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS, write=limits.write_seconds),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=_KEEP_SECONDS),
        )

    async def open(
        self,
        method: str,
        headers: Headers,
        body: bytes | None = None,
        *,
        url: httpx2.URL | None = None,
        begun: Callable[[], None] = lambda: None,
        ask: bool = True,
    ) -> httpx2.Response:
        """Send a request; the answer's head has come, and its body must be read or closed by the caller.

        ``begun`` is called when the first byte is about to be written. ``ask`` says whether a human may be asked for
        authorization. A redirect is followed within the origin.

        :raises NotSent: nothing was written.
        :raises ConnectionLost: something was written, and no answer came.
        """
        start = _Start(begun)
        if self._authorization is None:
            return await self._send(method, url or self.url, headers, body, start)
        token = await self._authorization.token()
        response = await self._send(method, url or self.url, _with_token(headers, token), body, start)
        for _ in range(_MOST_RENEWALS):
            if not _wants_authorization(response):
                break
            await response.aclose()
            token = await self._authorization.renew(response, token, ask=ask)
            if token is None:
                break
            response = await self._send(method, url or self.url, _with_token(headers, token), body, start)
        if token is not None and response.status_code != 401:
            self._authorization.accepted()
        return response

    async def read(self, response: httpx2.Response) -> bytes:
        """The whole body.

        :raises ConnectionLost: it breaks off, or is compressed.
        :raises LimitExceeded: it is longer than a frame may be.
        """
        pieces = []
        size = 0
        async for piece in self.pieces(response):
            size += len(piece)
            if size > self.limits.frame_bytes:
                raise LimitExceeded(f"{self.shown} sent an answer of more than {self.limits.frame_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def pieces(self, response: httpx2.Response) -> AsyncGenerator[bytes]:
        """The body as it comes.

        :raises ConnectionLost: it breaks off, or is compressed.
        """
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise ConnectionLost(f"{self.shown} sent a compressed answer, which was not asked for")
        in_a_row = 0
        try:
            async for piece in response.aiter_raw():
                yield piece
                in_a_row += 1
                if in_a_row == _FAIR_SHARE:
                    in_a_row = 0
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001  # whatever the HTTP client dies of costs this answer, nothing else
            raise ConnectionLost(f"{self.shown} broke off its answer: {self._type(error)}") from None

    def status(self, response: httpx2.Response) -> str:
        """What an answer means that carries no message."""
        code = response.status_code
        words = f"HTTP {code} {_PHRASES.get(code, '')}".rstrip()
        if response.next_request is not None or 300 <= code < 400:
            where = "" if _upgrade_of(response) is None else "; use https:// in its url"
            return f"Server answered with a redirect that was not followed: {words}{where}"
        advice = ""
        if code == 401 and self._authorization is None:
            advice = "; it wants authorization: set `auth: oauth`, or a token in `headers`"
        elif code == 401:
            advice = "; it did not accept the authorization that it was given"
        elif code == 403:
            advice = "; what it was given does not allow this: check the token and its rights"
        return f"Server returned an error response: {words}{advice}"

    @property
    def authorizes(self) -> bool:
        """Whether a request that was refused for lack of authorization may pass later."""
        return self._authorization is not None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _send(
        self, method: str, url: httpx2.URL, headers: Headers, body: bytes | None, start: _Start
    ) -> httpx2.Response:
        try:
            lines = [(name.encode(), value.encode(errors="surrogateescape")) for name, value in headers.items()]
            request = self._client.build_request(method, url, headers=lines, content=body, extensions={"trace": start})
            for _ in range(_MOST_REDIRECTS):
                response = await self._client.send(request, stream=True)
                self._bound_cookies(response)
                following = _within_origin(response)
                if following is None:
                    return response
                await response.aclose()
                request = following
        except Exception as error:  # noqa: BLE001  # whatever the HTTP client dies of costs this request, nothing else
            raise self._failed(error, written=start.begun) from None
        except asyncio.CancelledError:
            await start.abandon()
            raise
        return response

    def _bound_cookies(self, response: httpx2.Response) -> None:
        if "set-cookie" in response.headers:
            jar = self._client.cookies.jar
            if sum(len(cookie.name) + len(cookie.value or "") for cookie in jar) > _MOST_COOKIE_BYTES:
                jar.clear()

    def _failed(self, error: Exception, *, written: bool) -> NotSent | ConnectionLost:
        """Why it failed, in words of ours. The text of an exception can quote the server: only its type is told."""
        if not written:
            # Nothing was received yet, so this is what the system says.
            says = str(error) if isinstance(error, httpx2.ConnectError) else ""
            return NotSent(f"{self.shown} cannot be reached: {says or self._type(error)}")
        return ConnectionLost(f"{self.shown} did not answer: {self._type(error)}")

    def _type(self, error: Exception) -> str:
        logger.debug("%s: %s: %r", self.shown, type(error).__name__, str(error))
        return type(error).__name__


class _Start:
    """Notices the first byte of a request. httpcore calls it with each step of the way."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.begun = False
        self._tell = tell
        self._handshaking: Any = None

    async def __call__(self, step: str, info: Mapping[str, Any]) -> None:
        if step.endswith(".connect_tcp.complete"):
            self._handshaking = info["return_value"]
        elif step.endswith(".send_request_headers.started"):
            self._handshaking = None
            if info["request"].method != b"CONNECT":  # a proxy is asked for a tunnel first, with a request of its own
                self.begun = True
                self._tell()

    async def abandon(self) -> None:
        """Close what httpcore leaves open when it is cancelled in the middle of a TLS handshake."""
        if self._handshaking is not None:
            await self._handshaking.aclose()


_PHRASES: Final = {status.value: status.phrase for status in http.HTTPStatus}


def _with_token(headers: Headers, token: str | None) -> Headers:
    return headers if token is None else {**headers, "authorization": f"Bearer {token}"}


def _wants_authorization(response: httpx2.Response) -> bool:
    """Whether another token can help (RFC 6750, 3.1)."""
    challenge = response.headers.get("www-authenticate", "")
    return response.status_code == 401 or (response.status_code == 403 and "insufficient_scope" in challenge)


def _within_origin(response: httpx2.Response) -> httpx2.Request | None:
    """The request that follows a redirect, if it says the same to the same server: httpx makes a GET of many a POST."""
    following = response.next_request
    if following is None or following.method != response.request.method:
        return None
    here, there = response.request.url, following.url
    if there.userinfo and there.userinfo != here.userinfo:
        return None
    same = (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)
    return following if same or _upgrade_of(response) is not None else None


def _upgrade_of(response: httpx2.Response) -> httpx2.URL | None:
    """Where a redirect goes, if that is the same server's default port with TLS."""
    if response.next_request is None:
        return None
    here, there = response.request.url, response.next_request.url
    is_one = here.scheme == "http" and there.scheme == "https" and here.host == there.host
    return there if is_one and here.port is None and there.port is None else None
