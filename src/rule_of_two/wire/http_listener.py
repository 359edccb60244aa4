"""Listening for HTTP: the socket, uvicorn around our application, connections that hang, and the orderly end."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rule_of_two.errors import ConfigurationError
from rule_of_two.wire.http_app import HttpApp
from rule_of_two.wire.http_security import Gate
from rule_of_two.wire.http_server import HttpHost, HttpSettings
from rule_of_two.wire.transport import Limits, finish

_HEAD_BYTES: Final = 32 * 1024
_HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take, from the moment that the connection stands."""
_KEPT_SECONDS: Final = 60
"""How long a connection without a request is kept. Clients that keep theirs for as long as we do would often find
them closed just when they use them; most keep them for 5 s."""
_CONNECTIONS: Final = 512
"""More are closed at once, so that the files that they are do not run out: nothing can be recorded then."""


async def listen(
    host: HttpHost,
    *,
    address: str,
    port: int,
    limits: Limits,
    settings: HttpSettings,
    on_ready: Callable[[str], None],
) -> None:
    """See :func:`rule_of_two.wire.http_server.serve_http`."""
    listener = await _bind(address, port)
    try:
        own_port: int = listener.getsockname()[1]
        secure = settings.certificate is not None
        gate = Gate(
            address=address,
            port=own_port,
            secure=secure,
            hosts=settings.allowed_hosts,
            origins=settings.allowed_origins,
        )
        app = HttpApp(host, gate, settings, limits)
        server = _Server(app, settings, limits)
    except BaseException:
        listener.close()
        raise
    running = asyncio.get_running_loop().create_task(server.serve([listener]))
    running.add_done_callback(lambda _: server.listening.set())
    try:
        await server.listening.wait()
        if running.done():
            running.result()
        name = f"[{address}]" if ":" in address else address
        on_ready(f"{'https' if secure else 'http'}://{name}:{own_port}{settings.path}")
        await asyncio.wait((running,))
    finally:
        await finish(asyncio.get_running_loop().create_task(server.close(running)))
        listener.close()


async def _bind(address: str, port: int) -> socket.socket:
    """A socket that is bound, and listens to nobody yet."""
    if not 0 <= port < 2**16:
        raise ConfigurationError(f"cannot listen on {address} port {port}: there is no such port")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)
        family, _, _, _, target = found[0]
        # Only where the protocol is named does asyncio send at once: else each reply would take 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if sys.platform == "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(target)
        except BaseException:
            listener.close()
            raise
    except UnicodeError:
        raise ConfigurationError(f"cannot listen on {address} port {port}: this is no name of a host") from None
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {address} port {port}: {error.strerror or error}") from None
    return listener


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals and logs to us and has its connections watched."""

    def __init__(self, app: HttpApp, settings: HttpSettings, limits: Limits) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEPT_SECONDS,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"the TLS certificate {settings.certificate} or its key cannot be used: {error.strerror or error}"
            ) from None
        super().__init__(config)
        self.listening = asyncio.Event()
        self._app = app
        self._limits = limits
        self._watch = _Watch(limits.write_seconds)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the gateway's."""
        yield

    async def on_tick(self, counter: int) -> bool:
        self.listening.set()
        if counter % 10 == 0:  # once a second
            now = asyncio.get_running_loop().time()
            self._app.sweep(now)
            self._watch.look(self.server_state.connections, now)
        return await super().on_tick(counter)

    async def close(self, running: asyncio.Task[None]) -> None:
        """End every connection in order, then what is left of them in any case."""
        for server in getattr(self, "servers", ()):
            server.close()
        self._app.close()
        seconds = self._limits.close_seconds
        await _within(seconds, self._work())
        for task in self._work():
            task.cancel()
        await _within(seconds, self._work())
        self.should_exit = True
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await _within(seconds, {running})
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        self.force_exit = True
        await _within(seconds, {running})
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))

    def _work(self) -> set[asyncio.Task[None]]:
        """What is being done for clients."""
        return self.server_state.tasks | self._app.legacy.tasks


class _Connection(H11Protocol):
    """One TCP connection. h11 is used even where a faster parser is installed: it bounds the size of a head, and
    refuses what two parsers could read differently."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:
            transport.abort()


class _Watch:
    """Ends connections on which nothing moves: where a request does not come whole, or an answer is not read."""

    def __init__(self, write_seconds: float) -> None:
        self._write_seconds = write_seconds
        self._seen: dict[Any, tuple[int, float, int, float]] = {}

    def look(self, connections: set[Any], now: float) -> None:
        """Take notice of what has moved since the last time."""
        seen: dict[Any, tuple[int, float, int, float]] = {}
        for connection in list(connections):
            transport = connection.transport
            unread = transport.get_write_buffer_size()
            request = _awaited_request(connection)
            before = self._seen.get(connection, (request, now, unread, now))
            since = before[1] if before[0] == request else now
            stuck = before[3] if unread and unread >= before[2] else now
            if (request and now - since > _HEAD_SECONDS) or now - stuck > self._write_seconds:
                transport.abort()
            else:
                seen[connection] = (request, since, unread, stuck)
        self._seen = seen


def _awaited_request(connection: Any) -> int:
    """0 while a request is carried out, or none is expected; else a number for the request whose head is awaited."""
    cycle = connection.cycle
    if cycle is None:
        return 1
    return id(cycle) if cycle.response_complete and connection.timeout_keep_alive_task is None else 0


async def _within(seconds: float, tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
