"""Byte streams through worker threads, for files that cannot be polled. They look like asyncio's pipe transports.

A thread that blocks in the system cannot be stopped from outside. Both threads are daemons and own their file, so they
end with it, or with the process.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import BinaryIO, Final

_PIECE: Final = 64 * 1024
_HIGH_WATER: Final = 64 * 1024


class ThreadSource(asyncio.ReadTransport):
    """Reads a file in a thread and hands the pieces to ``protocol`` on the loop, one at a time."""

    def __init__(self, file: BinaryIO, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._file = file
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._may_read = threading.Event()
        self._may_read.set()
        protocol.connection_made(self)
        threading.Thread(target=self._read, daemon=True, name="rule-of-two reader").start()

    def pause_reading(self) -> None:
        self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._may_read.set()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def _fail(self, error: OSError) -> None:
        """Reading failed, which is no end of the file."""
        if not self._closing:
            self._closing = True
            self._protocol.connection_lost(error)

    def _read(self) -> None:
        with self._file:
            while not self._closing:
                try:
                    data = os.read(self._file.fileno(), _PIECE)
                except OSError as error:
                    _call(self._loop, partial(self._fail, error))
                    return
                if not self._hand_over(data) or not data:
                    return

    def _hand_over(self, data: bytes) -> bool:
        """Let the loop take ``data``, then wait until it wants more. False when the loop is gone."""
        taken = threading.Event()

        def deliver() -> None:
            if self._closing:
                pass
            elif data:
                self._protocol.data_received(data)
            else:
                self._protocol.eof_received()
                self.close()
            taken.set()

        if not _call(self._loop, deliver):
            return False
        taken.wait()
        self._may_read.wait()
        return True


class ThreadSink(asyncio.WriteTransport):
    """Writes to a file in a thread, in order, and tells ``protocol`` to pause while much is waiting."""

    def __init__(self, file: BinaryIO, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._file = file
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._lost = False
        self._paused = False
        self._waiting = 0
        self._work: SimpleQueue[bytes | None] = SimpleQueue()
        protocol.connection_made(self)
        threading.Thread(target=self._write, daemon=True, name="rule-of-two writer").start()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._waiting += len(data)
        self._work.put(bytes(data))
        if self._waiting > _HIGH_WATER and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self._waiting

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._work.put(None)

    def abort(self) -> None:
        self.close()
        self._lose(None)

    def _write(self) -> None:
        failure: OSError | None = None
        with self._file:
            while failure is None and (data := self._work.get()) is not None:
                try:
                    self._write_whole(data)
                except OSError as error:
                    failure = error
        _call(self._loop, partial(self._lose, failure))

    def _write_whole(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._lost:
            written = os.write(self._file.fileno(), rest[:_PIECE])
            rest = rest[written:]
            _call(self._loop, partial(self._wrote, written))

    def _wrote(self, count: int) -> None:
        self._waiting -= count
        if self._paused and self._waiting <= _HIGH_WATER // 4:
            self._paused = False
            self._protocol.resume_writing()

    def _lose(self, error: Exception | None) -> None:
        self._closing = True
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> bool:
    """Run ``what`` on the loop soon. False when the loop is closed: nobody waits for it any more."""
    try:
        loop.call_soon_threadsafe(what)
    except RuntimeError:
        return False
    return True
