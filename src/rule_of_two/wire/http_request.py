"""The head and the body of one HTTP request of a client, and how it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.codes import INVALID_REQUEST
from rule_of_two.wire.frames import Failure, FrameError, Message, RequestId, encode, parse
from rule_of_two.wire.handler import RemoteError
from rule_of_two.wire.http_exchange import Exchange, Field
from rule_of_two.wire.transport import Limits

LAST_EVENT: Final = "last-event-id"

_CLOSE: Final = ((b"connection", b"close"),)
_BODY_SECONDS: Final = 30.0
_BODY_RATE: Final = 64 * 1024
"""How long a body may take, and how many bytes more earn one second more: slow links pass, drips do not."""


class Refused(Exception):
    """A request that is answered with an HTTP status and a JSON-RPC error, and not carried out."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int = INVALID_REQUEST,
        data: Any = None,
        number: RequestId | None = None,
        headers: tuple[Field, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = RemoteError(code, message, data).error
        self.number = number
        self.headers = headers

    def body(self) -> bytes:
        """The JSON-RPC error."""
        return encode(Failure(self.number, self.error))


class ClientGone(Exception):
    """The client went away in the middle of its request."""


class Head:
    """Method, path and header fields. Names are in lower case; values are without the space around them."""

    __slots__ = ("fields", "method", "path", "repeated")

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.fields: dict[str, str] = {}
        """The first of each name."""
        self.repeated: dict[str, list[str]] = {}
        """The others."""
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
            if name in self.fields:
                self.repeated.setdefault(name, []).append(value)
            else:
                self.fields[name] = value

    def one(self, name: str) -> str | None:
        """The value of a field that may stand only once.

        :raises Refused: two readers could take different ones.
        """
        if name in self.repeated:
            raise Refused(400, f"the {name} header appears more than once")
        return self.fields.get(name)

    def accepted(self) -> tuple[bool, bool]:
        """Whether the client takes JSON, and whether it takes event streams."""
        value = self.fields.get("accept", "")
        return _accepted(", ".join([value, *self.repeated["accept"]]) if "accept" in self.repeated else value)

    def must_be_post_of_json(self) -> None:
        """Check what both eras ask of a POST (Sending Messages).

        :raises Refused: the client does not take both kinds of answers, or it sends something else than JSON.
        """
        if self.accepted() != (True, True):
            raise Refused(406, "a client must accept both application/json and text/event-stream")
        kind = (self.one("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, "the content-type must be application/json")


@lru_cache(maxsize=64)
def _accepted(value: str) -> tuple[bool, bool]:
    kinds = {kind.partition(";")[0].strip().lower() for kind in value.split(",")}
    return not kinds.isdisjoint(("application/json", "application/*", "*/*")), not kinds.isdisjoint(
        ("text/event-stream", "text/*", "*/*")
    )


async def read_message(head: Head, exchange: Exchange, limits: Limits) -> Message:
    """The one message that a POST carries.

    :raises Refused: the body is too large, or too slow.
    :raises FrameError: it is no message. It has not been answered yet; see :func:`refusal`.
    :raises ClientGone: the body did not come whole.
    """
    length = head.one("content-length")
    if length is not None and length.isdecimal() and int(length[:20]) > limits.frame_bytes:
        raise _too_large(limits.frame_bytes)
    try:
        async with asyncio.timeout(_BODY_SECONDS) as exchange.patience:
            raw = await _read_body(exchange, limits.frame_bytes)
    except TimeoutError:
        if exchange.interrupted:
            raise Refused(503, "the server is shutting down", headers=_CLOSE) from None
        raise Refused(408, "the body did not come in time", headers=_CLOSE) from None
    finally:
        exchange.patience = None
    try:
        return parse(raw, depth=limits.depth)
    except LimitExceeded as error:
        raise Refused(413, str(error)) from None


def refusal(error: FrameError) -> Refused:
    """The answer to a POST of a frame that was refused."""
    if error.reply is None:
        return Refused(400, str(error))
    reply = error.reply
    return Refused(400, reply.error["message"], code=reply.error["code"], number=reply.id)


async def _read_body(exchange: Exchange, limit: int) -> bytes:
    started = asyncio.get_running_loop().time()
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        event = await exchange.receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = event.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        more = event.get("more_body", False)
        if more and exchange.patience is not None and not exchange.interrupted:
            exchange.patience.reschedule(started + _BODY_SECONDS + size / _BODY_RATE)
    return b"".join(pieces)


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body is larger than {limit} bytes")
