"""Replacing a file in one step: whole or not at all, through a link, and only if nobody changed it meanwhile."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

from rule_of_two.errors import ConfigurationError

LARGEST: Final = 64 << 20
"""Bytes. A larger file is no configuration."""


def read_regular(path: Path) -> bytes | None:
    """What stands in a file, ``None`` where there is none. Never waits for a pipe, never reads without an end.

    :raises ConfigurationError: it is no regular file, is larger than :data:`LARGEST`, or cannot be read.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError("is no regular file", file=path)
            if status.st_size > LARGEST:
                raise ConfigurationError(f"has more than {LARGEST >> 20} MiB", file=path)
            return file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror})", file=path) from error


def replace_file(path: Path, before: bytes | None, after: bytes, *, new_mode: int = 0o600) -> None:
    """Put ``after`` where ``before`` stands (``None``: nothing). A link stays one; mode and owner stay as they are.

    The last look at the file is just before it is replaced. ``new_mode`` is the mode of a file that is made.

    :raises ConfigurationError: somebody changed it meanwhile, it is read-only, or cannot be written. It is as it was.
    """
    try:
        target = Path(os.path.realpath(path, strict=before is not None))
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _swap(target, path, before, after, new_mode)
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({error.strerror}); nothing was changed", file=path) from error


def remove_file(path: Path, before: bytes) -> None:
    """Remove a file in which ``before`` stands.

    :raises ConfigurationError: somebody changed it meanwhile, or it cannot be removed.
    """
    try:
        _unchanged(path, before)
        Path(os.path.realpath(path)).unlink()
    except OSError as error:
        raise ConfigurationError(f"cannot be removed ({error.strerror})", file=path) from error


def _swap(target: Path, path: Path, before: bytes | None, after: bytes, new_mode: int) -> None:
    status = None if before is None else target.stat()
    if status is not None and (not status.st_mode & 0o222 or not os.access(target, os.W_OK)):
        raise ConfigurationError("is read-only; nothing was changed", file=path)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    unnamed = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        unnamed.chmod(new_mode if status is None else stat.S_IMODE(status.st_mode))
        if sys.platform != "win32" and status is not None and status.st_uid != os.geteuid():
            os.chown(unnamed, status.st_uid, status.st_gid)
        _unchanged(path, before)
        unnamed.replace(target)
    except BaseException:
        unnamed.unlink(missing_ok=True)
        raise


def _unchanged(path: Path, before: bytes | None) -> None:
    if read_regular(path) != before:
        raise ConfigurationError("was changed meanwhile; nothing was written: run the command again", file=path)
