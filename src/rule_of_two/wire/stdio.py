"""Our own standard input and output as a connection: what a client that starts us speaks to."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, cast

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire.streams import StreamTransport, connect
from rule_of_two.wire.transport import Limits


async def open_stdio(limits: Limits) -> StreamTransport:
    """Take over standard input and output.

    The wire moves to private descriptors that no child inherits. What is printed afterwards, by us or by a library,
    goes to standard error, and reading standard input finds its end, so nothing can get between the frames.

    :raises ConfigurationError: one of the two is closed.
    """
    # Python knows which were closed when it started; their numbers may belong to anything by now.
    if sys.__stdin__ is None or sys.__stdout__ is None:
        raise ConfigurationError(
            "standard input or output is closed; an MCP client that starts this command keeps both open"
        )
    source, sink = _private(0, "rb"), _private(1, "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere if sys.__stderr__ is None else 2, 1)
    os.close(nowhere)
    reader, writer = await connect(source, sink, limits)
    return StreamTransport(reader, writer, limits)


def _private(number: int, mode: str) -> BinaryIO:
    """An unbuffered file on a duplicate of a standard descriptor, above the standard range and closed in children."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  # exists there only

        duplicate = os.dup(number)
        msvcrt.setmode(duplicate, os.O_BINARY)
    else:
        import fcntl  # noqa: PLC0415  # exists elsewhere only

        duplicate = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)
    return cast("BinaryIO", os.fdopen(duplicate, mode, buffering=0))
