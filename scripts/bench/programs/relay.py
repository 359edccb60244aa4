"""The lower bound: parse each message with orjson, serialise it again, pass it on. Nothing else.

Usage: relay.py poll|asyncio COMMAND ARGS…
``poll`` waits in one ``poll()`` loop: what the work itself costs. ``asyncio`` uses its pipe transports: what any
gateway on asyncio pays before it does anything.
"""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
from typing import cast

import orjson


class Lines:
    """Cuts a stream into lines, each parsed and serialised again."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        *lines, last = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*self._rest, lines[0]))
            self._rest = []
        self._rest.append(last)
        return b"".join(orjson.dumps(orjson.loads(line), option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def relay_with_poll(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None  # noqa: S101  # both are pipes
    assert child.stdout is not None  # noqa: S101
    routes = {0: (child.stdin.fileno(), Lines()), child.stdout.fileno(): (1, Lines())}
    poll = select.poll()
    for source in routes:
        poll.register(source, select.POLLIN)
    while True:
        for source, _ in poll.poll():
            data = os.read(source, 1 << 20)
            if not data:
                return
            sink, lines = routes[source]
            frame = memoryview(lines.feed(data))
            while frame:
                frame = frame[os.write(sink, frame) :]


class Source(asyncio.Protocol):
    def __init__(self, sink: asyncio.WriteTransport, ended: asyncio.Event) -> None:
        self._sink = sink
        self._ended = ended
        self._lines = Lines()

    def data_received(self, data: bytes) -> None:
        self._sink.write(self._lines.feed(data))

    def eof_received(self) -> None:
        self._ended.set()


async def relay_with_asyncio(child: subprocess.Popen[bytes]) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    up, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, cast("object", child.stdin))
    down, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(os.dup(1), "wb", 0))
    await loop.connect_read_pipe(lambda: Source(down, ended), cast("object", child.stdout))
    await loop.connect_read_pipe(lambda: Source(up, ended), os.fdopen(os.dup(0), "rb", 0))
    await ended.wait()


def main() -> None:
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        if sys.argv[1] == "asyncio":
            asyncio.run(relay_with_asyncio(child))
        else:
            relay_with_poll(child)
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    main()
