"""A loopback proxy that hides the prefix under which a gateway of several servers offers one of them.

The suite calls tools and prompts by their plain names. On the way in their names get the prefix, in the body and in the
``Mcp-Name`` header; on the way out the items of lists lose it. Everything else passes byte by byte.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

NAMED: Final = frozenset(("tools/call", "prompts/get"))
SECONDS: Final = 10


def with_prefix(body: bytes, prefix: str) -> bytes:
    """A request with the name that the gateway knows."""
    try:
        message = json.loads(body)
        method, params = message["method"], message["params"]
        if method in NAMED:
            params["name"] = prefix + params["name"]
        elif method == "completion/complete" and params["ref"]["type"] == "ref/prompt":
            params["ref"]["name"] = prefix + params["ref"]["name"]
        else:
            return body
        return json.dumps(message).encode()
    except (ValueError, LookupError, TypeError):
        return body  # what the suite garbles on purpose passes as it is


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, prefix: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = (host, port)
        self.prefix = prefix
        self.clients: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.clients.add(request)
        super().process_request(request, client_address)


class _Connection(socketserver.StreamRequestHandler):
    server: _Proxy
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream, timeout=SECONDS) as upstream:
            upstream.settimeout(None)
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._back, args=(upstream,), daemon=True)
            back.start()
            with suppress(OSError):
                while self._forward(upstream):
                    pass
            with suppress(OSError):
                upstream.shutdown(socket.SHUT_RDWR)
            back.join()

    def _forward(self, upstream: socket.socket) -> bool:
        line = self.rfile.readline()
        if not line:
            return False
        here = "{}:{}".format(*self.server.server_address).encode()
        there = "{}:{}".format(*self.server.upstream).encode()
        prefix = self.server.prefix.encode()
        head, length, method = [line], 0, b""
        fields: list[tuple[bytes, bytes]] = []
        while (field := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = field.partition(b":")
            if name.lower() in {b"host", b"origin"}:
                field = field.replace(here, there)
            elif name.lower() == b"content-length":
                length = int(value)
                continue
            elif name.lower() == b"mcp-method":
                method = value.strip()
            fields.append((name.lower(), field))
        for known, field in fields:
            value = field.partition(b":")[2].strip()
            if known == b"mcp-name" and method.decode().lower() in NAMED and not value.startswith(b"=?base64?"):
                head.append(b"Mcp-Name: " + prefix + value + b"\r\n")
            else:
                head.append(field)
        body = self.rfile.read(length)
        if body:
            body = with_prefix(body, self.server.prefix)
            head.append(f"Content-Length: {len(body)}\r\n".encode())
        upstream.sendall(b"".join(head) + b"\r\n" + body)
        return True

    def _back(self, upstream: socket.socket) -> None:
        """Replies: a name in a list is shortened in place, and spaces keep the length, as JSON allows them."""
        needle = b'"name":"' + self.server.prefix.encode()
        instead = b" " * (len(needle) - len(b'"name":"')) + b'"name":"'
        rest = b""
        with suppress(OSError):
            while data := upstream.recv(65536):
                data = (rest + data).replace(needle, instead)
                # The beginning of a needle at the end waits for what comes next.
                keep = next((size for size in range(len(needle) - 1, 0, -1) if data.endswith(needle[:size])), 0)
                rest = data[len(data) - keep :] if keep else b""
                self.connection.sendall(data[: len(data) - keep] if keep else data)
            self.connection.sendall(rest)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)


@contextmanager
def renaming(prefix: str, url: str) -> Iterator[str]:
    """The URL of a proxy in front of ``url`` that hides ``prefix``."""
    parts = urlsplit(url)
    assert parts.hostname is not None, url
    with _Proxy(parts.hostname, parts.port or 80, prefix) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield parts._replace(netloc="{}:{}".format(*proxy.server_address)).geturl()
        finally:
            proxy.shutdown()
            for client in proxy.clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
            thread.join()
