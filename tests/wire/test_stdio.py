"""Standard input and output as a connection, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = """
import asyncio, os, subprocess, sys
from rule_of_two.wire.peer import Limits, Peer
from rule_of_two.wire.stdio import open_stdio

class Handler:
    async def on_request(self, incoming):
        print("a stray print")
        sys.stdout.flush()
        os.write(1, b"a stray write\\n")
        child = subprocess.run([sys.executable, "-c", "print('a child prints'); print(repr(input()))"], check=False)
        return {"method": incoming.method, "read": sys.stdin.read()}
    async def on_notification(self, notification, about): pass
    async def on_stream_closed(self, about): pass
    async def on_frame_error(self, error): pass

async def main():
    limits = Limits()
    peer = Peer(await open_stdio(limits), Handler(), name="client", limits=limits)
    await peer.run()
    print("ended:", peer.reason, file=sys.stderr)

asyncio.run(main())
"""

CALL = b'{"jsonrpc":"2.0","id":1,"method":"m"}\n'


def test_only_frames_reach_standard_output() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(CALL)
    server.stdin.flush()
    line = server.stdout.readline()
    assert json.loads(line) == {"jsonrpc": "2.0", "id": 1, "result": {"method": "m", "read": ""}}
    rest, errors = server.communicate(timeout=30)
    assert rest == b""
    assert server.returncode == 0
    for stray in (b"a stray print", b"a stray write", b"a child prints", b"ended: it closed the connection"):
        assert stray in errors


def test_files_serve_as_well(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"garbage\n")
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as sink:
        server = subprocess.run([sys.executable, "-c", SERVER], stdin=source, stdout=sink, timeout=30, check=True)
    assert server.returncode == 0
    assert json.loads((tmp_path / "out").read_bytes())["error"]["code"] == -32700


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors with a POSIX shell")
def test_a_closed_standard_stream_is_said_in_one_sentence() -> None:
    server = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, SERVER],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert b"ConfigurationError: standard input or output is closed" in server.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors with a POSIX shell")
def test_a_closed_standard_error_is_no_obstacle() -> None:
    server = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, SERVER.replace("file=sys.stderr", "")],
        input=b"garbage\n",
        stdout=subprocess.PIPE,
        timeout=30,
        check=True,
    )
    assert json.loads(server.stdout)["error"]["code"] == -32700
