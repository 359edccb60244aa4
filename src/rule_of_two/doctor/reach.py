"""Whether this process can change a file or folder: by writing it, or by putting another one in its place."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rule_of_two.doctor.brief import Owned
from rule_of_two.doctor.finding import Finding, Result

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")


def attempt(owned: Owned) -> Finding:
    """Try to change any of the files, and everything within the folders."""
    ways = (way_to_change(Path(path)) for path in owned.paths)
    way = next((found for found in ways if found is not None), None)
    if way is None:
        where = owned.paths[0] if len(owned.paths) == 1 else f"any of {len(owned.paths)} files and folders"
        evidence = f"no way was found to write {where}, or to put another file in its place"
        return Finding(attempt=f"change {owned.what}", area=owned.area, result=Result.FAILED, evidence=evidence)
    return Finding(
        attempt=f"change {owned.what}", area=owned.area, result=Result.SUCCEEDED, evidence=way, close=owned.close
    )


def way_to_change(path: Path) -> str | None:
    """How this process could change ``path`` or something in it, in one sentence; ``None``: it cannot.

    Nothing is changed. A path that does not exist could be made; what belongs to this user could be made writable.
    """
    target = Path(os.path.realpath(path))
    for one in _within(target):
        if way := _way_into(one):
            return way
    return _way_to_replace(target)


def _within(target: Path) -> Iterator[Path]:
    yield target
    for parent, folders, files in os.walk(target):
        yield from (Path(parent, name) for name in (*folders, *files))


def _way_into(target: Path) -> str | None:
    try:
        status = target.stat()
    except OSError:
        return None  # it is not there, or a folder above it cannot be entered
    if status.st_uid == os.geteuid():
        return f"{target} belongs to this user"
    if can_make_files_in(target) if stat.S_ISDIR(status.st_mode) else _can_write(target):
        return f"{target} can be written"
    return None


def can_make_files_in(folder: Path) -> bool:
    """Tried with a file that has no name, or is gone at once."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _can_write(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return False
    os.close(descriptor)
    return True


def _way_to_replace(target: Path) -> str | None:
    """A folder above it in which names can be given to other files."""
    child = target
    for parent in target.parents:
        try:
            status = parent.stat()
            sticky = status.st_mode & stat.S_ISVTX and child.exists() and child.lstat().st_uid != os.geteuid()
        except OSError:
            child = parent
            continue
        if status.st_uid == os.geteuid() or (not sticky and can_make_files_in(parent)):
            return f"{parent} can be written, so {child.name} in it can be made or replaced"
        child = parent
    return None
