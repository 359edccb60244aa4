"""What the operator is told, on stderr: one line at a time, and never at the price of waiting.

A client may leave our stderr unread. So lines are written by a thread of their own from a bounded queue; what does not
fit is dropped and counted.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from contextlib import suppress
from typing import Final

_WAITING: Final = 1000
_END: Final = ""


class OperatorLog:
    """Lines for one file descriptor."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[str] = queue.Queue(_WAITING)
        self._dropped = 0
        self._thread: threading.Thread | None = None

    def say(self, line: str) -> None:
        """Have a line written soon; never waits."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, daemon=True, name="rule-of-two stderr")
            self._thread.start()
        if self._dropped and self._put(f"rule-of-two: {self._dropped} lines were left out here"):
            self._dropped = 0
        if not self._put(line):
            self._dropped += 1

    def _put(self, line: str) -> bool:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return False
        return True

    def close(self, seconds: float = 0.5) -> None:
        """Write what waits, if the reader takes it within ``seconds``."""
        if self._thread is not None:
            self._put(_END)
            self._thread.join(seconds)
            self._thread = None

    def _write(self) -> None:
        while line := self._lines.get():
            with suppress(OSError):
                self._write_whole(f"{line}\n".encode(errors="replace"))

    def _write_whole(self, data: bytes) -> None:
        # A terminal is one file for all three streams: where the two that carry MCP do not wait, this one does not.
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])


LOG: Final = OperatorLog()
"""This process's stderr."""


def say(message: str) -> None:
    """One sentence of ours for the operator; stdout carries MCP only."""
    LOG.say(f"rule-of-two: {message}")
