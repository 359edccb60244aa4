"""One streamable HTTP endpoint as a connection, through the SDK's client transport.

The SDK keeps POST, SSE, resumption, the session id, and redirects within one origin. Here its messages become ours.
What it has parsed is checked again like any frame, but one thing is lost on the way: of two members of one name it has
kept the last. So on HTTP a duplicate key is not refused, only never passed on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

import anyio
import httpx2
import orjson
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.frames import Failure, FrameError, Message, Notification, Request, RequestId, Result, parse
from rule_of_two.wire.http_headers import EraHeaders
from rule_of_two.wire.transport import CLOSED, Ending, EndOfStream, Limits, NotSent, finish

_CONNECT_SECONDS: Final = 30.0
_STOOD_IN: Final = ("Server returned an error response", "Not Found", "Session terminated")
"""What the SDK says in place of an HTTP status that came without a JSON-RPC error."""

_Streams = tuple[ReadStream[SessionMessage | Exception], WriteStream[SessionMessage]]

logger = logging.getLogger(__name__)

# The SDK logs what it cannot parse, contents and all.
logging.getLogger("mcp.client.streamable_http").setLevel(logging.CRITICAL)


class HttpTransport:
    """The connection to one endpoint. An HTTP request that cannot be carried out ends it."""

    def __init__(self, url: str, *, shown: str, headers: Mapping[str, str], limits: Limits) -> None:
        self._url = url
        self._shown = shown
        self._limits = limits
        self._era = EraHeaders()
        self._statuses: dict[RequestId, str] = {}
        self._ended: EndOfStream | None = None
        self._closing = asyncio.Event()
        self._streams: asyncio.Future[_Streams] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._hold_open(headers))

    async def receive(self) -> Message:
        try:
            read, _ = await self._connected()
            item = await read.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, NotSent):
            self._closing.set()
            await self._finished()
            # HTTP has no end that a server could mean: it answers, or it does not.
            raise self._end(f"{self._shown} ended the connection", Ending.BROKEN) from None
        if isinstance(item, Exception):
            raise FrameError("an event of the stream is not a JSON-RPC message")
        message = _from_sdk(item.message, self._limits.depth)
        self._era.received(message)
        return self._with_status(message)

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        item = SessionMessage(_to_sdk(message), ClientMessageMetadata(headers=self._era.of(message)))
        try:
            async with asyncio.timeout(self._limits.write_seconds):
                _, write = await self._connected()
                await write.send(item)
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            raise self._not_sent() from None
        except TimeoutError:
            self._end(f"{self._shown} did not take a message for {self._limits.write_seconds:g} s", Ending.BROKEN)
            raise self._not_sent() from None

    async def dismiss(self, request: RequestId) -> None:
        """Nothing is kept for a request."""

    async def aclose(self) -> None:
        self._end(CLOSED, Ending.CLOSED)
        await self._finished()

    async def _connected(self) -> _Streams:
        await asyncio.wait((self._streams, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not self._streams.done():
            raise self._not_sent()
        return self._streams.result()

    async def _finished(self) -> None:
        await finish(asyncio.get_running_loop().create_task(self._take_leave()))

    async def _take_leave(self) -> None:
        """The SDK ends a session with a DELETE, which a server may leave unanswered."""
        await asyncio.wait((self._task,), timeout=self._limits.close_seconds)
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _hold_open(self, headers: Mapping[str, str]) -> None:
        """Run the SDK's transport: its scopes must be left in the task that entered them."""
        try:
            async with (
                httpx2.AsyncClient(
                    headers={"accept-encoding": "identity", **headers},
                    timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None),  # how long a call may take, its caller says
                    limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
                    event_hooks={"response": [self._on_response]},
                ) as client,
                streamable_http_client(
                    self._url, http_client=client, max_sse_event_size=self._limits.frame_bytes
                ) as streams,
            ):
                self._streams.set_result(streams)
                await self._closing.wait()
        except* Exception as group:  # noqa: BLE001  # whatever the SDK dies of ends this connection, nothing else
            self._end(self._sentence(_first(group)), Ending.BROKEN)

    async def _on_response(self, response: httpx2.Response) -> None:
        """Bound what an answer may cost, and remember a status that the SDK would not tell."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise LimitExceeded(f"{self._shown} sent a compressed answer, which was not asked for")
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            body = cast("httpx2.AsyncByteStream", response.stream)  # of an asynchronous client
            response.stream = _Bounded(body, self._limits.frame_bytes, self._shown)
        if response.status_code >= 400 and response.request.method == "POST":
            number = orjson.loads(response.request.content).get("id")
            if number is not None:
                self._statuses[number] = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()

    def _with_status(self, message: Message) -> Message:
        if isinstance(message, Result | Failure) and message.id is not None:
            status = self._statuses.pop(message.id, None)
            if status and isinstance(message, Failure) and message.error["message"] in _STOOD_IN:
                return Failure(message.id, {**message.error, "message": f"{message.error['message']}: {status}"})
        return message

    def _sentence(self, error: BaseException) -> str:
        """Why it failed, in words of ours. The text of an exception can quote the server: only its type is told."""
        if isinstance(error, LimitExceeded):
            return str(error)
        logger.debug("%s: %s: %r", self._shown, type(error).__name__, str(error))
        if isinstance(error, httpx2.ConnectError):  # nothing was received yet: this is what the system says
            return f"{self._shown} cannot be reached: {error or type(error).__name__}"
        what = "cannot be reached" if isinstance(error, httpx2.RequestError) else "failed"
        return f"{self._shown} {what}: {type(error).__name__}"

    def _not_sent(self) -> NotSent:
        return NotSent(str(self._ended) if self._ended else CLOSED)

    def _end(self, reason: str, ending: Ending) -> EndOfStream:
        """End, and say how it ended: only the first end counts."""
        if self._ended is None:
            self._ended = EndOfStream(reason, ending)
        self._closing.set()
        return self._ended


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error when it grows too long."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int, shown: str) -> None:
        self._stream = stream
        self._limit = limit
        self._shown = shown

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._stream:
            size += len(piece)
            if size > self._limit:
                raise LimitExceeded(f"{self._shown} sent an answer of more than {self._limit} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _to_sdk(message: Message) -> JSONRPCMessage:
    """The SDK sends what was set, so what is absent stays absent."""
    if isinstance(message, Request):
        if message.params:
            return JSONRPCRequest(jsonrpc="2.0", id=message.id, method=message.method, params=message.params)
        return JSONRPCRequest(jsonrpc="2.0", id=message.id, method=message.method)
    if isinstance(message, Notification):
        if message.params:
            return JSONRPCNotification(jsonrpc="2.0", method=message.method, params=message.params)
        return JSONRPCNotification(jsonrpc="2.0", method=message.method)
    if isinstance(message, Result):
        return JSONRPCResponse(jsonrpc="2.0", id=message.id, result=message.result)
    return JSONRPCError(jsonrpc="2.0", id=message.id, error=ErrorData(**message.error))


def _from_sdk(message: JSONRPCMessage, depth: int) -> Message:
    """What the SDK parsed, through the same checks as any frame.

    :raises FrameError: it holds something that is no JSON value, or must be refused for another reason.
    """
    value: dict[str, Any] = message.model_dump(by_alias=True, exclude_unset=True)
    try:
        raw = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        answers = message.id if isinstance(message, JSONRPCResponse | JSONRPCError) else None
        raise FrameError("a message holds a value that JSON does not have", answers=answers) from None
    return parse(raw, depth=depth)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """One exception out of nested groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
