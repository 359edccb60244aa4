"""What a peer's messages go to, and the error that travels in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from rule_of_two.wire.frames import FrameError, RequestId


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


@dataclass(slots=True, eq=False)
class Incoming:
    """A request of the peer while it is handled.

    ``cancel_reason`` is set, to the empty string at least, when the peer cancels it; then the handler is cancelled, as
    by an anyio scope (what it shields goes on), and nothing is answered. When the connection ends it is cancelled too.
    """

    id: RequestId
    method: str
    params: dict[str, Any]
    cancel_reason: str | None = None


class Handler(Protocol):
    """What a peer's messages go to. Exceptions other than those named are bugs: logged, and answered with -32603."""

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        """Carry one request out; runs in a task of its own.

        :raises RemoteError: the error to answer with.
        """

    async def on_notification(self, method: str, params: dict[str, Any]) -> None:
        """Take one notification. Nothing more is read from this peer until it returns, so it must not wait for a reply
        of the same peer."""

    async def on_frame_error(self, error: FrameError) -> None:
        """Take notice of a frame that was refused. It was already answered, where an answer was possible."""
