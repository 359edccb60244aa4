"""Upstreams as child processes: well-behaved ones, and those that do everything wrong. No process is left behind."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from rule_of_two.errors import LimitExceeded, UpstreamUnavailable
from rule_of_two.wire.frames import FrameError, Request, Result
from rule_of_two.wire.peer import ConnectionLost, Ending, Limits, Peer, TimedOut
from rule_of_two.wire.process import Log, ProcessTransport, open_process
from rule_of_two.wire.transport import EndOfStream
from tests.wire.playbook import SECONDS, Script, running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at process groups")

LIMITS = Limits(close_seconds=0.5)
ENVIRONMENT = {"PATH": os.environ["PATH"]}

ECHO = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": message.get("params", {})}), flush=True)
"""
IGNORES_EVERYTHING = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
print('{"jsonrpc":"2.0","method":"notifications/ready"}', flush=True)
while True:
    time.sleep(60)
"""
HAS_CHILDREN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print('{"jsonrpc":"2.0","method":"notifications/ready","params":{"pid":%d}}' % child.pid, flush=True)
sys.stdin.read()
"""
FLOODS = """
import os
piece = b"x" * 65536
for _ in range(1600):
    os.write(1, piece)
"""
TALKS_GARBAGE = """
import sys
sys.stderr.write(sys.stdin.readline())
out = sys.stdout.buffer
out.write(b"Server running on stdio\\n\\xff\\xfe\\x00\\n\\n")
out.write(b'{"jsonrpc":"2.0","id":1.5,"method":"sampling/createMessage"}\\n')
out.write(b'{"jsonrpc":"2.0","id":1,"result":{"n":1}}\\n')
out.flush()
sys.stderr.write(sys.stdin.read())
"""
EXITS_IN_MID_CALL = (
    'import sys; sys.stdin.readline(); print(\'{"jsonrpc":"2.0","id"\', end=\'\', flush=True); sys.exit(3)'
)


@asynccontextmanager
async def child(
    source: str, *, limits: Limits = LIMITS, log: list[str] | None = None, cwd: Path | None = None
) -> AsyncIterator[ProcessTransport]:
    lines: list[str] = [] if log is None else log
    transport = await open_process(
        sys.executable, ["-c", source], env=ENVIRONMENT, cwd=cwd, on_stderr=lines.append, limits=limits
    )
    try:
        yield transport
    finally:
        async with asyncio.timeout(SECONDS):
            await transport.aclose()
        assert_gone(transport)


def assert_gone(transport: ProcessTransport) -> None:
    """Neither the process nor a zombie of it is left."""
    process = transport._child._process
    assert process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def runs(pid: int) -> bool:
    """Whether a process that is not our child runs; a zombie that nobody reaps has ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def started(transport: ProcessTransport) -> dict[str, int]:
    """Wait until the child says that it runs."""
    async with asyncio.timeout(SECONDS):
        message = await transport.receive()
    return getattr(message, "params", {})


def peer_of(transport: ProcessTransport, script: Script | None = None) -> AbstractAsyncContextManager[Peer]:
    return running(transport, script or Script(), name="child", limits=LIMITS)


async def test_a_child_answers_and_ends_when_its_input_ends() -> None:
    async with child(ECHO) as transport, peer_of(transport) as peer:
        assert await peer.request("m", {"a": 1}) == {"a": 1}
        big = {"text": "x" * 3_000_000}
        assert await peer.request("m", big) == big
    assert transport._child._process.returncode == 0


async def test_a_child_gets_the_given_environment_and_folder_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    log: list[str] = []
    source = "import os, sys; print(sorted(os.environ), os.getcwd(), os.getpgid(0) == os.getpid(), file=sys.stderr)"
    async with child(source, log=log, cwd=tmp_path) as transport:
        with pytest.raises(EndOfStream):
            await transport.receive()
    names, _, rest = log[0].partition("] ")
    assert "SECRET_TOKEN" not in names
    assert rest == f"{tmp_path} True"


async def test_descriptors_of_ours_do_not_reach_a_child() -> None:
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    source = f"import os; os.write({theirs}, b'leaked')"
    async with child(source) as transport:
        with pytest.raises(EndOfStream):
            await transport.receive()
    os.close(theirs)
    assert os.read(ours, 10) == b""
    os.close(ours)


async def test_a_child_that_ignores_everything_is_killed() -> None:
    async with child(IGNORES_EVERYTHING) as transport:
        await started(transport)
    assert transport._child._process.returncode == -signal.SIGKILL


async def test_a_child_that_only_ignores_the_end_of_its_input_is_terminated() -> None:
    source = IGNORES_EVERYTHING.replace("(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)", "()")
    async with child(source) as transport:
        await started(transport)
    assert transport._child._process.returncode == -signal.SIGTERM


async def test_children_of_a_child_do_not_outlive_it() -> None:
    async with child(HAS_CHILDREN) as transport:
        pid = (await started(transport))["pid"]
        assert runs(pid)
    assert transport._child._process.returncode == 0
    assert not runs(pid)


async def test_a_child_that_crashed_does_not_wait_for_its_children() -> None:
    source = HAS_CHILDREN.replace("sys.stdin.read()", "sys.exit(4)")
    async with child(source) as transport:
        pid = (await started(transport))["pid"]
        with pytest.raises(EndOfStream, match="it exited with status 4"):  # although its output is held open
            async with asyncio.timeout(SECONDS):
                await transport.receive()
    assert not runs(pid)


async def test_a_hundred_megabytes_without_a_newline_end_the_connection_and_not_the_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with child(FLOODS, limits=Limits(frame_bytes=1024 * 1024, close_seconds=0.5)) as transport:
        with pytest.raises(LimitExceeded, match="more than 1048576 bytes"):
            await transport.receive()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 40 * 1024  # KiB


async def test_garbage_between_frames_is_reported_and_never_answered() -> None:
    log: list[str] = []
    script = Script()
    async with child(TALKS_GARBAGE, log=log) as transport, peer_of(transport, script) as peer:
        assert await peer.request("m", {}) == {"n": 1}
    texts = [str(error) for error in script.frame_errors]
    assert len(texts) == 3
    assert all("not JSON" in text for text in texts[:2])
    assert "id" in texts[2]
    heard = [json.loads(line) for line in log]
    assert [message["id"] for message in heard] == [1, None]  # our request, and the refusal of theirs
    assert heard[1]["error"]["code"] == -32600


async def test_a_child_that_exits_in_mid_call_fails_the_call_with_its_status() -> None:
    script = Script()
    async with child(EXITS_IN_MID_CALL) as transport, peer_of(transport, script) as peer:
        with pytest.raises(ConnectionLost, match="child: it exited with status 3"):
            await peer.request("m", {})
        assert peer.ending is Ending.BROKEN
    assert len(script.frame_errors) == 1  # the half frame


async def test_a_child_that_is_killed_fails_the_call_with_the_signal() -> None:
    async with child(IGNORES_EVERYTHING) as transport, peer_of(transport) as peer:
        asked = asyncio.create_task(peer.request("m", {}))
        await asyncio.sleep(0)
        transport._child._process.kill()
        with pytest.raises(ConnectionLost, match="child: it was ended by signal 9"):
            await asked


async def test_a_child_that_hangs_is_left_to_the_callers_timeout() -> None:
    async with child("import time; time.sleep(600)") as transport, peer_of(transport) as peer:
        with pytest.raises(TimedOut):
            await peer.request("m", {}, timeout=0.05)


async def test_a_child_that_closes_its_output_and_goes_on_ends_the_connection() -> None:
    async with child("import os, time; os.close(1); time.sleep(600)") as transport:
        with pytest.raises(EndOfStream, match="it closed the connection") as caught:
            await transport.receive()
        assert caught.value.ending is Ending.FINISHED


@pytest.mark.parametrize("source", [IGNORES_EVERYTHING, HAS_CHILDREN])
async def test_a_cancelled_scope_leaves_no_process(source: str) -> None:
    with anyio.CancelScope() as scope:
        async with child(source) as transport:
            await started(transport)
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert_gone(transport)


async def test_a_start_that_is_cancelled_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    spawned: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def spawn(*args: object, **options: object) -> subprocess.Popen[bytes]:
        spawned.append(real(*args, **options))  # type: ignore[call-overload]  # passed on as they came
        return spawned[0]

    monkeypatch.setattr(subprocess, "Popen", spawn)
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with child("import time; time.sleep(600)"):
            pytest.fail("it was started although the scope was cancelled")
    assert spawned[0].returncode is not None


async def test_standard_error_comes_in_lines_of_bounded_length() -> None:
    log: list[str] = []
    source = (
        "import sys; out = sys.stderr.buffer; out.write(b'one\\r\\ntwo \\xff\\n'); out.flush();"
        "out.write(b'x' * 1000000 + b'\\nafter\\nrest')"
    )
    async with child(source, log=log) as transport:
        with pytest.raises(EndOfStream):
            await transport.receive()
    assert log == ["one", "two \ufffd", "x" * 8192 + " […]", "after", "rest"]


def test_a_line_that_comes_in_pieces_is_one_line_and_the_last_one_is_said_at_the_end() -> None:
    lines: list[str] = []
    log = Log(lines.append)
    log.connection_made(asyncio.ReadTransport())
    for piece in (b"on", b"e \xe2", b"\x82\xac\ntw", b"o\n", b"\n" + b"x" * 8192, b"y" * 5, b"z\nthr", b"ee"):
        log.data_received(piece)
    log.eof_received()
    log.eof_received()
    assert lines == ["one \u20ac", "two", "", "x" * 8192 + " […]", "three"]


async def test_what_a_child_was_writing_when_it_was_ended_is_said() -> None:
    log: list[str] = []
    source = (
        "import sys, time; sys.stderr.write('half a line'); sys.stderr.flush(); print(1, flush=True); time.sleep(600)"
    )
    async with child(source, log=log) as transport:
        with pytest.raises(FrameError):
            await transport.receive()
    assert log == ["half a line"]


async def test_what_cannot_be_started_is_named(tmp_path: Path) -> None:
    async def sentence(command: str, cwd: Path | None = None) -> str:
        with pytest.raises(UpstreamUnavailable) as caught:
            await open_process(command, [], env=ENVIRONMENT, cwd=cwd, on_stderr=print, limits=LIMITS)
        return str(caught.value)

    plain = tmp_path / "plain.txt"
    plain.write_text("not a program")
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert "'no-such-command' was not found on the PATH" in await sentence("no-such-command")
    assert "'/no/such/file' cannot be started: it or its interpreter does not exist" in await sentence("/no/such/file")
    assert "it or its interpreter does not exist" in await sentence(str(script))
    assert f"the folder '{tmp_path}/gone' that it should run in does not exist" in await sentence(
        sys.executable, tmp_path / "gone"
    )
    assert "Permission denied" in await sentence(str(plain))
    assert "cannot be started: embedded null byte" in await sentence("/bin/ec\0ho")


async def test_a_refused_frame_with_a_usable_reply_keeps_it() -> None:
    source = 'print(\'{"jsonrpc":"2.0","id":1,"method":5}\', flush=True)'
    async with child(source) as transport:
        with pytest.raises(FrameError) as caught:
            await transport.receive()
        assert caught.value.reply is not None


async def test_two_messages_of_one_child_keep_their_order() -> None:
    async with child(ECHO) as transport:
        for number in range(50):
            await transport.send(Request(number, "m", {}))
        for number in range(50):
            assert await transport.receive() == Result(number, {})
