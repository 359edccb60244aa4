"""What a connection promises, whatever carries it: messages in, messages out, one end.

::

    UpstreamUnavailable
    ├── NotSent           nothing was written, so nothing can have happened
    ├── ConnectionLost    written, but no reply can come any more
    └── TimedOut          written, and no reply came in time (a TimeoutError too)

The texts of these, of :class:`EndOfStream`, of :class:`ReplyLost` and of what a transport raises are ours, or the
operating system's: no byte of a peer's is quoted in them, so they may be shown where a peer's words may not.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Final, Protocol

import anyio
from msgspec import Struct

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.wire.frames import MAX_DEPTH, Message, RequestId

CLOSED: Final = "the connection was closed"
BROKE: Final = "the connection broke"


class Ending(Enum):
    """How a connection ended. Only ``FINISHED`` says that the peer meant to end it."""

    FINISHED = auto()
    """The peer closed its stream, between two frames."""
    CLOSED = auto()
    """We closed it."""
    BROKEN = auto()
    """Anything else: a limit was passed, the peer stopped reading, it went in the middle of a frame, reading failed."""


class Limits(Struct, frozen=True):
    """What one peer may ask of us. ``depth`` counts containers inside each other, 250 at most."""

    frame_bytes: int = 16 * 1024 * 1024
    depth: int = MAX_DEPTH
    in_flight: int = 256
    """Requests of the peer that are handled at the same time; more are refused at once."""
    calls: int = 64
    """Requests of clients that one upstream is given at the same time."""
    waiting_calls: int = 128
    """Requests that wait for their turn at one upstream; more are refused. With ``calls`` fewer than ``in_flight``, so
    that an upstream which answers nothing leaves its clients room for the others."""
    write_seconds: float = 30.0
    """How long a peer may leave what we write unread before the connection is closed."""
    close_seconds: float = 1.5
    """How long each step of an orderly end may take before the next, harder one. Clients kill us 4 s after they closed
    our input (basic/lifecycle, Shutdown, as the SDKs do it): what ignores every step has to be gone before."""


class EndOfStream(Exception):  # the regular end of every connection, not a fault
    """No more messages will come. The text says why, for a human."""

    def __init__(self, reason: str, ending: Ending) -> None:
        super().__init__(reason)
        self.ending = ending


class ReplyLost(Exception):  # one request's end, not the connection's
    """A request was sent, but no reply to it can come any more; the connection goes on. The text says why."""

    def __init__(self, request: RequestId, reason: str) -> None:
        super().__init__(reason)
        self.request = request


class StreamClosed(Exception):  # one stream's end, not the request's
    """The peer has closed the stream of our request before its reply, and answers when it is asked again. That is the
    transport's to do; a gateway lets go of its own client's stream as well."""

    def __init__(self, request: RequestId) -> None:
        super().__init__(request)
        self.request = request


class NotSent(UpstreamUnavailable):
    """Nothing was written, so nothing can have happened."""


class ConnectionLost(UpstreamUnavailable):
    """The request was written, but no reply can come any more."""


class TimedOut(UpstreamUnavailable, TimeoutError):
    """The request was written, and no reply came in time."""


class Transport(Protocol):
    """One connection to one peer."""

    async def receive(self) -> Message:
        """The next message. Only one task may wait here.

        :raises EndOfStream: the peer ended the connection, or we did.
        :raises FrameError: a frame was refused; the next one can be received.
        :raises ReplyLost: a request will get no reply; the next message can be received.
        :raises StreamClosed: a request's reply will come another way; the next message can be received.
        :raises LimitExceeded: a frame was too long or held too many values; nothing more can be received.
        """

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        """Write one message whole, after waiting until the peer has read enough of the earlier ones.

        ``related`` is the peer's request that the message belongs to. A transport with a stream for each request puts
        it there; one with a single channel does not care.

        :raises NotSent: the connection is closed, or the peer did not read for ``Limits.write_seconds``.
        :raises ConnectionLost: a message that gets no reply was written, but it is not known to have arrived.
        """

    async def dismiss(self, request: RequestId) -> None:
        """Take notice that the peer's request will get no reply: it was cancelled. What is kept for it can go."""

    async def let_go(self, request: RequestId) -> None:
        """Close the stream of a request of the peer's that is still carried out, if the peer can come back for the
        reply (2025-11-25, Transports, Sending Messages to the Server). Else nothing happens."""

    async def aclose(self) -> None:
        """End the connection, in bounded time, also while being cancelled. May be called more than once."""


async def finish(work: asyncio.Future[None]) -> None:
    """Wait for ``work`` to its end whatever cancels the caller, and only then let the cancellation through.

    ``work`` must be bounded in time.
    """
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not work.done():
            try:
                await asyncio.wait((work,))
            except asyncio.CancelledError as error:
                cancelled = error
    work.result()
    if cancelled is not None:
        raise cancelled
