"""Where a gateway can be reached: one file a gateway in `<state>/gateways`, which only this user may enter.

A Unix socket, `<gateway>.sock`. Where there are none (Windows), or the folder's path is too long for one, a loopback
port: `<gateway>.json` with the port and a token that proves that the console may read the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import stat
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, cast

import anyio
import anyio.abc
from anyio.abc import SocketAttribute, SocketListener
from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.folders import make_private

HAS_UNIX_SOCKETS: Final = sys.platform != "win32"

LONGEST_SOCKET_PATH: Final = 100
"""Bytes. The smallest limit of a platform is 104 with the closing zero (macOS)."""

_GATEWAY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)


class Endpoint(Struct, frozen=True):
    """A gateway that may be running."""

    gateway: str
    path: Path


class Listening(Struct, frozen=True):
    """An open endpoint. ``token`` is what a console must say; ``None`` on a Unix socket."""

    listener: SocketListener
    token: str | None


def gateways_folder(state: Path, *, create: bool = False) -> Path:
    """The folder, checked to be ours alone. It need not exist unless ``create``.

    :raises ConfigurationError: it belongs to someone else, is no folder, or cannot be made private.
    """
    folder = state / "gateways"
    try:
        if create:
            make_private(folder)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise ConfigurationError("is not a folder; remove it, or choose another --state", file=folder)
        if sys.platform != "win32":
            if not _is_ours(status.st_uid):
                raise ConfigurationError("belongs to another user; choose another --state", file=folder)
            if stat.S_IMODE(status.st_mode) & 0o077:
                folder.chmod(0o700)
    except FileNotFoundError:
        if create:
            raise ConfigurationError("cannot be made; check --state", file=folder) from None
    except OSError as error:
        raise ConfigurationError(f"cannot be used ({error.strerror}); check --state", file=folder) from error
    return folder


def endpoints(folder: Path) -> list[Endpoint]:
    """The gateways that the folder names, running or not. A folder that is not there names none."""
    with contextlib.suppress(OSError):
        return [
            Endpoint(path.stem, path)
            for path in sorted(folder.iterdir())
            if path.suffix in (".sock", ".json") and _GATEWAY_ID.fullmatch(path.stem)
        ]
    return []


@contextlib.asynccontextmanager
async def listen(state: Path, gateway: str) -> AsyncIterator[Listening]:
    """Open this gateway's endpoint, and take it away at the end.

    The file gets its name only when the endpoint answers, so a console never takes a starting gateway for a dead one.

    :raises ConfigurationError: the folder cannot be used, or the id is not 1 to 40 letters, digits, ``_`` and ``-``.
    """
    if not _GATEWAY_ID.fullmatch(gateway):
        raise ConfigurationError(f"'{gateway}' is no gateway id: use 1 to 40 letters, digits, '_' and '-'")
    folder = gateways_folder(state, create=True)
    path = folder / f"{gateway}.sock"
    fits = len(os.fsencode(path)) <= LONGEST_SOCKET_PATH
    opening = _listen_unix(path) if HAS_UNIX_SOCKETS and fits else _listen_tcp(path.with_suffix(".json"))
    try:
        listening, path = await opening
    except OSError as error:
        raise ConfigurationError(f"cannot be opened ({error.strerror}); check --state", file=path) from error
    try:
        yield listening
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        with anyio.CancelScope(shield=True):
            await listening.listener.aclose()


async def connect(endpoint: Endpoint) -> tuple[anyio.abc.ByteStream, str | None]:
    """Connect to a gateway; the token to say, if there is one. A gateway of another user is not trusted.

    :raises OSError: it is not reachable now. The file of a gateway that died is removed.
    """
    stream: anyio.abc.SocketStream
    token: str | None = None
    try:
        if endpoint.path.suffix == ".sock":
            stream = await anyio.connect_unix(endpoint.path)
        else:
            port, token = _read_token_file(endpoint.path)
            stream = await anyio.connect_tcp("127.0.0.1", port)
    except OSError as error:
        if isinstance(error, ConnectionRefusedError) or isinstance(error.__cause__, ConnectionRefusedError):
            endpoint.path.unlink(missing_ok=True)
        raise
    if not is_trusted(stream):
        await stream.aclose()
        raise PermissionError(f"{endpoint.path} is served by another user")
    return stream, token


def is_trusted(stream: anyio.abc.SocketStream) -> bool:
    """Whether the peer of a Unix socket is this user or root.

    Known on Linux (SO_PEERCRED). Elsewhere, and on a loopback port, the folder's permissions and the token stand in.
    """
    raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610  # typed attribute of a socket, not Django's
    if sys.platform == "linux" and raw.family == socket.AF_UNIX:
        credentials = raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        return bool(uid == 0 or uid == os.getuid())
    return True


async def _listen_unix(path: Path) -> tuple[Listening, Path]:
    unnamed = path.with_suffix(".new")
    listener = await anyio.create_unix_listener(unnamed, mode=0o600)
    await _name(unnamed, path, listener)
    return Listening(listener, None), path


async def _listen_tcp(path: Path) -> tuple[Listening, Path]:
    token = secrets.token_hex(32)
    unnamed = path.with_suffix(".new")
    port_taker = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    listener = cast("SocketListener", port_taker.listeners[0])  # one address, so one listener
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # typed attribute of a socket, not Django's
    _write_token_file(unnamed, port, token)
    await _name(unnamed, path, listener)
    return Listening(listener, token), path


async def _name(unnamed: Path, path: Path, listener: SocketListener) -> None:
    try:
        unnamed.replace(path)  # noqa: ASYNC240  # one local call, before anything runs
    except OSError:
        unnamed.unlink(missing_ok=True)  # noqa: ASYNC240  # as above
        await listener.aclose()
        raise


def _write_token_file(path: Path, port: int, token: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"port": port, "token": token}, file)


def _read_token_file(path: Path) -> tuple[int, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return int(content["port"]), str(content["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise OSError(f"{path} names no gateway") from error


def _is_ours(uid: int) -> bool:
    """Root may look after every user's gateways."""
    return sys.platform == "win32" or uid == os.getuid() or os.getuid() == 0
