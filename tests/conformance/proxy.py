"""A loopback proxy that rewrites what it was told to, and passes everything else byte by byte.

The proxy's own address in ``Host`` and ``Origin`` becomes the server's; a foreign address in them stays, so that the
server can refuse it.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

CONNECT_SECONDS: Final = 10

Lines = list[bytes]
Rewrite = Callable[[Lines, bytes], tuple[Lines, bytes]]
"""The lines of a head, without its end and without ``Content-Length``, and the body: as they came, as they go."""
Replies = Callable[[Iterator[bytes]], Iterator[bytes]]
"""What comes back on one connection, in pieces that may begin and end anywhere."""


class _Proxy(socketserver.ThreadingTCPServer):
    """``server_close`` ends every connection and waits for its thread."""

    daemon_threads = False

    def __init__(self, host: str, port: int, rewrite: Rewrite, replies: Replies) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = (host, port)
        self.rewrite = rewrite
        self.replies = replies
        self.clients: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.clients.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for client in list(self.clients):
            _shut_down(client, socket.SHUT_RDWR)
        super().server_close()


class _Connection(socketserver.StreamRequestHandler):
    """One connection of the client and one to the server."""

    server: _Proxy
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream, timeout=CONNECT_SECONDS) as upstream:
            upstream.settimeout(None)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._back, args=(upstream,))
            back.start()
            try:
                with suppress(OSError):
                    while self._forward(upstream):
                        pass
            finally:
                _shut_down(upstream, socket.SHUT_RDWR)
                back.join()

    def _forward(self, upstream: socket.socket) -> bool:
        """Pass one request on; false at the end of the client's stream."""
        line = self.rfile.readline()
        if not line:
            return False
        here = "{}:{}".format(*self.server.server_address).encode()
        there = "{}:{}".format(*self.server.upstream).encode()
        head, length = [line], None
        while (field := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = field.partition(b":")
            if name.lower() == b"transfer-encoding":
                raise OSError("no client that this proxy is for sends chunks")
            if name.lower() == b"content-length":
                length = int(value)
            else:
                head.append(field.replace(here, there) if name.lower() in {b"host", b"origin"} else field)
        head, body = self.server.rewrite(head, self.rfile.read(length or 0))
        if length is not None:
            head.append(b"Content-Length: %d\r\n" % len(body))
        upstream.sendall(b"".join(head) + b"\r\n" + body)
        return True

    def _back(self, upstream: socket.socket) -> None:
        with suppress(OSError):
            for data in self.server.replies(_pieces(upstream)):
                self.connection.sendall(data)
        _shut_down(self.connection, socket.SHUT_WR)


def _pieces(upstream: socket.socket) -> Iterator[bytes]:
    while data := upstream.recv(65536):
        yield data


def _shut_down(connection: socket.socket, how: int) -> None:
    with suppress(OSError):  # the other side was faster
        connection.shutdown(how)


def as_they_are(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Replies that pass."""
    return pieces


@contextmanager
def proxied(url: str, rewrite: Rewrite, replies: Replies = as_they_are) -> Iterator[str]:
    """The URL of a proxy in front of ``url``. It is gone, with its connections and threads, when the block ends."""
    parts = urlsplit(url)
    assert parts.scheme == "http", url
    assert parts.hostname is not None, url
    with _Proxy(parts.hostname, parts.port or 80, rewrite, replies) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield parts._replace(netloc="{}:{}".format(*proxy.server_address)).geturl()
        finally:
            proxy.shutdown()
            thread.join()
