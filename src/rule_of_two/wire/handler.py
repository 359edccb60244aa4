"""What a peer's messages go to, and the error that travels in both directions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec import Struct

from rule_of_two.wire.frames import FrameError, Notification, RequestId


class RemoteError(Exception):
    """A JSON-RPC error, received from a peer or to be sent to one. ``error`` is the whole object, nothing dropped."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data

    @classmethod
    def received(cls, error: dict[str, Any]) -> RemoteError:
        """The error of a reply, with every member that it came with."""
        remote = cls(error["code"], error["message"])
        remote.error = error
        return remote

    @property
    def code(self) -> int:
        """The JSON-RPC error code."""
        code: int = self.error["code"]
        return code

    @property
    def message(self) -> str:
        """What the peer says. Text of a peer is never ours."""
        message: str = self.error["message"]
        return message

    @property
    def data(self) -> Any:
        """What the peer adds; ``None`` when absent."""
        return self.error.get("data")


class Back(Protocol):
    """The way back to the peer that asked: :class:`~rule_of_two.wire.peer.Peer`."""

    async def let_go(self, related: RequestId) -> None: ...

    async def notify(self, method: str, params: dict[str, Any], *, related: RequestId | None = None) -> None: ...

    async def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        on_progress: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
        related: RequestId | None = None,
    ) -> dict[str, Any]: ...


class Incoming(Struct, eq=False):
    """A request of the peer while it is handled. ``back`` is where it came from.

    ``about`` is what the caller of :meth:`Peer.request` said its own request was about, when the peer asks this in the
    course of that one and the transport can tell.

    ``cancel_reason`` is set, to the empty string at least, when the peer cancels it; then the handler is cancelled, as
    by an anyio scope (what it shields goes on), and nothing is answered. When the connection ends it is cancelled too.
    """

    id: RequestId
    method: str
    params: dict[str, Any]
    back: Back
    about: object = None
    cancel_reason: str | None = None

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the peer something that belongs to this request; raises what :meth:`Peer.notify` does."""
        await self.back.notify(method, params, related=self.id)

    async def let_go(self) -> None:
        """Close its stream, if the peer can come back for the reply."""
        await self.back.let_go(self.id)

    async def ask(
        self,
        method: str,
        params: dict[str, Any],
        *,
        on_progress: Callable[[dict[str, Any]], Awaitable[None]] | None = None,
    ) -> dict[str, Any]:
        """Ask the peer something in the course of this request; raises what :meth:`Peer.request` does."""
        return await self.back.request(method, params, on_progress=on_progress, related=self.id)


class Handler(Protocol):
    """What a peer's messages go to. Exceptions other than those named are bugs: logged, and answered with -32603."""

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        """Carry one request out; runs in a task of its own.

        :raises RemoteError: the error to answer with.
        """

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Take one notification; ``about`` as of :class:`Incoming`. Nothing more is read from this peer until it
        returns, so it must not wait for a reply of the same peer."""

    async def on_stream_closed(self, about: object) -> None:
        """Take notice that the peer has closed the stream of a request of ours, whose reply comes another way."""

    async def on_frame_error(self, error: FrameError) -> None:
        """Take notice of a frame that was refused. It was already answered, where an answer was possible."""
