"""When to go on with a stream that broke off, and where."""

from __future__ import annotations

import random
import re
from typing import Final

from rule_of_two.wire.sse import EventParser

_FIRST_SECONDS: Final = 1.0
_LONGEST_SECONDS: Final = 60.0
_SHORTEST_SECONDS: Final = 0.1
"""A server that asks to be asked again at once must not keep this process busy."""
_SENDABLE: Final = re.compile(rb"[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?")


class Resuming:
    """What is known of one stream of events across the connections that carry it.

    ``attempts`` counts the connections since the last that brought anything.
    """

    def __init__(self, limit: int) -> None:
        self.attempts = 0
        self._limit = limit
        self._parser = EventParser(limit)

    @property
    def last_id(self) -> str:
        """Where the stream can be resumed, for a header, byte by byte; empty when it cannot."""
        given = self._parser.last_id
        return given.decode(errors="surrogateescape") if _SENDABLE.fullmatch(given) else ""

    def connected(self) -> EventParser:
        """What reads the next connection."""
        retry = self._parser.retry
        self._parser = EventParser(self._limit, last_id=self._parser.last_id)
        self._parser.retry = retry
        self.attempts += 1
        return self._parser

    def progressed(self) -> None:
        """The connection brought something."""
        self.attempts = 0

    def delay(self) -> float:
        """Seconds to wait before the next connection: what the server asked for at least, more with each failure, and
        never the same for many clients that lost one server together."""
        retry = self._parser.retry
        asked: float = _FIRST_SECONDS if retry is None else max(retry, _SHORTEST_SECONDS)
        backed_off: float = min(asked * 2 ** max(self.attempts - 1, 0), max(asked, _LONGEST_SECONDS))
        return backed_off * random.uniform(1.0, 1.5)  # noqa: S311  # no secret
