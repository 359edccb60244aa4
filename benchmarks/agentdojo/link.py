"""A connection inside one process. Frames go through the real encoder and the real parser in both directions."""

from __future__ import annotations

import asyncio

from rule_of_two.wire.frames import Message, RequestId, encode, parse
from rule_of_two.wire.transport import CLOSED, Ending, EndOfStream, NotSent, Transport


class _End:
    """One end: :class:`~rule_of_two.wire.transport.Transport`."""

    def __init__(self, incoming: asyncio.Queue[bytes | Ending], outgoing: asyncio.Queue[bytes | Ending]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False

    async def receive(self) -> Message:
        item = await self._incoming.get()
        if isinstance(item, Ending):
            raise EndOfStream(CLOSED, item)
        return parse(item)

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        if self._closed:
            raise NotSent(CLOSED)
        self._outgoing.put_nowait(encode(message))

    async def dismiss(self, request: RequestId) -> None:
        """Nothing is kept for a request."""

    async def let_go(self, request: RequestId) -> None:
        """There is one stream for all requests."""

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._incoming.put_nowait(Ending.CLOSED)
            self._outgoing.put_nowait(Ending.FINISHED)


def link() -> tuple[Transport, Transport]:
    """The two ends of a new connection."""
    one: asyncio.Queue[bytes | Ending] = asyncio.Queue()
    other: asyncio.Queue[bytes | Ending] = asyncio.Queue()
    return _End(one, other), _End(other, one)
