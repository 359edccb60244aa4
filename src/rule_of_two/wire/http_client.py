"""One streamable HTTP endpoint as a connection, in either era (2025-11-25 and 2026-07-28, Transports).

Each message is a POST of its own. A request's POST runs in a task, and what comes back on it, one JSON body or a stream
of events, goes through the same parser as every frame. What fails there fails that request alone.

Legacy servers have two things more: a session, which is taken leave of, and a stream that is listened to between
requests. Their streams can be resumed where they break off.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, Final

import httpx2

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.codes import METHOD_NOT_FOUND
from rule_of_two.wire.eras import SESSION_HEADER
from rule_of_two.wire.frames import (
    Failure,
    FrameError,
    Message,
    Notification,
    Request,
    RequestId,
    encode,
    is_request_id,
    parse,
)
from rule_of_two.wire.http_client_connection import LISTEN, HttpConnection, Post, content_type, is_one
from rule_of_two.wire.http_client_exchange import HttpClient
from rule_of_two.wire.http_client_resuming import Resuming
from rule_of_two.wire.http_headers import EraHeaders
from rule_of_two.wire.transport import ConnectionLost, Ending, EndOfStream, NotSent, StreamClosed

_ACCEPT: Final = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
_SESSION_ID: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_MOST_ATTEMPTS: Final = 8
"""How often a request's stream is resumed without anything coming, which takes two minutes or more."""
_LINGER_SECONDS: Final = 1.0
"""How long the end of a stream may take after the reply, so that its connection can be used again."""

logger = logging.getLogger(__name__)


class HttpTransport(HttpConnection):
    """The connection to one endpoint. Nothing is sent before the first message.

    ``unspoken`` is a request that the endpoint answered as a server does that knows no streamable HTTP.
    """

    def __init__(self, client: HttpClient) -> None:
        super().__init__(client)
        self.unspoken: RequestId | None = None
        self._era = EraHeaders()
        self._session: str | None = None
        self._listening = False

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        """As of :class:`~rule_of_two.wire.transport.Transport`. A request was begun to be written when this returns;
        any other message was taken by the server."""
        self._must_be_open()
        if isinstance(message, Request):
            if message.method == "initialize":
                self._session = None
            headers = self._era.of(message)
            modern = self._era.modern
            await self._ask(message, _ACCEPT | headers | self._session_header(modern=modern), modern=modern)
        elif not isinstance(message, Notification):
            if not self._era.modern:  # no modern server may ask, so none knows what to do with an answer
                await self._post(message)
        elif message.method == "notifications/cancelled":
            await self._cancel(message)
        else:
            await self._post(message)
            if message.method == "notifications/initialized" and not (self._era.modern or self._listening):
                self._must_be_open()
                self._listening = True
                self._start(self._listen())

    async def _cancel(self, message: Notification) -> None:
        """Closing the stream of a modern request is what cancels it; a legacy server wants to be told."""
        number = message.params.get("requestId")
        post = self._posts.get(number) if is_request_id(number) else None
        try:
            if not (post.modern if post else self._era.modern):
                await self._post(message)
        finally:
            if post is not None:
                post.task.cancel()

    async def _post(self, message: Message) -> None:
        modern = self._era.modern
        response = await self._tell(message, _ACCEPT | self._era.standing() | self._session_header(modern=modern))
        self._check_session(response)

    # A request and its reply

    async def _exchange(self, post: Post) -> None:
        try:
            response = await self._client.open("POST", post.headers, encode(post.request), begun=post.begin)
            try:
                await self._on_answer(post, response)
            finally:
                await response.aclose()
        finally:
            self._era.forget(post.request.id)

    async def _on_answer(self, post: Post, response: httpx2.Response) -> None:
        shown, status = self._client.shown, response.status_code
        if status >= 300:
            await self._on_refusal(post, response)
            return
        if status in (202, 204):
            raise ConnectionLost(f"{shown} took the request, but will not answer it")
        if post.request.method == "initialize" and not post.modern:
            self._take_session(response)
        kind = content_type(response)
        if kind == "application/json":
            body = await self._client.read(response)
            await response.aclose()  # the connection is free again before the caller is told
            if not await self._deliver(body, post.request.id, is_reply=True):
                raise ConnectionLost(f"{shown} answered with something else than a reply")
        elif kind == "text/event-stream":
            await self._on_stream(post, response)
        else:
            raise ConnectionLost(f"{shown} answered with neither JSON nor a stream of events")

    async def _on_refusal(self, post: Post, response: httpx2.Response) -> None:
        """An HTTP error. The server's own JSON-RPC error passes, where there is one."""
        number = post.request.id
        error = await self._error_of(response, number)
        # A server may say in this way that it lacks the method, too; then the session goes on.
        if (error is None or error["code"] != METHOD_NOT_FOUND) and self._check_session(response):
            return
        if error is None and response.status_code in (400, 404, 405):
            self.unspoken = number
        await self._refused(number, response, error)

    async def _error_of(self, response: httpx2.Response, number: RequestId) -> dict[str, Any] | None:
        if response.status_code < 400 or content_type(response) != "application/json":
            return None
        try:
            message = parse(await self._client.read(response), depth=self._limits.depth)
        except (ConnectionLost, FrameError):
            return None
        if isinstance(message, Failure) and (message.id is None or is_one(message.id, number)):
            return message.error
        return None

    def _noticed(self, message: Message) -> Message:
        return self._era.received(message)

    # Streams of events

    async def _on_stream(self, post: Post, response: httpx2.Response) -> None:
        """The events on a request's POST, up to its reply, across the connections that carry them."""
        resuming = Resuming(self._limits.frame_bytes)
        resumed: httpx2.Response | None = response
        while resumed is not None:
            try:
                if await self._events(resumed, resuming, post.request.id):
                    return
            finally:
                await resumed.aclose()
            if post.modern or not resuming.last_id:
                raise ConnectionLost(f"{self._client.shown} ended its stream without a reply")
            await self._inbox.put(StreamClosed(post.request.id))
            resumed = await self._resume(resuming)

    async def _resume(self, resuming: Resuming) -> httpx2.Response | None:
        """A stream again where it broke off; ``None`` when the session is over.

        :raises ConnectionLost: it cannot be resumed.
        """
        while resuming.attempts < _MOST_ATTEMPTS:
            await asyncio.sleep(resuming.delay())
            try:
                response = await self._client.open("GET", self._listening_headers(resuming))
            except (NotSent, ConnectionLost):
                resuming.attempts += 1
                continue
            if response.status_code == 200 and content_type(response) == "text/event-stream":
                return response
            await response.aclose()
            if self._check_session(response):
                return None
            if response.status_code < 500:
                break
            resuming.attempts += 1
        raise ConnectionLost(f"{self._client.shown} ended its stream without a reply, and it could not be resumed")

    async def _listen(self) -> None:
        """What a legacy server says between requests, as long as it offers to say anything."""
        resuming = Resuming(self._limits.frame_bytes)
        try:
            while True:
                if not await self._listen_once(resuming):
                    return
                await asyncio.sleep(resuming.delay())
        except LimitExceeded as error:
            self._end(error)

    async def _listen_once(self, resuming: Resuming) -> bool:
        """One connection of the listening stream. Whether there may be another one."""
        try:
            response = await self._client.open("GET", self._listening_headers(resuming), ask=False)
        except (NotSent, ConnectionLost) as error:
            logger.debug("%s", error)
            resuming.attempts += 1
            return True
        try:
            if self._check_session(response):
                return False
            if response.status_code == 200 and content_type(response) == "text/event-stream":
                await self._events(response, resuming, None)
                return True
            resuming.attempts += 1
            # 405 says that there is none, and anything else will not become one.
            return response.status_code >= 500 or (response.status_code == 401 and self._client.authorizes)
        finally:
            await response.aclose()

    async def _events(self, response: httpx2.Response, resuming: Resuming, number: RequestId | None) -> bool:
        """Hand over what one connection brings. Whether the reply to ``number`` was among it."""
        parser = resuming.connected()
        try:
            async with aclosing(self._client.pieces(response)) as pieces:
                async for piece in pieces:
                    before = parser.last_id
                    events = parser.feed(piece)
                    if events or parser.last_id != before:
                        resuming.progressed()
                    for event in events:
                        if event.type == "message" and event.data and await self._deliver(event.data, number):
                            await _linger(pieces)
                            return True
        except ConnectionLost as error:
            logger.debug("%s", error)
        return False

    def _listening_headers(self, resuming: Resuming) -> dict[str, str]:
        headers = LISTEN | self._era.standing() | self._session_header(modern=False)
        return {**headers, "last-event-id": resuming.last_id} if resuming.last_id else headers

    # The session

    def _take_session(self, response: httpx2.Response) -> None:
        session = response.headers.get(SESSION_HEADER)
        if session is not None and not _SESSION_ID.fullmatch(session):
            raise ConnectionLost(f"{self._client.shown} gave a session id that no header can hold")
        self._session = session

    def _session_header(self, *, modern: bool) -> dict[str, str]:
        return {} if modern or self._session is None else {SESSION_HEADER: self._session}

    def _check_session(self, response: httpx2.Response) -> bool:
        """Whether the server does not know the session any more, which ends the connection."""
        if response.status_code != 404 or SESSION_HEADER not in response.request.headers:
            return False
        self._session = None
        self._end(EndOfStream(f"{self._client.shown} has ended the session", Ending.BROKEN))
        return True

    async def _take_leave(self) -> None:
        if self._session is not None:
            headers = self._era.standing() | self._session_header(modern=False)
            await (await self._client.open("DELETE", headers, ask=False)).aclose()


async def _linger(pieces: AsyncIterator[bytes]) -> None:
    """Let a stream end by itself."""
    with suppress(TimeoutError, ConnectionLost):
        async with asyncio.timeout(_LINGER_SECONDS):
            async for _ in pieces:
                pass
