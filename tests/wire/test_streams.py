"""Messages over real pipes, and over worker threads where files cannot be polled."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import pytest

from rule_of_two.errors import LimitExceeded
from rule_of_two.wire.frames import FrameError, Notification, Request, Result, encode_line
from rule_of_two.wire.streams import LineReader, StreamTransport, connect
from rule_of_two.wire.transport import Ending, EndOfStream, Limits, NotSent
from tests.wire.playbook import SECONDS

Kind = Literal["pipes", "threads"]
KINDS: tuple[Kind, ...] = ("pipes", "threads")
BIG = Notification("notifications/x", {"text": "x" * 1_000_000})


def opened(number: int, mode: Literal["rb", "wb"]) -> BinaryIO:
    return cast("BinaryIO", os.fdopen(number, mode, buffering=0))


class FarEnd:
    """The other ends of the two pipes, blocking, used from worker threads."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.source = source
        self.sink = sink

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(_write_whole, self.sink, data)

    async def read_line(self) -> bytes:
        return await asyncio.to_thread(_read_line, self.source)


def _write_whole(sink: BinaryIO, data: bytes) -> None:
    while data:
        data = data[sink.write(data) :]


def _read_line(source: BinaryIO) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = source.read(65536)
        if not piece:
            break
        line += piece
    return line


@asynccontextmanager
async def connection(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, limits: Limits | None = None
) -> AsyncIterator[tuple[StreamTransport, FarEnd]]:
    if kind == "threads":
        monkeypatch.setattr("rule_of_two.wire.streams._can_poll", lambda file: False)
    limits = limits or Limits(close_seconds=0.1)
    our_source, their_sink = os.pipe()
    their_source, our_sink = os.pipe()
    far = FarEnd(opened(their_source, "rb"), opened(their_sink, "wb"))
    reader, writer = await connect(opened(our_source, "rb"), opened(our_sink, "wb"), limits)
    transport = StreamTransport(reader, writer, limits)
    try:
        yield transport, far
    finally:
        far.sink.close()  # a thread that reads is freed
        async with asyncio.timeout(SECONDS):
            await transport.aclose()
        far.source.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_messages_pass_in_both_directions(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        await transport.send(Request(1, "m", {"a": 1}))
        assert await far.read_line() == b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}\n'
        await far.write(b'\n \r\n{"jsonrpc":"2.0","id":1,"re')
        await far.write(b'sult":{}}\r\n{"jsonrpc":"2.0","method":"notifications/x"}\n')
        assert await transport.receive() == Result(1, {})
        assert await transport.receive() == Notification("notifications/x", {})


@pytest.mark.parametrize("kind", KINDS)
async def test_large_messages_pass_in_both_directions(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        heard = asyncio.create_task(far.read_line())
        await transport.send(BIG)
        assert await heard == encode_line(BIG)
        said = asyncio.create_task(far.write(encode_line(BIG)))
        assert await transport.receive() == BIG
        await said


@pytest.mark.parametrize("kind", KINDS)
async def test_the_end_of_the_file_is_the_end_of_the_stream(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        await far.write(b'{"jsonrpc":"2.0","id":1,"result":{}}\n \r')
        far.sink.close()
        assert await transport.receive() == Result(1, {})
        for _ in range(2):
            with pytest.raises(EndOfStream, match=r"^it closed the connection$") as caught:
                await transport.receive()
            assert caught.value.ending is Ending.FINISHED


@pytest.mark.parametrize("kind", KINDS)
async def test_an_end_in_the_middle_of_a_line_is_no_orderly_end(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        await far.write(b'{"jsonrpc":"2.0","id":1,"result":{}}')
        far.sink.close()
        assert await transport.receive() == Result(1, {})  # it is whole, so it counts
        with pytest.raises(EndOfStream, match="in the middle of a line") as caught:
            await transport.receive()
        assert caught.value.ending is Ending.BROKEN


async def test_a_file_that_cannot_be_read_any_more_is_no_orderly_end(tmp_path: Path) -> None:
    limits = Limits(close_seconds=0.1)
    source = (tmp_path / "in").open("wb", 0)  # it can only be written
    transport = StreamTransport(*await connect(source, (tmp_path / "out").open("wb", 0), limits), limits)
    with pytest.raises(EndOfStream, match="the connection broke") as caught:
        async with asyncio.timeout(SECONDS):
            await transport.receive()
    assert caught.value.ending is Ending.BROKEN
    async with asyncio.timeout(SECONDS):
        await transport.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_frame_that_is_refused_does_not_end_the_stream(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        await far.write(b'\xff\xfe\n{"jsonrpc":"2.0","id":1,"result":{}}\n')
        with pytest.raises(FrameError):
            await transport.receive()
        assert await transport.receive() == Result(1, {})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flood_without_a_newline_ends_the_stream(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(frame_bytes=100_000, close_seconds=0.1)
    async with connection(kind, monkeypatch, limits) as (transport, far):
        flood = asyncio.create_task(far.write(b"x" * 1_000_000))
        with pytest.raises(LimitExceeded, match="more than 100000 bytes"):
            await transport.receive()
        await flood  # it is read and thrown away


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_writes_faster_than_we_read_has_to_wait(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        line = encode_line(Notification("notifications/x", {"text": "x" * 1000}))
        flood = asyncio.create_task(far.write(line * 5000))
        await transport.receive()
        held: list[int] = []
        for _ in range(4999):
            await transport.receive()
            held.append(transport._reader._held)
        await flood
        assert max(held) < 2 * 256 * 1024


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_does_not_read_loses_the_connection(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(write_seconds=0.05, close_seconds=0.1)
    async with connection(kind, monkeypatch, limits) as (transport, _):
        await transport.send(BIG)
        with pytest.raises(NotSent, match=r"did not read for 0\.05 s"):
            async with asyncio.timeout(SECONDS):
                await transport.send(BIG)
        with pytest.raises(EndOfStream, match=r"did not read for 0\.05 s") as caught:
            await transport.receive()
        assert caught.value.ending is Ending.BROKEN
        with pytest.raises(NotSent):
            await transport.send(BIG)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_reads_slowly_keeps_the_connection(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(write_seconds=0.2, close_seconds=0.1)
    async with connection(kind, monkeypatch, limits) as (transport, far):
        sending = asyncio.gather(*(transport.send(Request(number, "m", BIG.params)) for number in range(3)))
        wanted = 3 * len(encode_line(Request(0, "m", BIG.params)))
        while wanted:
            wanted -= len(await asyncio.to_thread(far.source.read, 64 * 1024))
            await asyncio.sleep(0.01)  # this is the slowness; in all it takes more than write_seconds
        await sending


@pytest.mark.parametrize("kind", KINDS)
async def test_frames_of_many_writers_are_never_mixed(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        requests = [Request(number, "m", {"text": str(number) * 70_000}) for number in range(20)]
        sending = asyncio.gather(*(transport.send(request) for request in requests))
        heard = b""
        while heard.count(b"\n") < 20:
            heard += await asyncio.to_thread(far.source.read, 1 << 20)
        await sending
        assert heard == b"".join(encode_line(request) for request in requests)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_peer_wrote_before_it_stopped_reading_still_arrives(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connection(kind, monkeypatch) as (transport, far):
        far.source.close()
        await transport.send(BIG)
        await far.write(b'{"jsonrpc":"2.0","id":1,"result":{}}\n')
        assert await transport.receive() == Result(1, {})
        with pytest.raises(EndOfStream, match="it stopped reading") as caught:
            async with asyncio.timeout(SECONDS):
                await transport.receive()
        assert caught.value.ending is Ending.BROKEN
        with pytest.raises(NotSent):
            await transport.send(Request(2, "m", {}))


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_delivers_what_was_written_and_ends_receiving(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connection(kind, monkeypatch, Limits(close_seconds=SECONDS)) as (transport, far):
        receiving = asyncio.create_task(transport.receive())
        await transport.send(BIG)
        heard = asyncio.create_task(far.read_line())
        await transport.aclose()
        assert await heard == encode_line(BIG)
        assert await far.read_line() == b""
        with pytest.raises(EndOfStream, match="the connection was closed") as caught:
            await receiving
        assert caught.value.ending is Ending.CLOSED
        with pytest.raises(NotSent):
            await transport.send(BIG)


@pytest.mark.parametrize("kind", KINDS)
async def test_closing_a_connection_that_nobody_reads_takes_a_bounded_time(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connection(kind, monkeypatch) as (transport, _):
        await transport.send(BIG)
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(transport.aclose(), transport.aclose())


async def test_a_flood_leaves_everyone_else_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection("pipes", monkeypatch) as (transport, far):
        await far.write(encode_line(Notification("notifications/x", {})) * 1000 + b"\n" * 1000)
        await transport.receive()
        turns = 0

        async def someone_else() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(someone_else())
        for _ in range(999):
            await transport.receive()
        other.cancel()
        assert turns >= 999 // 64


async def test_closing_is_finished_although_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connection("pipes", monkeypatch) as (transport, far):
        closing = asyncio.create_task(transport.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert await far.read_line() == b""


async def test_a_regular_file_is_read_to_its_end_and_written(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b'{"jsonrpc":"2.0","id":1,"method":"m"}\n')
    limits = Limits()
    ends = await connect(opened(os.open(tmp_path / "in", os.O_RDONLY), "rb"), (tmp_path / "out").open("wb", 0), limits)
    transport = StreamTransport(*ends, limits)
    assert await transport.receive() == Request(1, "m", {})
    with pytest.raises(EndOfStream):
        await transport.receive()
    await transport.send(Result(1, {}))
    await transport.aclose()
    assert (tmp_path / "out").read_bytes() == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'


@pytest.mark.parametrize("shared", [False, True])
async def test_sockets_work_too_also_one_for_both_directions(shared: bool) -> None:
    ours, theirs = socket.socketpair()
    ours_out, theirs_in = (ours, theirs) if shared else socket.socketpair()
    limits = Limits(close_seconds=0.1)
    sink = opened(os.dup(ours_out.fileno()), "wb")
    reader, writer = await connect(opened(os.dup(ours.fileno()), "rb"), sink, limits)
    ours.close()
    ours_out.close()
    transport = StreamTransport(reader, writer, limits)
    await asyncio.to_thread(theirs.sendall, b'{"jsonrpc":"2.0","id":1,"method":"m"}\n')
    assert await transport.receive() == Request(1, "m", {})
    await transport.send(Result(1, {}))
    assert await asyncio.to_thread(theirs_in.recv, 1000) == b'{"jsonrpc":"2.0","id":1,"result":{}}\n'
    theirs.close()
    theirs_in.close()
    with pytest.raises(EndOfStream):
        await transport.receive()
    await transport.aclose()


async def test_a_connection_that_breaks_before_it_ends_is_an_end_too() -> None:
    reader = LineReader(Limits())
    reader.connection_lost(OSError("broken"))
    with pytest.raises(EndOfStream, match="the connection broke") as caught:
        await reader.line()
    assert caught.value.ending is Ending.BROKEN


async def test_a_file_that_cannot_be_connected_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(source: BinaryIO, protocol: asyncio.Protocol) -> None:
        raise OSError("no more descriptors")

    monkeypatch.setattr("rule_of_two.wire.streams.read_from", fail)
    source, unused_sink = (opened(number, "rb") for number in os.pipe())
    unused_source, sink = (opened(number, "rb") for number in os.pipe())
    with pytest.raises(OSError, match="no more descriptors"):
        await connect(source, sink, Limits())
    assert source.closed
    assert sink.closed
    unused_sink.close()
    unused_source.close()
