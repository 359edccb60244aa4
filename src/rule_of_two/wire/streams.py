"""Messages over a pair of byte streams: one line a frame, with back-pressure in both directions.

asyncio's pipe transports carry the bytes where the system can poll the file; worker threads do elsewhere (Windows,
terminals, regular files). The protocols here are the same for both.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections import deque
from contextlib import suppress
from typing import BinaryIO, Final, cast

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.frames import Message, RequestId, encode_line, parse
from rule_of_two.wire.lines import LineBuffer
from rule_of_two.wire.threads import ThreadSink, ThreadSource
from rule_of_two.wire.transport import BROKE, CLOSED, Ending, EndOfStream, Limits, NotSent, finish

_READ_AHEAD: Final = 256 * 1024
"""Bytes of complete lines that are held before the peer has to wait."""

_PIPE_BYTES: Final = 64 * 1024
"""What a pipe holds, so that reading more at once gains nothing."""

_FAIR_SHARE: Final = 64
"""Lines that one peer may have handled in a row before everyone else gets a turn."""


class LineReader(asyncio.Protocol):
    """The lines of one byte source. Reads ahead a little, then lets the peer wait."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = LineBuffer(limits.frame_bytes)
        self._lines: deque[bytes] = deque()
        self._held = 0
        self._in_a_row = 0
        self._paused = False
        self._end: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._source: asyncio.ReadTransport
        self._timer: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()

    async def line(self) -> bytes:
        """The next line that is not blank.

        :raises EndOfStream: there are no more.
        :raises LimitExceeded: the next one is too long.
        """
        while True:
            while self._lines:
                line = self._lines.popleft()
                self._held -= len(line) + 1
                if self._paused and self._held < _READ_AHEAD // 2:
                    self._paused = False
                    self._source.resume_reading()
                self._in_a_row += 1
                if self._in_a_row >= _FAIR_SHARE:
                    self._in_a_row = 0
                    await asyncio.sleep(0)
                if line and not line.isspace():
                    return line
            if self._end is not None:
                raise self._end
            self._in_a_row = 0
            self._waiter = self._loop.create_future()
            await self._waiter

    def end(self, error: Exception) -> None:
        """No lines are taken in after those that are here; ``error`` comes after them. The first call counts."""
        if self._end is None:
            self._end = error
            self._wake()

    def end_within(self, seconds: float, error: Exception) -> None:
        """Like :meth:`end`, unless the source ends by itself within ``seconds``."""
        if self._end is None and self._timer is None:
            self._timer = self._loop.call_later(seconds, self.end, error)

    def drain(self) -> None:
        """End, but go on reading and throw it away: a peer that is stuck writing cannot notice our end."""
        self.end(EndOfStream(CLOSED, Ending.CLOSED))
        self._lines.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            self._source.resume_reading()

    async def close(self) -> None:
        """Throw away what is here and close the source."""
        self.drain()
        if self._timer is not None:
            self._timer.cancel()
        self._source.close()
        await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._source = cast("asyncio.ReadTransport", transport)
        if hasattr(transport, "max_size"):
            # asyncio's own 256 KiB are taken from the system and given back for every small frame: 35 µs a call.
            transport.max_size = _PIPE_BYTES

    def data_received(self, data: bytes) -> None:
        if self._end is not None:
            return
        try:
            lines = self._buffer.feed(data)
        except LimitExceeded as error:
            self.end(error)
            return
        if lines:
            self._lines.extend(lines)
            self._held += len(lines[0]) + 1 if len(lines) == 1 else sum(map(len, lines)) + len(lines)
            if self._held > _READ_AHEAD and not self._paused:
                self._paused = True
                self._source.pause_reading()
            self._wake()

    def eof_received(self) -> None:
        rest = self._buffer.rest()
        if not rest or rest.isspace():
            self.end(EndOfStream("it closed the connection", Ending.FINISHED))
            return
        if self._end is None:
            self._lines.append(rest)
        # The frame may be whole; but whoever means to end the connection ends the line first.
        self.end(EndOfStream("it closed the connection in the middle of a line", Ending.BROKEN))

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(EndOfStream(BROKE, Ending.BROKEN))
        self._lost.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LineWriter(asyncio.BaseProtocol):
    """Writes frames one after the other, whole, and waits while the peer does not read.

    When nothing can be written any more, ``reader`` ends too: a request that is not delivered gets no reply.
    """

    def __init__(self, limits: Limits, reader: LineReader) -> None:
        self._limits = limits
        self._reader = reader
        self._sink: asyncio.WriteTransport
        self._turn = asyncio.Lock()
        self._writable = asyncio.Event()
        self._lost = asyncio.Event()

    async def write(self, frame: bytes) -> None:
        """Hand one frame over.

        :raises NotSent: the connection is closed, or the peer has not read anything for too long.
        """
        if self.write_now(frame):
            return
        async with self._turn:
            await self._until_writable()
            self._put(frame)

    def write_now(self, frame: bytes) -> bool:
        """Hand one frame over, unless others wait, or the peer does not read: then :meth:`write` has to wait as well.

        :raises NotSent: as :meth:`write`.
        """
        if not self._writable.is_set() or self._turn.locked():
            return False
        self._put(frame)
        return True

    async def close(self, *, patient: bool = True) -> None:
        """Let the peer have what was written, for a bounded time, and close. Without patience only if it reads."""
        if not patient and not self._writable.is_set():
            self._sink.abort()
        self._sink.close()
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await self._lost.wait()
        except TimeoutError:
            self._sink.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._sink = cast("asyncio.WriteTransport", transport)
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self._writable.set()
        # What the peer wrote before it went is still worth reading, so its own end comes first if it comes soon.
        stopped = EndOfStream("it stopped reading", Ending.BROKEN)
        self._reader.end_within(self._limits.close_seconds, stopped)

    def _put(self, frame: bytes) -> None:
        if self._sink.is_closing() or self._lost.is_set():
            raise NotSent(CLOSED)
        self._sink.write(frame)

    async def _until_writable(self) -> None:
        """Wait as long as the peer reads at all."""
        left = self._sink.get_write_buffer_size()
        while not self._writable.is_set():
            try:
                async with asyncio.timeout(self._limits.write_seconds):
                    await self._writable.wait()
            except TimeoutError:
                unread = self._sink.get_write_buffer_size()
                if unread >= left:
                    reason = f"it did not read for {self._limits.write_seconds:g} s"
                    self._reader.end(EndOfStream(reason, Ending.BROKEN))
                    self._sink.abort()
                    raise NotSent(reason) from None
                left = unread


class StreamTransport:
    """A :class:`~rule_of_two.wire.transport.Transport` over a reader and a writer of lines."""

    def __init__(self, reader: LineReader, writer: LineWriter, limits: Limits) -> None:
        self._reader = reader
        self._writer = writer
        self._depth = limits.depth
        self._closing: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        return parse(await self._reader.line(), depth=self._depth)

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        frame = encode_line(message)
        if not self._writer.write_now(frame):
            await self._writer.write(frame)

    async def dismiss(self, request: RequestId) -> None:
        """One channel keeps nothing for a request."""

    async def let_go(self, request: RequestId) -> None:
        """One channel has no stream for a request."""

    async def aclose(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await finish(self._closing)

    async def _close(self) -> None:
        self._reader.drain()
        await self._writer.close()
        await self._reader.close()


async def connect(source: BinaryIO, sink: BinaryIO, limits: Limits) -> tuple[LineReader, LineWriter]:
    """A reader of ``source`` and a writer to ``sink``, which they own from now on.

    Both files are unbuffered; a pipe is switched to non-blocking.
    """
    reader = LineReader(limits)
    writer = LineWriter(limits, reader)
    # asyncio takes bytes that come in on the socket it writes to for the end of the peer: one socket for both
    # directions is left to threads.
    if (
        _can_poll(source)
        and _can_poll(sink)
        and not os.path.samestat(os.fstat(source.fileno()), os.fstat(sink.fileno()))
    ):
        try:
            await read_from(source, reader)
            await asyncio.get_running_loop().connect_write_pipe(lambda: writer, sink)
        except BaseException:
            discard(source, sink)
            raise
    else:
        ThreadSource(source, reader)
        ThreadSink(sink, writer)
    return reader, writer


async def read_from(source: BinaryIO, protocol: asyncio.Protocol) -> None:
    """Let ``protocol`` have what comes from ``source``, an unbuffered file that it owns from now on."""
    if _can_poll(source):
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, source)
    else:
        ThreadSource(source, protocol)


def discard(*files: BinaryIO) -> None:
    """Close files whose connection failed half-way; an event loop may have closed their descriptors already."""
    for file in files:
        with suppress(OSError):
            file.close()


def _can_poll(file: BinaryIO) -> bool:
    """Whether asyncio can wait for it. It could for a terminal, but non-blocking mode would reach the shell."""
    if sys.platform == "win32":
        return False
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
