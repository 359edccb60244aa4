"""The local channel between gateway and consoles: a :class:`DeskServer` for one, a :class:`DeskClient` for the other.

A console that is slow, dead or hostile costs the gateway a bounded amount of memory and never a wait: what it is sent
is queued up to a limit, what it sends is short, and every breach ends its connection. If it was the last one, what
waits is refused.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread
from anyio.streams.buffered import BufferedByteReceiveStream

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.endorsement import Endorsement
from rule_of_two.approvals.endpoint import Endpoint, connect, endpoints, gateways_folder, is_trusted, listen
from rule_of_two.approvals.messages import (
    MAX_CONSOLE_LINE,
    MAX_LINE,
    PROTOCOL,
    Answered,
    Commanded,
    ConsoleHello,
    Endorsing,
    GatewayHello,
    Refused,
    Settling,
    ToConsole,
    ToGateway,
    decode_to_console,
    decode_to_gateway,
    encode_to_console,
    encode_to_gateway,
)
from rule_of_two.errors import BadRequest

MAX_CONSOLES: Final = 8
MAX_QUEUED_LINES: Final = 1000
MAX_QUEUED_BYTES: Final = 160 * 1024 * 1024
"""More than all questions that may wait, so that a new console can be told of them."""

MAX_REFUSED: Final = 50
"""Answers of one connection that may be refused."""

HELLO_SECONDS: Final = 5
STALL_SECONDS: Final = 10
"""How long one line may take to be read."""

POLL_SECONDS: Final = 0.25
TIDY_SECONDS: Final = 1.0
_PARSED_AT_ONCE: Final = 64 * 1024
"""Bytes of a line that is parsed where it is read. A longer one goes to a thread, so that keys are not delayed."""

_GONE = (
    OSError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    anyio.IncompleteRead,
)
_UNFIT = (BadRequest, PermissionError, anyio.DelimiterNotFound)


class DeskServer:
    """Lets consoles attach to one gateway's :class:`~.desk.Desk`."""

    def __init__(self, desk: Desk, *, state: Path, gateway: str) -> None:
        self._desk = desk
        self._state = state
        self._gateway = gateway
        self._connected = 0

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started once a console can attach.

        :raises ConfigurationError: the endpoint cannot be opened.
        """
        async with listen(self._state, self._gateway) as opened, anyio.create_task_group() as connections:
            task_status.started()
            connections.start_soon(self._tidy_up)
            while True:
                try:
                    stream = await opened.listener.accept()
                except (OSError, anyio.BrokenResourceError):  # out of file descriptors: those that are open go on
                    await anyio.sleep(POLL_SECONDS)
                    continue
                connections.start_soon(self._serve, stream, opened.token)

    async def _tidy_up(self) -> None:
        """Take what has expired off the consoles, also where no call waits for it any more."""
        while True:
            await anyio.sleep(TIDY_SECONDS)
            self._desk.tidy()

    async def _serve(self, stream: anyio.abc.SocketStream, token: str | None) -> None:
        self._connected += 1
        try:
            async with stream:
                if self._connected <= MAX_CONSOLES and is_trusted(stream):
                    await self._converse(stream, token)
        except (*_GONE, *_UNFIT):
            return  # its fault or its end; it is detached, and the gateway goes on
        finally:
            self._connected -= 1

    async def _converse(self, stream: anyio.abc.SocketStream, token: str | None) -> None:
        reader = BufferedByteReceiveStream(stream)
        with anyio.fail_after(HELLO_SECONDS):
            hello = decode_to_gateway(await reader.receive_until(b"\n", MAX_CONSOLE_LINE))
        if not isinstance(hello, ConsoleHello) or not _knows(hello, token):
            return
        console = _Outbox()
        hello_back = GatewayHello(protocol=PROTOCOL, gateway=self._gateway, tier=self._desk.tier)
        console.send(encode_to_console(hello_back))
        if hello.protocol != PROTOCOL:
            with anyio.fail_after(STALL_SECONDS):
                await stream.send(console.first())
            return
        async with anyio.create_task_group() as tasks:
            self._desk.attach(console)
            try:
                tasks.start_soon(_write, console, stream, tasks.cancel_scope)
                await self._listen_to(reader, console, tasks.cancel_scope)
            finally:
                self._desk.detach(console)
                tasks.cancel_scope.cancel()

    async def _listen_to(self, reader: BufferedByteReceiveStream, console: _Outbox, scope: anyio.CancelScope) -> None:
        refused = 0
        with contextlib.suppress(*_GONE, *_UNFIT):
            while refused < MAX_REFUSED and not scope.cancel_called:
                message = decode_to_gateway(await reader.receive_until(b"\n", MAX_CONSOLE_LINE))
                if isinstance(message, ConsoleHello):
                    return
                reply = await self._take(message)
                refused += isinstance(reply, Refused)
                if reply is not None and not console.send(encode_to_console(reply)):
                    return

    async def _take(self, message: Answered | Commanded | Endorsing | Settling) -> ToConsole | None:
        """Do what a human says; what to tell the console of it. Finished once it has begun, whoever goes away."""
        result: ToConsole | None = None
        with anyio.CancelScope(shield=True):
            if isinstance(message, Answered):
                reason = await self._desk.answer(message.answer)
                if reason is not None:
                    result = Refused(question_id=message.answer.question_id, reason=reason)
            elif isinstance(message, Endorsing):
                reason = await self._desk.withheld.endorse(message.item_id, message.endorsement)
                if reason is not None:
                    result = Refused(question_id=message.item_id, reason=reason)
            elif isinstance(message, Settling):
                reason = await self._desk.definitions.settle(message.answer)
                if reason is not None:
                    result = Refused(question_id=message.answer.id, reason=reason)
            else:
                done = await self._desk.command(message.command)
                result = Refused(question_id=message.command.id, reason=done) if isinstance(done, Refusal) else done
        return result


class DeskClient:
    """A console's connections to all gateways of one state folder. ``heard`` is told all that they say.

    ``heard(gateway, None)``: the gateway is gone, and all its questions with it.
    """

    def __init__(self, state: Path, heard: Callable[[str, ToConsole | None], None]) -> None:
        self._state = state
        self._heard = heard
        self._links: dict[str, _Outbox] = {}
        self._unfit: dict[Path, int] = {}

    async def run(self) -> None:
        """Find gateways and listen to them, until cancelled.

        :raises ConfigurationError: the folder is not ours.
        """
        folder = gateways_folder(self._state)
        async with anyio.create_task_group() as tasks:
            while True:
                for endpoint in endpoints(folder):
                    if endpoint.gateway not in self._links and not self._is_unfit(endpoint):
                        self._links[endpoint.gateway] = _Outbox()
                        tasks.start_soon(self._follow, endpoint)
                await anyio.sleep(POLL_SECONDS)

    def answer(self, gateway: str, answer: Answer) -> bool:
        """Send an answer. ``False``: that gateway is gone, so nothing was approved."""
        return self._send(gateway, Answered(answer=answer))

    def command(self, gateway: str, command: Command) -> bool:
        """Send a command. ``False``: that gateway is gone, so nothing was done."""
        return self._send(gateway, Commanded(command=command))

    def endorse(self, gateway: str, item_id: str, endorsement: Endorsement) -> bool:
        """Send an endorsement. ``False``: that gateway is gone, so nothing was endorsed."""
        return self._send(gateway, Endorsing(item_id=item_id, endorsement=endorsement))

    def settle(self, gateway: str, answer: DefinitionAnswer) -> bool:
        """Send an answer to a changed definition. ``False``: that gateway is gone, so nothing was accepted."""
        return self._send(gateway, Settling(answer=answer))

    def _send(self, gateway: str, message: ToGateway) -> bool:
        link = self._links.get(gateway)
        return link is not None and link.send(encode_to_gateway(message))

    async def _follow(self, endpoint: Endpoint) -> None:
        try:
            stream, token = await connect(endpoint)
            async with stream, anyio.create_task_group() as tasks:
                outbox = self._links[endpoint.gateway]
                outbox.send(encode_to_gateway(ConsoleHello(protocol=PROTOCOL, token=token)))
                tasks.start_soon(_write, outbox, stream, tasks.cancel_scope)
                await self._hear(endpoint, BufferedByteReceiveStream(stream))
        except* _UNFIT:
            self._unfit[endpoint.path] = _age(endpoint.path)
        except* _GONE:
            pass  # it went away, or is not there yet: the next look at the folder tries again
        finally:
            del self._links[endpoint.gateway]

    async def _hear(self, endpoint: Endpoint, reader: BufferedByteReceiveStream) -> None:
        hello = await _parsed(await reader.receive_until(b"\n", MAX_LINE))
        if not isinstance(hello, GatewayHello) or hello.gateway != endpoint.gateway:
            raise BadRequest(f"{endpoint.path} is not the gateway that its name says.")
        self._heard(endpoint.gateway, hello)
        if hello.protocol != PROTOCOL:
            raise BadRequest(f"{endpoint.path} speaks another version.")
        try:
            while True:
                self._heard(endpoint.gateway, await _parsed(await reader.receive_until(b"\n", MAX_LINE)))
        finally:
            self._heard(endpoint.gateway, None)

    def _is_unfit(self, endpoint: Endpoint) -> bool:
        """Whether this very endpoint was no gateway of ours when it was tried."""
        return self._unfit.get(endpoint.path) == _age(endpoint.path)


class _Outbox:
    """Lines on their way out, as many as the limits allow."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._filled = anyio.Event()

    def send(self, line: bytes) -> bool:
        """Queue a line. ``False``: the limit is reached, and nothing more is taken."""
        if len(self._lines) >= MAX_QUEUED_LINES or self._size + len(line) > MAX_QUEUED_BYTES:
            return False
        self._lines.append(line)
        self._size += len(line)
        self._filled.set()
        return True

    def first(self) -> bytes:
        """Take the oldest line."""
        line = self._lines.popleft()
        self._size -= len(line)
        return line

    async def next(self) -> bytes:
        """Wait for a line and take it."""
        while not self._lines:
            self._filled = anyio.Event()
            await self._filled.wait()
        return self.first()


async def _write(outbox: _Outbox, stream: anyio.abc.ByteStream, scope: anyio.CancelScope) -> None:
    """Send what is queued. A peer that does not read for a while ends the connection."""
    with contextlib.suppress(*_GONE):
        while True:
            line = await outbox.next()
            with anyio.fail_after(STALL_SECONDS):
                await stream.send(line)
    scope.cancel()


async def _parsed(line: bytes) -> ToConsole:
    if len(line) <= _PARSED_AT_ONCE:
        return decode_to_console(line)
    return await anyio.to_thread.run_sync(decode_to_console, line)


def _knows(hello: ConsoleHello, token: str | None) -> bool:
    return token is None or (hello.token is not None and secrets.compare_digest(hello.token.encode(), token.encode()))


def _age(path: Path) -> int:
    """When the endpoint was made, in nanoseconds; 0 if it is gone."""
    with contextlib.suppress(OSError):
        return path.lstat().st_ctime_ns
    return 0
