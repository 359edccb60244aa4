"""Where the browser brings the answer of an authorization: one path, one answer, this machine only (RFC 8252, 7.3)."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

_HOST: Final = "127.0.0.1"
_PATH: Final = "/callback"
_HEAD_BYTES: Final = 16 * 1024
_HEAD_SECONDS: Final = 10.0
_PARTING_SECONDS: Final = 0.5
_PAGE: Final = "<!doctype html><meta charset=utf-8><title>Rule of Two</title><p>{text} You can close this window.</p>"


class Answer(Struct, frozen=True):
    """What the authorization server said. Without ``code`` it refused."""

    code: str
    state: str
    issuer: str | None


class Loopback:
    """Listens for one answer. Made by :meth:`open`; :meth:`aclose` ends it."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._state: str | None = None
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._port = 0

    @classmethod
    async def open(cls, port: int = 0) -> Loopback:
        """Listen on ``port``, or on any that is free.

        :raises OSError: that is not possible.
        """
        self = cls()
        self._server = await asyncio.start_server(self._connected, _HOST, port, limit=_HEAD_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self) -> str:
        """Where the browser is to be sent."""
        return f"http://{_HOST}:{self._port}{_PATH}"

    def expect(self, state: str) -> None:
        """Only an answer with this ``state`` counts. Any page can send a browser here, so others change nothing."""
        self._state = state

    async def answer(self) -> Answer:
        """The answer, once it has come."""
        return await asyncio.shield(self._answer)

    async def aclose(self) -> None:
        """Stop listening; whoever is being told something may hear it."""
        self._answer.cancel()
        if self._server is None:
            return
        self._server.close()
        if self._serving:
            _, slow = await asyncio.wait(set(self._serving), timeout=_PARTING_SECONDS)
            for task in slow:
                task.cancel()
            if slow:
                await asyncio.wait(slow)
        await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, text = self._take(head.decode("latin-1"))
                writer.write(_response(status, text))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _take(self, head: str) -> tuple[str, str]:
        """What to say to one request; if it brings the answer, that is known from now on."""
        line, *lines = head.split("\r\n")
        method, _, rest = line.partition(" ")
        try:
            target = urlsplit(rest.rpartition(" ")[0])
        except ValueError:
            return "400 Bad Request", "This is not an answer."
        hosts = [value.strip() for name, _, value in (one.partition(":") for one in lines) if name.lower() == "host"]
        if method != "GET" or target.path != _PATH or hosts != [f"{_HOST}:{self._port}"]:
            return "404 Not Found", "There is nothing here."
        query = {name: values[0] for name, values in parse_qs(target.query, max_num_fields=20).items()}
        state = query.get("state", "")
        if self._state is None or not hmac.compare_digest(state.encode(), self._state.encode()):
            return "400 Bad Request", "This answers no question of ours."
        if self._answer.done():
            return "410 Gone", "This was answered already."
        self._answer.set_result(Answer(query.get("code", ""), state, query.get("iss")))
        return "200 OK", "Done." if query.get("code") else "Authorization was refused."


def _response(status: str, text: str) -> bytes:
    body = _PAGE.format(text=text).encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "content-security-policy: default-src 'none'\r\nreferrer-policy: no-referrer\r\ncache-control: no-store\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
