"""What is asked of authorization servers, and of what says where they are: bounded, and only where that is safe."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Final
from urllib.parse import urlsplit

import httpx2

_ANSWER_BYTES: Final = 1024 * 1024
_ANSWER_SECONDS: Final = 30.0


class NoToken(Exception):  # never leaves the OAuth of one upstream
    """Why there is no token, in words of ours."""


class AuthorizationServers:
    """The servers that the upstream at ``url`` names."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: httpx2.AsyncClient | None = None

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request, and read its answer.

        :raises NoToken: it must not be sent, or the answer is too long or useless.
        :raises httpx2.HTTPError, TimeoutError: there was no answer.
        """
        self.check(str(request.url))
        if self._client is None:
            timeout = httpx2.Timeout(_ANSWER_SECONDS)
            self._client = await asyncio.to_thread(lambda: httpx2.AsyncClient(timeout=timeout))
        async with asyncio.timeout(_ANSWER_SECONDS):
            response = await self._client.send(request, stream=True)
            try:
                if response.headers.get("content-encoding", "identity").lower() != "identity":
                    raise NoToken("its authorization server sent a compressed answer, which was not asked for.")
                body = bytearray()
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > _ANSWER_BYTES:
                        raise NoToken("its authorization server said too much.")
            finally:
                await response.aclose()
        if response.status_code >= 500 and request.method == "POST":
            raise NoToken(f"its authorization server failed with HTTP {response.status_code}.")
        return httpx2.Response(
            response.status_code, headers=response.headers, content=bytes(body), request=response.request
        )

    def check(self, url: str) -> None:
        """What an upstream names as its authorization server gets no request of ours that is not encrypted, unless the
        upstream itself is spoken to without: then its own origin, and where it is on this machine, this machine.

        :raises NoToken: ``url`` is something else.
        """
        there, here = urlsplit(url), urlsplit(self._url)
        if there.scheme == "https":
            return
        same = (there.scheme, there.netloc) == (here.scheme, here.netloc.rpartition("@")[2])
        local = there.scheme == "http" and _is_loopback(here.hostname) and _is_loopback(there.hostname)
        if not (same or local):
            raise NoToken("its authorization server is not reached through https.")

    async def aclose(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
