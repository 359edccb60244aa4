"""Server-sent events as they are written (HTML, Server-sent events), one JSON-RPC message each. No I/O, no state."""

from __future__ import annotations

from typing import Final

COMMENT: Final = b": keep-alive\n\n"
RETRY_MILLISECONDS: Final = 1000
"""How long a client should wait before it takes up a broken stream again."""


def event(message: bytes, number: str | None = None) -> bytes:
    """One encoded message, which holds no line break, as an event. ``number`` is what a client resumes after.

    Characters that some readers take for the end of a line, though the standard does not, are escaped. They can only
    stand in a JSON text, where the escape says the same.
    """
    for raw, escaped in _LOOK_LIKE_LINES:
        if raw in message:
            message = message.replace(raw, escaped)
    head = b"event: message\n" if number is None else b"event: message\nid: %b\n" % number.encode()
    return b"%bdata: %b\n\n" % (head, message)


def priming(number: str) -> bytes:
    """The event without data that lets a client resume before anything else was sent (2025-11-25, Transports)."""
    return b"id: %b\nretry: %d\ndata: \n\n" % (number.encode(), RETRY_MILLISECONDS)


_LOOK_LIKE_LINES: Final = tuple((c.encode(), b"\\u%04x" % ord(c)) for c in "\u0085\u2028\u2029")
