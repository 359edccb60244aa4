"""A gateway can be reached by its own user only, and a dead one leaves nothing behind."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from pathlib import Path

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from rule_of_two.approvals import endpoint as endpoint_module
from rule_of_two.approvals.endpoint import Endpoint, Listening, connect, endpoints, gateways_folder, is_trusted, listen
from rule_of_two.errors import ConfigurationError

NOBODY = 65534
needs_unix = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets and permissions")
needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="changing the user needs root, and SO_PEERCRED needs Linux"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def accept_one(opened: Listening) -> None:
    await (await opened.listener.accept()).aclose()


@needs_unix
async def test_folder_and_socket_are_open_to_this_user_only(state: Path) -> None:
    async with listen(state, "g1") as opened:
        assert opened.token is None
        assert mode(state / "gateways") == 0o700
        assert mode(state / "gateways" / "g1.sock") == 0o600
        assert endpoints(state / "gateways") == [Endpoint("g1", state / "gateways" / "g1.sock")]
    assert list((state / "gateways").iterdir()) == []


@needs_unix
async def test_a_folder_that_others_may_enter_is_closed(state: Path) -> None:
    (state / "gateways").mkdir(mode=0o777)
    (state / "gateways").chmod(0o777)
    assert mode(gateways_folder(state)) == 0o700


@needs_root
def test_a_folder_of_another_user_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "gateways").mkdir()
    os.chown(state / "gateways", NOBODY, NOBODY)
    assert gateways_folder(state)  # root may look after everyone
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(ConfigurationError, match="another user"):
        gateways_folder(state)


@needs_unix
@pytest.mark.parametrize("make", [lambda path: path.write_text(""), lambda path: path.symlink_to("/tmp")])  # noqa: S108  # the link is what is refused
def test_a_file_or_link_in_place_of_the_folder_is_refused(state: Path, make: object) -> None:
    assert callable(make)
    make(state / "gateways")
    with pytest.raises(ConfigurationError, match="not a folder"):
        gateways_folder(state)


def test_a_folder_that_is_not_there_is_made_only_for_a_gateway(state: Path) -> None:
    assert endpoints(gateways_folder(state / "new")) == []
    assert not (state / "new").exists()
    gateways_folder(state / "new", create=True)
    assert (state / "new" / "gateways").is_dir()


def test_a_state_that_is_a_file_is_one_clear_sentence(state: Path) -> None:
    (state / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"gateways: cannot be used .*; check --state"):
        gateways_folder(state / "file", create=True)


@pytest.mark.parametrize("gateway", ["", "../x", "a/b", "x" * 41, "ä", "-x", "x.sock"])
async def test_an_id_that_is_no_plain_name_is_refused(state: Path, gateway: str) -> None:
    with pytest.raises(ConfigurationError, match="no gateway id"):
        async with listen(state, gateway):
            pass
    assert not (state / "gateways").exists()


def test_other_files_in_the_folder_are_no_gateways(state: Path) -> None:
    folder = gateways_folder(state, create=True)
    for name in ("g1.new", "notes.txt", ".sock", "a b.sock", "\u202e.sock"):
        (folder / name).touch()
    assert endpoints(folder) == []


@needs_unix
async def test_the_socket_of_a_dead_gateway_is_removed_when_it_refuses(state: Path) -> None:
    path = gateways_folder(state, create=True) / "dead.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with pytest.raises(ConnectionRefusedError):
        await connect(Endpoint("dead", path))
    assert not path.exists()


@needs_unix
async def test_a_gateway_takes_the_place_of_a_dead_one_of_its_name(state: Path) -> None:
    path = gateways_folder(state, create=True) / "g1.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    async with listen(state, "g1"):
        stream, _ = await connect(Endpoint("g1", path))
        await stream.aclose()


async def test_a_gateway_that_is_not_there_is_an_error_and_nothing_else(state: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await connect(Endpoint("g1", state / "g1.sock"))


async def test_a_path_too_long_for_a_socket_falls_back_to_a_loopback_port_with_a_token(state: Path) -> None:
    deep = state / ("d" * 100)
    async with listen(deep, "g1") as opened:
        path = deep / "gateways" / "g1.json"
        assert endpoints(path.parent) == [Endpoint("g1", path)]
        assert mode(path) == 0o600
        assert opened.token is not None
        assert len(bytes.fromhex(opened.token)) == 32
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(accept_one, opened)
            stream, token = await connect(Endpoint("g1", path))
            assert token == opened.token
            await stream.aclose()
    assert not path.exists()


async def test_where_there_are_no_unix_sockets_a_loopback_port_is_used(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "HAS_UNIX_SOCKETS", False)
    async with listen(state, "g1") as opened:
        assert opened.token is not None
        assert [one.path.suffix for one in endpoints(state / "gateways")] == [".json"]


async def test_the_token_file_of_a_dead_gateway_is_removed_when_it_refuses(state: Path) -> None:
    path = gateways_folder(state, create=True) / "dead.json"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        path.write_text(json.dumps({"port": taken.getsockname()[1], "token": "00"}))
        with pytest.raises(OSError, match="failed"):
            await connect(Endpoint("dead", path))
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"port": "x", "token": ""}', "\ud800"], ids=ascii)
async def test_a_malformed_token_file_is_no_gateway(state: Path, content: str) -> None:
    path = gateways_folder(state, create=True) / "g1.json"
    path.write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(OSError, match="names no gateway"):
        await connect(Endpoint("g1", path))


@needs_unix
@pytest.mark.parametrize("name", ["g1.new", "g1.sock"])
async def test_what_stands_in_the_sockets_place_is_one_clear_sentence(state: Path, name: str) -> None:
    folder = gateways_folder(state, create=True)
    (folder / name).mkdir()
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        async with listen(state, "g1"):
            pass
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a place where nobody can make a folder")
def test_a_folder_that_cannot_be_made_is_one_clear_sentence() -> None:
    with pytest.raises(ConfigurationError, match="cannot be made"):
        gateways_folder(Path("/proc/nowhere"), create=True)


def as_nobody(script: str) -> list[str]:
    return [sys.executable, "-c", f"import os, socket; os.setgid({NOBODY}); os.setuid({NOBODY}); {script}"]


@needs_root
async def test_other_uid_a_peer_of_another_user_is_not_trusted(state: Path) -> None:
    """Even where the permissions of folder and socket have been opened by hand."""
    async with listen(state, "g1") as opened:
        path = state / "gateways" / "g1.sock"
        for one in (state, path.parent, path):
            one.chmod(0o777)
        script = f"s = socket.socket(socket.AF_UNIX); s.connect('{path}'); s.recv(1)"
        async with await anyio.open_process(as_nobody(script)) as stranger:
            async with await opened.listener.accept() as stream:
                assert not is_trusted(stream)
            assert await stranger.wait() == 0
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(accept_one, opened)
            async with await anyio.connect_unix(path) as own:
                assert is_trusted(own)


@needs_root
async def test_other_uid_a_gateway_of_another_user_is_not_shown(state: Path) -> None:
    path = gateways_folder(state, create=True) / "g1.sock"
    for one in (state, path.parent):
        one.chmod(0o777)
    script = f"s = socket.socket(socket.AF_UNIX); s.bind('{path}'); s.listen(); print('ready', flush=True); s.accept()"
    async with await anyio.open_process(as_nobody(script)) as stranger:
        assert stranger.stdout is not None
        assert await BufferedByteReceiveStream(stranger.stdout).receive_until(b"\n", 10) == b"ready"
        with pytest.raises(PermissionError, match="another user"):
            await connect(Endpoint("g1", path))
        assert await stranger.wait() == 0
