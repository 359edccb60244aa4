"""The journal's entries as JSON Lines: one object a line, of a shape that stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.store.journal import Entry, JournalStore, Row

_TAIL: Final = 1 << 20
"""Bytes at the end of a file in which its last line is looked for: entries are smaller."""


class Selection(Struct, frozen=True):
    """Which entries are exported: those numbered above ``after``, from a time on, of one session or of all."""

    after: int = 0
    since: str = ""
    session: str | None = None

    def takes(self, row: Row) -> bool:
        """Whether a row is exported. One that cannot be read is, unless a session is asked for: nothing gets lost."""
        entry = row.entry
        if not isinstance(entry, Entry):
            return self.session is None
        return entry.at >= self.since and self.session in {None, entry.session}


def selected(store: JournalStore, selection: Selection) -> Iterator[Row]:
    """The rows of a selection, oldest first; read as they are asked for."""
    return (row for row in store.rows(after=selection.after) if selection.takes(row))


def exported(row: Row, journal: str) -> dict[str, Any]:
    """An entry for scripts (docs/audit.md). Of one that cannot be read there is the number, and that it cannot."""
    entry, own_hash = row.entry, None if row.hash is None else row.hash.hex()
    if not isinstance(entry, Entry):
        return {"journal": journal, "number": entry.number, "unreadable": True, "hash": own_hash}
    return {
        "journal": journal,
        "number": entry.number,
        "at": entry.at,
        "kind": entry.kind,
        "session": entry.session,
        "decision": entry.decision,
        "body": entry.body,
        "hash": own_hash,
    }


def line(row: Row, journal: str) -> bytes:
    """The line of an entry, with its end."""
    return orjson.dumps(exported(row, journal), option=orjson.OPT_APPEND_NEWLINE)


class LinesFile:
    """A file of lines that is continued where it ends: what was written of an entry without its end is written again.

    :raises ConfigurationError: it cannot be written, or ends with something else than an entry of this journal.
    """

    def __init__(self, path: Path, journal: str) -> None:
        self._path = path
        try:
            self._file = path.open("ab+")
        except OSError as error:
            raise ConfigurationError(f"cannot be written ({error.strerror})", file=path) from error
        try:
            self.after = self._last(journal)
        except OSError as error:
            self._file.close()
            raise ConfigurationError(f"cannot be read ({error.strerror})", file=path) from error
        except ConfigurationError:
            self._file.close()
            raise

    def _last(self, journal: str) -> int:
        """The number of the last entry in it; what follows its last line's end is cut off."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - _TAIL))
        tail = self._file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            self._file.truncate(size - len(tail) + len(whole))
        if not whole:
            if size > _TAIL:
                raise ConfigurationError("ends with no whole line; name another file", file=self._path)
            return 0
        last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
        try:
            value = orjson.loads(last)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict) or value.get("journal") != journal or type(value.get("number")) is not int:
            raise ConfigurationError("does not end with an entry of this journal; name another file", file=self._path)
        return int(value["number"])

    def write(self, lines: bytes) -> None:
        """Add lines; they are on the disk when this returns.

        :raises ConfigurationError: they could not be written.
        """
        try:
            self._file.write(lines)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigurationError(f"cannot be written ({error.strerror})", file=self._path) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
