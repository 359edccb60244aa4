"""A loopback proxy that adds headers to every request, for a client that cannot send them itself.

The rest of a request passes as it is, but for the proxy's own address in ``Host`` and ``Origin``, which becomes the
server's; a foreign address in them stays, so that the server can refuse it. Replies pass byte by byte.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

CONNECT_SECONDS: Final = 10


class _Proxy(socketserver.ThreadingTCPServer):
    """``server_close`` ends every connection and waits for its thread."""

    daemon_threads = False

    def __init__(self, host: str, port: int, headers: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = (host, port)
        self.clients: set[socket.socket] = set()
        self.added = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items())

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
            back = threading.Thread(target=_pump, args=(upstream, self.connection))
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
        head, length = [line, self.server.added], 0
        while (field := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = field.partition(b":")
            if name.lower() in {b"host", b"origin"}:
                field = field.replace(here, there)
            elif name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"transfer-encoding":
                raise OSError("no client that this proxy is for sends chunks")
            head.append(field)
        upstream.sendall(b"".join(head) + b"\r\n")
        upstream.sendall(self.rfile.read(length))
        return True


def _pump(upstream: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while data := upstream.recv(65536):
            client.sendall(data)
    _shut_down(client, socket.SHUT_WR)


def _shut_down(connection: socket.socket, how: int) -> None:
    with suppress(OSError):  # the other side was faster
        connection.shutdown(how)


@contextmanager
def adding(headers: Mapping[str, str], url: str) -> Iterator[str]:
    """The URL of a proxy in front of ``url``. It is gone, with its connections and threads, when the block ends."""
    parts = urlsplit(url)
    assert parts.scheme == "http", url
    assert parts.hostname is not None, url
    with _Proxy(parts.hostname, parts.port or 80, headers) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield parts._replace(netloc="{}:{}".format(*proxy.server_address)).geturl()
        finally:
            proxy.shutdown()
            thread.join()
