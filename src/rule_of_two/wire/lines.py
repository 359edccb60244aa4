"""Bytes in, lines out: the framing of stdio. No I/O."""

from __future__ import annotations

from rule_of_two.errors import LimitExceeded


class LineBuffer:
    """Cuts a byte stream at newlines.

    Holds one unfinished line of at most ``limit`` bytes. No byte is searched twice, so a line costs time in proportion
    to its length, however small the pieces it arrives in.
    """

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their newlines.

        :raises LimitExceeded: a line is longer than the limit; what was held is thrown away.
        """
        lines = data.split(b"\n")
        rest = lines.pop()
        if not rest and not self._rest and len(data) <= self._limit:
            return lines  # whole lines: by far the most usual
        if lines and self._rest:
            lines[0] = b"".join((self._rest, lines[0]))
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > self._limit or any(len(line) > self._limit for line in lines):
            self._rest = bytearray()
            raise LimitExceeded(f"it sent a line of more than {self._limit} bytes")
        return lines

    def rest(self) -> bytes:
        """What stands after the last newline, at the end of the stream."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest
