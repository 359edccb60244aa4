"""Lines that a human types at a terminal, one at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Final

import anyio
import anyio.to_thread

_LONGEST: Final = 4096
"""Bytes of a line; as many as a terminal hands over at once."""


async def typed_lines(descriptor: int) -> AsyncIterator[str]:
    """Each line without its end, until the terminal or the human's input ends."""
    kept = b""
    while True:
        try:
            data = await _read(descriptor)
        except OSError:  # the terminal is gone
            return
        if not data:
            return
        *lines, kept = (kept + data).split(b"\n")
        kept = kept[-_LONGEST:]
        for line in lines:
            yield line.decode("utf-8", "replace")


async def _read(descriptor: int) -> bytes:
    if sys.platform == "win32":  # where only sockets can be waited for
        return await anyio.to_thread.run_sync(os.read, descriptor, _LONGEST)
    await anyio.wait_readable(descriptor)
    return os.read(descriptor, _LONGEST)
