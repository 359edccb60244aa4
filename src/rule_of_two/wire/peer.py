"""One JSON-RPC peer: requests and replies matched in both directions, progress in order, cancellation with its reason.

Decides nothing: what the peer asks goes to a :class:`Handler`, what we ask comes back as a result or an exception.

asyncio's own primitives are used here and below instead of anyio's: a call crosses this module four times, and the
difference can be measured. Every task that is started here has ended when :meth:`Peer.run` returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from msgspec import Struct

from rule_of_two.errors import BadRequest, Code, LimitExceeded, UpstreamUnavailable
from rule_of_two.wire.codes import INTERNAL_ERROR, INVALID_REQUEST, SERVER_BUSY
from rule_of_two.wire.frames import (
    Failure,
    FrameError,
    Message,
    Notification,
    Request,
    RequestId,
    Result,
    is_request_id,
)
from rule_of_two.wire.handler import Handler, Incoming, RemoteError
from rule_of_two.wire.transport import (
    BROKE,
    CLOSED,
    ConnectionLost,
    Ending,
    EndOfStream,
    Limits,
    NotSent,
    ReplyLost,
    StreamClosed,
    TimedOut,
    Transport,
    finish,
)

__all__ = [
    "ConnectionLost",
    "EndOfStream",
    "Ending",
    "Handler",
    "Incoming",
    "Limits",
    "NotSent",
    "Peer",
    "RemoteError",
    "TimedOut",
    "Transport",
]


_COURTESY_SECONDS: Final = 1.0
"""How long a cancellation may take to be written; the one who gave up should not wait for it."""

_NOT_CANCELLABLE: Final = frozenset(("initialize", "server/discover"))
"""The specification forbids cancelling these (basic/utilities/cancellation)."""

logger = logging.getLogger(__name__)


class _Waiting(Struct, eq=False):
    """A request of ours that has no reply yet."""

    method: str
    reply: asyncio.Future[Result | Failure | Exception]
    on_progress: Callable[[dict[str, Any]], Awaitable[None]] | None
    about: object

    def settle(self, outcome: Result | Failure | Exception) -> None:
        if not self.reply.done():
            self.reply.set_result(outcome)


@dataclass(slots=True, eq=False)
class _Handled:
    """A request of the peer's that has not been answered yet."""

    incoming: Incoming
    scope: anyio.CancelScope
    """What a handler shields from cancellation (settling a call) is not interrupted, as ``task.cancel()`` would."""
    task: asyncio.Task[None] = field(init=False)
    answering: bool = False


def _no_reason() -> str | None:
    return None


class Peer:
    """The other end of one connection. Made inside the event loop that it runs on.

    Once the connection has ended, ``reason`` says why, for a human and in words of ours, and ``ending`` says how.
    ``dropped`` counts replies and progress that belong to no waiting request.
    """

    def __init__(self, transport: Transport, handler: Handler, *, name: str, limits: Limits) -> None:
        self.name = name
        self.reason: str | None = None
        self.ending: Ending | None = None
        self.dropped = 0
        self._transport = transport
        self._handler = handler
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._last_id = 0
        # What anyio.CancelScope() finds out anew each time, which costs as much as the scope itself.
        self._new_scope: Callable[[], anyio.CancelScope] = type(anyio.CancelScope())
        self._waiting: dict[int, _Waiting] = {}
        self._handled: dict[RequestId, _Handled] = {}

    async def run(self) -> None:
        """Read and dispatch until the connection ends, then close it.

        On return, every waiting :meth:`request` has failed with :class:`ConnectionLost` and every handler has ended.
        """
        try:
            while True:
                try:
                    message = await self._transport.receive()
                except FrameError as error:
                    await self._on_frame_error(error)
                except StreamClosed as closed:
                    await self._contain(self._handler.on_stream_closed(self._about(closed.request)))
                except ReplyLost as lost:
                    self._resolve(lost.request, ConnectionLost(f"{self.name}: {lost}"))
                else:
                    await self._dispatch(message)
        except EndOfStream as end:
            self._end(str(end), end.ending)
        except LimitExceeded as error:
            self._end(str(error), Ending.BROKEN)
        except asyncio.CancelledError:
            self._end(CLOSED, Ending.CLOSED)
            raise
        finally:
            self._end(BROKE, Ending.BROKEN)  # unless it has ended already
            await finish(self._loop.create_task(self._wind_down()))

    async def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        on_progress: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
        cancel_reason: Callable[[], str | None] = _no_reason,
        timeout: float | None = None,  # noqa: ASYNC109  # the peer is told when it passes
        related: RequestId | None = None,
        about: object = None,
    ) -> dict[str, Any]:
        """Send a request and wait for its result.

        With ``on_progress`` a progress token of ours is stamped, and progress is handed over in order, before the
        result is; like a notification, it keeps this peer from being read meanwhile. Without it a token of the caller's
        is taken out: tokens of several clients would collide.

        When the caller is cancelled, or ``timeout`` (seconds, from the moment of sending) passes, the peer is told with
        ``notifications/cancelled`` and a late reply is dropped. What ``cancel_reason`` gives leaves with it, as it is:
        the text must be one that may reach this peer.

        ``related`` is the peer's request in whose course we ask. ``about`` is given back with what the peer asks and
        tells in the course of this one.

        :raises NotSent: nothing was written.
        :raises ConnectionLost: the connection ended before the reply came, or the way that the reply would have taken.
        :raises TimedOut: no reply came in time.
        :raises RemoteError: the peer answered with an error.
        :raises BadRequest: the reply is malformed, so nothing of it may be used.
        """
        self._must_be_open()
        self._last_id += 1
        number = self._last_id
        self._waiting[number] = waiting = _Waiting(method, self._loop.create_future(), on_progress, about)
        timer: asyncio.TimerHandle | None = None
        sent = False
        try:
            stamped = _with_token(params, number if on_progress else None)
            await self._transport.send(Request(number, method, stamped), related=related)
            sent = True
            if timeout is not None:
                timer = self._loop.call_later(timeout, self._expire, waiting, timeout)
            outcome = await waiting.reply
        except asyncio.CancelledError:
            if sent:
                await self._abandon(number, method, cancel_reason())
            raise
        finally:
            del self._waiting[number]
            if timer is not None:
                timer.cancel()
        if isinstance(outcome, Result):
            return outcome.result
        if isinstance(outcome, Failure):
            raise RemoteError.received(outcome.error)
        if isinstance(outcome, TimedOut):
            await self._abandon(number, method, "timed out")
        raise outcome

    async def notify(self, method: str, params: dict[str, Any], *, related: RequestId | None = None) -> None:
        """Send a notification; ``related`` is the peer's request that it belongs to.

        :raises NotSent: nothing was written.
        :raises ConnectionLost: it was written, but is not known to have arrived.
        """
        self._must_be_open()
        await self._transport.send(Notification(method, params), related=related)

    async def let_go(self, related: RequestId) -> None:
        """Close the stream of a request of the peer's, if it can come back for the reply."""
        await self._transport.let_go(related)

    def abouts(self) -> list[object]:
        """What the requests that wait for a reply are about, the newest last."""
        return [waiting.about for waiting in self._waiting.values() if waiting.about is not None]

    async def close(self) -> None:
        """End the connection, in bounded time. :meth:`run` returns soon after."""
        self._end(CLOSED, Ending.CLOSED)
        await self._transport.aclose()

    async def _dispatch(self, message: Message) -> None:
        if isinstance(message, Request):
            await self._accept(message)
        elif isinstance(message, Notification):
            if message.method == "notifications/progress":
                await self._on_progress(message.params)
            elif message.method == "notifications/cancelled":
                self._on_cancelled(message.params)
            else:
                await self._contain(self._handler.on_notification(message, self._about(message.related)))
        else:
            self._resolve(message.id, message)

    async def _accept(self, request: Request) -> None:
        """Start to handle a request, unless its id is in use or there are too many."""
        if request.id in self._handled:
            # The id belongs to the request in flight, so the refusal cannot carry it.
            await self._send(_failure(None, INVALID_REQUEST, "a request repeats an id that is still in flight"))
        elif len(self._handled) >= self._limits.in_flight:
            text = f"more than {self._limits.in_flight} requests are in flight"
            await self._send(_failure(request.id, SERVER_BUSY, text, {"code": str(Code.LIMIT_EXCEEDED)}))
        else:
            incoming = Incoming(request.id, request.method, request.params, self, self._about(request.related))
            handled = _Handled(incoming, self._new_scope())
            self._handled[request.id] = handled
            handled.task = self._loop.create_task(self._handle(handled))

    async def _handle(self, handled: _Handled) -> None:
        """Carry one request out, unless it is cancelled, and answer it."""
        try:
            with handled.scope as scope:
                if not scope.cancel_called:
                    reply = await self._carry_out(handled)
                    if handled.incoming.cancel_reason is None:
                        handled.answering = True
                        await self._send(reply, related=reply.id)
        finally:
            del self._handled[handled.incoming.id]
            if not handled.answering:
                await self._transport.dismiss(handled.incoming.id)

    async def _carry_out(self, handled: _Handled) -> Result | Failure:
        """The reply to a request: the only place where an exception becomes one."""
        incoming = handled.incoming
        try:
            return Result(incoming.id, await self._handler.on_request(incoming))
        except RemoteError as error:
            return Failure(incoming.id, error.error)
        except asyncio.CancelledError:
            if handled.scope.cancel_called:
                raise
            return _failure(incoming.id, INTERNAL_ERROR, f"{incoming.method} was given up")
        except Exception:  # a bug must cost one request, not the connection, and must not leave its caller waiting
            logger.exception("%s: the handler of %s failed", self.name, incoming.method)
            return _failure(incoming.id, INTERNAL_ERROR, "internal error")

    def _on_cancelled(self, params: dict[str, Any]) -> None:
        number, reason = params.get("requestId"), params.get("reason")
        handled = self._handled.get(number) if is_request_id(number) else None
        if handled is not None and not handled.answering and handled.incoming.cancel_reason is None:
            handled.incoming.cancel_reason = reason if isinstance(reason, str) else ""
            handled.scope.cancel()

    async def _on_progress(self, params: dict[str, Any]) -> None:
        waiting = self._ours(params.get("progressToken"))
        if waiting is None or waiting.on_progress is None:
            self.dropped += 1
        else:
            await self._contain(waiting.on_progress(params))

    def _resolve(self, number: RequestId | None, outcome: Result | Failure | Exception) -> None:
        waiting = self._ours(number)
        if waiting is None:
            self.dropped += 1
        else:
            waiting.settle(outcome)

    async def _on_frame_error(self, error: FrameError) -> None:
        if error.answers is not None:
            self._resolve(error.answers, BadRequest(f"{self.name}: {error}"))
        if error.reply is not None:
            await self._send(error.reply)
        await self._contain(self._handler.on_frame_error(error))

    def _ours(self, number: object) -> _Waiting | None:
        """The waiting request of that number. Some peers give numbers back as text, and both SDKs bear it."""
        if type(number) is int:
            return self._waiting.get(number)
        if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 20:
            return self._waiting.get(int(number))
        return None

    def _about(self, related: RequestId | None) -> object:
        waiting = None if related is None else self._ours(related)
        return None if waiting is None else waiting.about

    def _expire(self, waiting: _Waiting, seconds: float) -> None:
        waiting.settle(TimedOut(f"{self.name} did not answer {waiting.method} within {seconds:g} s"))

    async def _abandon(self, number: int, method: str, reason: str | None) -> None:
        """Tell the peer that nobody waits any more: briefly, also while being cancelled."""
        if method in _NOT_CANCELLABLE or self.reason is not None:
            return
        params = {"requestId": number} if reason is None else {"requestId": number, "reason": reason}
        with anyio.move_on_after(_COURTESY_SECONDS, shield=True):
            await self._send(Notification("notifications/cancelled", params))

    async def _send(self, message: Message, related: RequestId | None = None) -> None:
        """Write what nobody waits for: when the peer is gone, it does not need it."""
        try:  # noqa: SIM105  # a hot path: suppress() takes a microsecond
            await self._transport.send(message, related=related)
        except UpstreamUnavailable:
            pass

    async def _contain(self, work: Awaitable[None]) -> None:
        """Keep a failing notification from ending the connection."""
        try:
            await work
        except UpstreamUnavailable as error:
            logger.debug("%s: a notification was not passed on: %s", self.name, error)
        except Exception:  # a bug must cost one notification, not the connection
            logger.exception("%s: a notification could not be handled", self.name)

    def _must_be_open(self) -> None:
        if self.reason is not None:
            raise NotSent(f"{self.name}: {self.reason}")

    def _end(self, reason: str, ending: Ending) -> None:
        """Let nothing start any more, and fail what waits. Only the first end counts."""
        if self.reason is None:
            self.reason = reason
            self.ending = ending
            for waiting in self._waiting.values():
                waiting.settle(ConnectionLost(f"{self.name}: {reason}"))

    async def _wind_down(self) -> None:
        handled = list(self._handled.values())
        for one in handled:
            one.scope.cancel()
        await self._transport.aclose()
        if handled:
            await asyncio.wait([one.task for one in handled])


def _failure(number: RequestId | None, code: int, message: str, data: Any = None) -> Failure:
    return Failure(number, RemoteError(code, message, data).error)


def _with_token(params: dict[str, Any], token: int | None) -> dict[str, Any]:
    """``params`` with our progress token, or with none. Never changes ``params`` itself."""
    meta: dict[str, Any] = params.get("_meta") or {}
    if token is not None:
        return {**params, "_meta": {**meta, "progressToken": token}}
    if "progressToken" not in meta:
        return params
    rest = {name: value for name, value in meta.items() if name != "progressToken"}
    return {**params, "_meta": rest}
