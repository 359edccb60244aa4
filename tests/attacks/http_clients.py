"""Clients that reach a house's gateway over HTTP, each with a token of its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2

from rule_of_two.gateway.tokens import Tokens
from tests.attacks import puppets
from tests.e2e.through import serving
from tests.harness import INITIALIZE, SECONDS, House

NAMED = {"tools/call": "name", "resources/read": "uri"}


class HttpClient:
    """One client. ``http`` can be used for requests of another kind; ``headers`` says who it is."""

    def __init__(self, url: str, token: str, http: httpx2.AsyncClient) -> None:
        self.url = url
        self.http = http
        self.headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
        self._numbers = itertools.count(1)

    async def post(
        self, method: str, params: dict[str, Any] | None = None, changes: dict[str, str] | None = None
    ) -> httpx2.Response:
        """A request of the modern era, with the headers that it wants."""
        params = {"_meta": puppets.ENVELOPE, **(params or {})}
        headers = {**self.headers, "mcp-protocol-version": "2026-07-28", "mcp-method": method}
        if method in NAMED:
            headers["mcp-name"] = params[NAMED[method]]
        return await self._post(method, params, {**headers, **(changes or {})})

    async def call(self, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The whole reply to a call in the modern era."""
        reply: dict[str, Any] = (await self.post("tools/call", puppets.call(name, arguments, **more))).json()
        return reply

    async def open(self) -> str:
        """Open a legacy session; its id."""
        response = await self._post("initialize", INITIALIZE, self.headers)
        session: str = response.headers["mcp-session-id"]
        body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        accepted = await self.http.post(self.url, json=body, headers=self._in(session))
        assert accepted.status_code == 202
        return session

    async def legacy(self, session: str, method: str, params: dict[str, Any] | None = None) -> httpx2.Response:
        """A request in a legacy session."""
        return await self._post(method, params or {}, self._in(session))

    async def delete(self, session: str) -> int:
        """Ask for the end of a legacy session; the status."""
        return (await self.http.delete(self.url, headers=self._in(session))).status_code

    def _in(self, session: str) -> dict[str, str]:
        return {**self.headers, "mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}

    async def _post(self, method: str, params: dict[str, Any], headers: dict[str, str]) -> httpx2.Response:
        body = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}
        return await self.http.post(self.url, json=body, headers=headers)


@contextmanager
def behind_http(house: House) -> Iterator[str]:
    """The house's gateway behind HTTP; its address."""
    arguments = ("--config", str(house.config), "serve", "--http", "127.0.0.1:0")
    with serving(house.state, *arguments, cwd=house.folder) as gateway:
        yield gateway.url


@asynccontextmanager
async def clients(house: House, url: str, *names: str) -> AsyncIterator[list[HttpClient]]:
    """Clients of these names, which have just been given a token."""
    tokens = [Tokens(house.state).new(name) for name in names]
    async with httpx2.AsyncClient(timeout=SECONDS) as http:
        yield [HttpClient(url, token, http) for token in tokens]


@asynccontextmanager
async def served(house: House, *names: str) -> AsyncIterator[list[HttpClient]]:
    """Clients of these names, and a gateway for them alone."""
    with behind_http(house) as url:
        async with clients(house, url, *names) as made:
            yield made
