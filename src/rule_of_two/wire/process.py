"""An upstream that runs as a child of ours and speaks over its standard input and output.

Whatever the child does, :meth:`ProcessTransport.aclose` leaves no process of its group behind: standard input is
closed, then the whole group is asked to terminate, then it is killed. Each step is given ``Limits.close_seconds``. The
child leads a session of its own, so it cannot leave its group; a descendant that makes itself a daemon can.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.wire.codes import PARSE_ERROR
from rule_of_two.wire.frames import FrameError, Message
from rule_of_two.wire.streams import LineReader, LineWriter, StreamTransport, connect, discard, read_from
from rule_of_two.wire.transport import CLOSED, Ending, EndOfStream, Limits, finish

_LOG_LINE_BYTES: Final = 8 * 1024
_GROUP_POLL_SECONDS: Final = 0.01

logger = logging.getLogger(__name__)


class ProcessTransport(StreamTransport):
    """The connection to one child process, which lives as long as the connection."""

    def __init__(self, child: Child, log: Log, reader: LineReader, writer: LineWriter, limits: Limits) -> None:
        super().__init__(reader, writer, limits)
        self._child = child
        self._log = log

    async def receive(self) -> Message:
        """The next message; what is no JSON is noise on a child's standard output, so it is never answered."""
        try:
            return await super().receive()
        except EndOfStream as end:
            raise EndOfStream(await self._child.fate(str(end)), end.ending) from None
        except FrameError as error:
            if error.reply is not None and error.reply.error["code"] == PARSE_ERROR:
                raise FrameError(str(error)) from None
            raise

    async def _close(self) -> None:
        self._reader.drain()
        await self._writer.close(patient=False)  # clients do not wait long for us to end
        await self._child.stop()
        await self._reader.close()
        self._log.close()


class Child:
    """A started process, until it is reaped and its group is gone."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self._process = process
        self._seconds = limits.close_seconds
        self._stopping = False
        self._exited = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._on_exit: Callable[[], None] = lambda: None
        threading.Thread(target=self._reap, daemon=True, name=f"rule-of-two waits for {process.pid}").start()

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call back once, on the loop, when the process has ended."""
        self._on_exit = callback
        if self._exited.is_set():
            callback()

    async def fate(self, otherwise: str) -> str:
        """How the process ended, for a human; ``otherwise`` when we end it, or it goes on."""
        if self._stopping or not await self._ended():
            return otherwise
        code = self._process.returncode
        return f"it exited with status {code}" if code >= 0 else f"it was ended by signal {-code}"

    async def stop(self) -> None:
        """Wait, terminate, wait, kill. Standard input must be closed before."""
        self._stopping = True
        await self._ended()
        if sys.platform == "win32":
            if not self._exited.is_set():
                kill = ("taskkill", "/F", "/T", "/PID", str(self._process.pid))
                await asyncio.to_thread(subprocess.run, kill, capture_output=True, check=False)
                await self._ended()
            return
        # Children of the child count too, so the group is signalled even when its leader has left.
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self._signal(number) or await self._group_ended():
                await self._ended()
                return
        logger.warning("process group %d cannot be killed and is left behind", self._process.pid)

    async def _ended(self) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    async def _group_ended(self) -> bool:
        """Wait for the whole group. Nothing tells when a group empties, so it is asked every few milliseconds."""
        deadline = self._loop.time() + self._seconds
        while self._signal(0):
            if self._loop.time() > deadline:
                return False
            await asyncio.sleep(_GROUP_POLL_SECONDS)
        return True

    def _signal(self, number: int) -> bool:
        """Signal the whole group. False when there is none any more; Windows has none at all."""
        if sys.platform == "win32":
            return False
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # it holds a process of another user, or one that is being reaped
            return True
        return True

    def _reap(self) -> None:
        self._process.wait()
        try:
            self._loop.call_soon_threadsafe(self._has_ended)
        except RuntimeError:
            logger.debug("process %d ended after the event loop", self._process.pid)

    def _has_ended(self) -> None:
        self._exited.set()
        self._on_exit()


class Log(asyncio.Protocol):
    """Standard error, line by line. What a line has beyond 8 KiB is left out."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._cut = False
        self._source: asyncio.BaseTransport

    def close(self) -> None:
        """Read no more. A process that left the group could hold its end open for ever."""
        self.eof_received()
        self._source.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._source = transport

    def data_received(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
            self._cut = False
        self._rest = rest
        if len(rest) > _LOG_LINE_BYTES:
            self._say(rest)
            self._cut = True
            self._rest = b""

    def eof_received(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            self._say(rest)

    def _say(self, line: bytes) -> None:
        if not self._cut:
            more = " […]" if len(line) > _LOG_LINE_BYTES else ""
            self._on_line(line[:_LOG_LINE_BYTES].decode("utf-8", "replace").rstrip("\r") + more)


async def open_process(
    command: str,
    args: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    on_stderr: Callable[[str], None],
    limits: Limits,
) -> ProcessTransport:
    """Start an upstream. ``env`` is its whole environment; ``on_stderr`` gets each line of its standard error.

    :raises UpstreamUnavailable: it cannot be started; one sentence that names the command.
    """
    process = _start(command, args, env, cwd)
    source, sink, errors = (cast("BinaryIO", file) for file in (process.stdout, process.stdin, process.stderr))
    child = Child(process, limits)
    log = Log(on_stderr)
    try:
        reader, writer = await connect(source, sink, limits)
        await read_from(errors, log)
    except BaseException:
        discard(source, sink, errors)
        await finish(asyncio.get_running_loop().create_task(child.stop()))
        raise
    # Its own children may hold its output open for ever.
    child.on_exit(lambda: reader.end_within(limits.close_seconds, EndOfStream(CLOSED, Ending.BROKEN)))
    return ProcessTransport(child, log, reader, writer, limits)


def _start(command: str, args: Sequence[str], env: Mapping[str, str], cwd: Path | None) -> subprocess.Popen[bytes]:
    program = command
    if not Path(command).parent.name and os.sep not in command:
        found = shutil.which(command, path=env.get("PATH", os.defpath))
        if found is None:
            raise UpstreamUnavailable(
                f"the command '{command}' was not found on the PATH that it would get; "
                "install it, give its full path, or set PATH in its env"
            )
        program = found
    try:
        return subprocess.Popen(  # noqa: S603  # what the operator configured, and no shell
            [program, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,  # ignored on Windows
        )
    except FileNotFoundError as error:
        missing = f"the folder '{cwd}' that it should run in" if cwd and not cwd.is_dir() else "it or its interpreter"
        raise UpstreamUnavailable(f"the command '{command}' cannot be started: {missing} does not exist") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UpstreamUnavailable(f"the command '{command}' cannot be started: {reason}") from error
