"""What clients' files were before we changed them: kept byte for byte, so that they can be what they were again.

Each file that was changed has a folder of its own in the state, with the bytes as they were before each change and a
record of what was taken out. Both are written before the file is, so a run that was cut off leaves a backup too many,
never one too few.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import filelock
import orjson
from msgspec import Struct, to_builtins

from rule_of_two.errors import ConfigurationError
from rule_of_two.folders import make_private
from rule_of_two.replacing import read_regular, replace_file

FOLDER: Final = "installations"
_RECORD: Final = "record.json"
_WAIT: Final = 10.0
"""Seconds for another run of ours to end."""


class Change(Struct, frozen=True):
    """What was done to one table: the entry that starts us, and which servers it stands for."""

    path: tuple[str, ...]
    entry: str
    moved: tuple[str, ...]
    had_entry: bool
    """It was there before."""


class Layer(Struct, frozen=True):
    """One change of a file. ``before`` is the file's name in the folder; ``None``: there was no file."""

    before: str | None
    before_digest: str
    after_digest: str
    changes: tuple[Change, ...]


class Record(Struct, frozen=True):
    """All changes of one file that stand, the oldest first; ``servers`` are those of our configuration that it gave."""

    client: str
    file: str
    config: str
    servers: tuple[str, ...]
    layers: tuple[Layer, ...]


class Backups:
    """The backups in a state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold off other runs of ours.

        :raises ConfigurationError: one is under way and does not end, or the folder cannot be made.
        """
        try:
            make_private(self._folder)
            with filelock.FileLock(self._folder / ".lock", timeout=_WAIT, mode=0o600):
                yield
        except filelock.Timeout as error:
            raise ConfigurationError(
                "another install or uninstall is under way; wait for it", file=self._folder
            ) from error
        except OSError as error:
            raise ConfigurationError(f"cannot be written ({error.strerror})", file=self._folder) from error

    def folder_of(self, file: Path) -> Path:
        """Where the backups of a file are."""
        return self._folder / hashlib.sha256(os.fsencode(os.path.realpath(file))).hexdigest()[:16]

    def record(self, file: Path, now: bytes | None) -> Record | None:
        """What stands of our changes in a file that has the bytes ``now``: no layer, where a run was cut off before it
        changed the file, or after it had put it back. ``None``: there was no change.

        :raises ConfigurationError: the record cannot be read.
        """
        record = self._read(self.folder_of(file))
        if record is None:
            return None
        digest = _digest(now)
        undone = next((place for place, layer in enumerate(record.layers) if layer.before_digest == digest), None)
        layers = record.layers if undone is None else record.layers[:undone]
        return Record(record.client, record.file, record.config, record.servers, layers)

    def others(self, file: Path) -> tuple[Record, ...]:
        """The records of other files; one that cannot be read says nothing."""
        found: list[Record] = []
        for folder in sorted(self._folder.iterdir()):
            with contextlib.suppress(ConfigurationError):
                if folder != self.folder_of(file) and (record := self._read(folder)) is not None:
                    found.append(record)
        return tuple(found)

    def keep(self, record: Record, before: bytes | None, after: bytes, changes: Sequence[Change]) -> Path | None:
        """Write down a change that is about to be made, and the bytes before it; where they are, if there are any.

        :raises ConfigurationError: it cannot be written.
        """
        file = Path(record.file)
        folder = self.folder_of(file)
        name = None if before is None else f"{len(record.layers) + 1}.before"
        if name is not None and before is not None:
            replace_file(folder / name, read_regular(folder / name), before)
        layer = Layer(name, _digest(before), _digest(after), tuple(changes))
        self._write(Record(record.client, record.file, record.config, record.servers, (*record.layers, layer)))
        return None if name is None else folder / name

    def put_record(self, file: Path, record: Record | None) -> None:
        """Write down that a change was not made after all: ``record`` is what stands."""
        if record is None:
            self.forget(file, keep_bytes=False)
        else:
            self._write(record)

    def before(self, record: Record, layer: Layer) -> bytes | None:
        """The bytes before a change.

        :raises ConfigurationError: they are gone, or are not what they were.
        """
        if layer.before is None:
            return None
        path = self.folder_of(Path(record.file)) / layer.before
        found = read_regular(path)
        if _digest(found) != layer.before_digest:
            raise ConfigurationError("is not the backup that was made; nothing was changed", file=path)
        return found

    def is_after(self, layer: Layer, now: bytes | None) -> bool:
        """Whether a file is as that change left it."""
        return _digest(now) == layer.after_digest

    def forget(self, file: Path, *, keep_bytes: bool) -> Path | None:
        """The changes of a file do not stand any more; where the backups are, if they are kept."""
        folder = self.folder_of(file)
        if not keep_bytes:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        number = 1
        while (kept := folder.with_name(f"{folder.name}.{number}")).exists():
            number += 1
        folder.rename(kept)
        (kept / _RECORD).rename(kept / "was.json")
        return kept

    def _read(self, folder: Path) -> Record | None:
        path = folder / _RECORD
        text = read_regular(path)
        if text is None:
            return None
        try:
            return _parsed(orjson.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError("is no record of an installation", file=path) from error

    def _write(self, record: Record) -> None:
        path = self.folder_of(Path(record.file)) / _RECORD
        replace_file(path, read_regular(path), orjson.dumps(to_builtins(record), option=orjson.OPT_INDENT_2))


def _parsed(value: Any) -> Record:
    layers = tuple(
        Layer(
            one["before"],
            one["before_digest"],
            one["after_digest"],
            tuple(
                Change(tuple(each["path"]), each["entry"], tuple(each["moved"]), each["had_entry"])
                for each in one["changes"]
            ),
        )
        for one in value["layers"]
    )
    return Record(value["client"], value["file"], value["config"], tuple(value["servers"]), layers)


def _digest(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()
