"""The proxy adds its headers and touches nothing else."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conformance.bearer_proxy import adding
from tests.conformance.suite import Checks, compare, run_suite

BEARER = {"Authorization": "Bearer not-a-secret"}


class _Mirror(http.server.BaseHTTPRequestHandler):
    """Answers with the head and the body that came, in two chunks, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in (head.encode(), body, b""):
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's name
        """Nobody reads it."""


@pytest.fixture
def mirror() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mirror) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def lines(connection: http.client.HTTPConnection, **headers: str) -> list[str]:
    connection.request("POST", "/", body="the body", headers=headers)
    return connection.getresponse().read().decode().split("\n")


def test_every_request_of_a_connection_has_the_added_header_and_its_own(mirror: str) -> None:
    with adding(BEARER, mirror) as url, closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        for number in range(3):
            came = lines(connection, **{"Mcp-Name": f"tool{number}"})
            assert came[-1] == "the body"
            assert came.count("Authorization: Bearer not-a-secret") == 1
            assert f"Mcp-Name: tool{number}" in came


def test_the_address_of_the_proxy_becomes_that_of_the_server_and_a_foreign_one_stays(mirror: str) -> None:
    with adding(BEARER, mirror) as url, closing(http.client.HTTPConnection(urlsplit(url).netloc)) as connection:
        own = lines(connection, Host=urlsplit(url).netloc, Origin=url)
        foreign = lines(connection, Host="evil.example.com", Origin="http://evil.example.com")
    assert [line for line in own if line.startswith(("Host:", "Origin:"))] == [
        f"Host: {urlsplit(mirror).netloc}",
        f"Origin: {mirror}",
    ]
    assert [line for line in foreign if line.startswith(("Host:", "Origin:"))] == [
        "Host: evil.example.com",
        "Origin: http://evil.example.com",
    ]


@pytest.mark.real
@pytest.mark.timeout(200)
def test_the_suite_says_the_same_through_the_proxy_in_the_legacy_era(
    fixture_url: str, direct_legacy: Checks, tmp_path: Path
) -> None:
    assert compare(direct_legacy, run_suite(fixture_url, "2025-11-25", tmp_path, headers=BEARER)) == []


@pytest.mark.real
@pytest.mark.timeout(200)
def test_the_suite_says_the_same_through_the_proxy_in_the_modern_era(
    fixture_url: str, direct_modern: Checks, tmp_path: Path
) -> None:
    assert compare(direct_modern, run_suite(fixture_url, "2026-07-28", tmp_path, headers=BEARER)) == []
