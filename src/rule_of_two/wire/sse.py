"""Server-sent events: bytes to events, as the WHATWG HTML standard (9.2.6) reads them. No I/O.

Data and ids stay bytes: whether they are UTF-8 is found out where they are used, and nothing is replaced on the way.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from rule_of_two.errors import LimitExceeded

_BOM: Final = b"\xef\xbb\xbf"
_MOST_RETRY_DIGITS: Final = 9
"""A larger number of milliseconds is more than eleven days: nobody means it, so it is ignored like other nonsense."""


class Event(Struct, frozen=True):
    """One event. ``id`` is the last one that the stream gave, in this event or before; empty when there is none."""

    type: str
    data: bytes
    id: bytes


class EventParser:
    """Reads one stream, piece by piece; how it is cut into pieces changes nothing.

    ``last_id`` is where the stream can be resumed, also when that came without an event. ``retry`` is how many seconds
    the server wants to be left alone before. What the stream breaks off in the middle of is no event.

    INVARIANT: no more than ``limit`` bytes are held between two pieces (test_no_more_than_the_limit_is_ever_held).
    """

    def __init__(self, limit: int, *, last_id: bytes = b"") -> None:
        self.last_id = last_id
        self.retry: float | None = None
        self._limit = limit
        self._line = bytearray()
        self._data = bytearray()
        self._type = b""
        self._id = last_id
        self._at_start = True
        self._after_cr = False

    @property
    def held(self) -> int:
        """Bytes of the stream that are kept for what comes next."""
        ids = len(self._id) if self._id is self.last_id else len(self._id) + len(self.last_id)
        return len(self._line) + len(self._data) + len(self._type) + ids

    def feed(self, piece: bytes) -> list[Event]:
        """The events that are complete now.

        :raises LimitExceeded: an event is too long. The stream cannot be read any further.
        """
        if self._at_start:
            piece = self._without_bom(piece)
        if piece and self._after_cr:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events: list[Event] = []
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
            for line in lines:
                self._take(line, events)
        self._line += rest
        self._check()
        return events

    def _without_bom(self, piece: bytes) -> bytes:
        """``piece``, without a byte order mark if the stream begins with one; nothing until that is known."""
        start = bytes(self._line) + piece
        self._line.clear()
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._line += start
            return b""
        self._at_start = False
        return start.removeprefix(_BOM)

    def _take(self, line: bytes, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
            return
        name, colon, value = line.partition(b":")
        if colon and value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data += value
            self._data += b"\n"
        elif name == b"event":
            self._type = value
        elif name == b"id":
            if b"\0" not in value:
                self._id = value
        elif name == b"retry" and value.isdigit() and len(value) <= _MOST_RETRY_DIGITS:
            self.retry = int(value) / 1000
        self._check()

    def _dispatch(self, events: list[Event]) -> None:
        self.last_id = self._id
        if self._data:
            kind = self._type.decode(errors="replace") or "message"
            events.append(Event(kind, bytes(self._data[:-1]), self.last_id))
            self._data.clear()
        self._type = b""

    def _check(self) -> None:
        if self.held > self._limit:
            raise LimitExceeded(f"it sent an event of more than {self._limit} bytes")
