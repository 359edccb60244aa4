"""What one client has open at the same time, and how much it may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rule_of_two.errors import Code
from rule_of_two.wire.codes import SERVER_BUSY
from rule_of_two.wire.frames import RequestId
from rule_of_two.wire.http_request import Refused
from rule_of_two.wire.http_server import HttpSettings

_LIMIT: Final[dict[str, Any]] = {"code": str(Code.LIMIT_EXCEEDED)}
_LATER: Final = ((b"retry-after", b"1"),)


class Usage:
    """Counts for one client. A request counts until it is answered, even when nobody waits for it any more."""

    def __init__(self, settings: HttpSettings) -> None:
        self.calls = 0
        self._requests = settings.requests
        # Answers to what we ask must come through while all requests wait for them, and each session has a GET.
        self._most_open = 2 * settings.requests + settings.sessions
        self._open = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """One HTTP request, whatever it is.

        :raises Refused: the client has too many open.
        """
        if self._open >= self._most_open:
            raise too_many(f"more than {self._most_open} HTTP requests of this client are open")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def begin_call(self, number: RequestId) -> None:
        """One JSON-RPC request, until :meth:`end_call`.

        :raises Refused: the client has too many in flight.
        """
        if self.calls >= self._requests:
            raise too_many(f"more than {self._requests} requests of this client are in flight", number)
        self.calls += 1

    def end_call(self) -> None:
        self.calls -= 1


def too_many(message: str, number: RequestId | None = None) -> Refused:
    """The refusal of what passes a limit of the client."""
    return Refused(429, message, code=SERVER_BUSY, data=_LIMIT, number=number, headers=_LATER)
