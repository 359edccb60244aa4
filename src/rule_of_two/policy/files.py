"""How the files of policies and entities are read: from the disk each time, or once, so that what was looked at,
verified and kept is the very thing that is loaded."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

import orjson

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one file."""


class Files:
    """The disk. Every method raises :class:`OSError` as it does."""

    def is_folder(self, path: Path) -> bool:
        """Whether it is a folder, or leads to one."""
        return path.is_dir()

    def is_file(self, path: Path) -> bool:
        """Whether it is a file, or leads to one."""
        return path.is_file()

    def policies_in(self, folder: Path) -> Sequence[Path]:
        """The policy files of a folder, sorted by name."""
        return sorted(folder.glob("*.cedar"))

    def read(self, path: Path) -> bytes:
        """The content of a file. What is none (a pipe, a device) or is larger than :data:`LARGEST` is refused, and
        never waited for."""
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file", str(path))
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise OSError(errno.EFBIG, f"it is larger than {LARGEST // 1024 // 1024} MiB", str(path))
        return content


DISK: Final = Files()


class Snapshot(Files):
    """What was found, once: asked again it says the same, whatever stands on the disk by then."""

    def __init__(self) -> None:
        self._folders: dict[Path, bool] = {}
        self._files: dict[Path, bool] = {}
        self._listed: dict[Path, tuple[Path, ...]] = {}
        self._read: dict[Path, bytes | OSError] = {}
        self._stamps: dict[Path, object] = {}
        """What the disk said of each path before it was looked at."""

    def is_folder(self, path: Path) -> bool:
        if path not in self._folders:
            self._stamps.setdefault(path, _stamp(path))
            self._folders[path] = super().is_folder(path)
        return self._folders[path]

    def is_file(self, path: Path) -> bool:
        if path not in self._files:
            self._stamps.setdefault(path, _stamp(path))
            self._files[path] = super().is_file(path)
        return self._files[path]

    def policies_in(self, folder: Path) -> Sequence[Path]:
        if folder not in self._listed:
            self._stamps.setdefault(folder, _stamp(folder))
            self._listed[folder] = tuple(super().policies_in(folder))
        return self._listed[folder]

    def read(self, path: Path) -> bytes:
        if path not in self._read:
            self._stamps.setdefault(path, _stamp(path))
            try:
                self._read[path] = super().read(path)
            except OSError as error:
                self._read[path] = error
        found = self._read[path]
        if isinstance(found, OSError):
            raise found
        return found

    def peek(self, path: Path) -> None:
        """Read it now, for later: that it cannot be read is found out by whoever needs it."""
        with suppress(OSError):
            self.read(path)

    @property
    def content(self) -> Mapping[Path, bytes]:
        """Everything that was read."""
        return MappingProxyType({path: one for path, one in self._read.items() if isinstance(one, bytes)})

    def is_current(self) -> bool:
        """Whether the disk says of everything that was looked at what it said before, so that reading it again would
        find the same."""
        return all(_stamp(path) == stamp for path, stamp in self._stamps.items())

    @property
    def digest(self) -> str:
        """SHA-256 over all that was found: the same only if nothing is different."""
        found = {
            "folders": {str(path): there for path, there in self._folders.items()},
            "files": {str(path): there for path, there in self._files.items()},
            "listed": {str(path): list(map(str, paths)) for path, paths in self._listed.items()},
            "read": {
                str(path): hashlib.sha256(one).hexdigest() if isinstance(one, bytes) else str(one.errno)
                for path, one in self._read.items()
            },
        }
        return hashlib.sha256(orjson.dumps(found, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Memory(Files):
    """Files that stand nowhere: contents by path."""

    def __init__(self, content: Mapping[Path, bytes]) -> None:
        self._content = dict(content)
        self._folders = {parent for path in content for parent in path.parents}

    def is_folder(self, path: Path) -> bool:
        return path in self._folders

    def is_file(self, path: Path) -> bool:
        return path in self._content

    def policies_in(self, folder: Path) -> Sequence[Path]:
        return sorted(path for path in self._content if path.parent == folder and path.suffix == ".cedar")

    def read(self, path: Path) -> bytes:
        if path not in self._content:
            raise FileNotFoundError(errno.ENOENT, "it is not there", str(path))
        return self._content[path]


def _stamp(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
