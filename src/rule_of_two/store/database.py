"""One SQLite file: opened strictly, migrated, written in short atomic transactions, and never trusted blindly.

WAL with ``synchronous=NORMAL``: a committed transaction survives the death of this process (SIGKILL included); only a
loss of power can take the newest ones. Every failure is a :class:`StoreError`, so that callers deny.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from rule_of_two.errors import StoreError
from rule_of_two.folders import make_private

if TYPE_CHECKING:
    from sqlite_utils import Database as Tables  # only a file that is migrated pays for importing it

T = TypeVar("T")
Migration = Callable[["Tables"], None]

BUSY_SECONDS: Final = 2.0
"""How long a transaction is tried again while another process holds the write lock."""


class Database:
    """A migrated SQLite file.

    :raises StoreError: not a database, corrupt, unreadable, or written by a newer version.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration], *, title: str) -> None:
        self.path = path
        self.title = title
        self._path = str(path)
        try:
            make_private(path.parent)
            path.touch(mode=0o600, exist_ok=True)
            self.connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the {title} {path} cannot be opened: {error}") from error
        try:
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=NORMAL")
            self.connection.execute("PRAGMA trusted_schema=OFF")
            self._migrate(migrations)
            # From here on nothing waits inside SQLite: a busy file is tried again without blocking the event loop.
            self.connection.execute("PRAGMA busy_timeout=0")
            self._identity = self._stat()
        except sqlite3.Error as error:
            self.connection.close()
            raise StoreError(f"the {title} {path} is unusable ({error}): move it aside and start again") from error
        except StoreError:
            self.connection.close()
            raise

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(migrations):
            self.connection.execute("ROLLBACK")
            raise StoreError(
                f"the {self.title} {self.path} was written by a newer version (schema {version}, this one knows "
                f"{len(migrations)}): update mcp-rule-of-two, or choose another folder with --state"
            )
        if version < len(migrations):
            from sqlite_utils import Database as Tables  # noqa: PLC0415  # see above

            tables = Tables(self.connection, execute_plugins=False)
            for migration in migrations[version:]:
                migration(tables)
            self.connection.execute(f"PRAGMA user_version={len(migrations):d}")
        self.connection.execute("COMMIT")

    def _stat(self) -> tuple[int, int]:
        try:
            status = os.stat(self._path)  # noqa: PTH116  # a hot path: Path.stat costs three times as much
        except OSError as error:
            raise StoreError(f"the {self.title} {self.path} is gone: restart the gateway") from error
        return status.st_dev, status.st_ino

    def check_identity(self) -> None:
        """Refuse to go on when the file was deleted or replaced under us: another process would see other labels.

        :raises StoreError: it was.
        """
        if self._stat() != self._identity:
            raise StoreError(f"the {self.title} {self.path} was replaced while in use: restart the gateway")

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` in one ``BEGIN IMMEDIATE`` transaction and return its value after the commit.

        ``work`` must not await; an exception from it rolls everything back. While another process holds the lock the
        whole of it is tried again for :data:`BUSY_SECONDS`, without blocking the event loop.

        :raises StoreError: the transaction could not be committed.
        """
        deadline = anyio.current_time() + BUSY_SECONDS
        while True:
            try:
                return self.write_now(work)
            except BusyError:
                if anyio.current_time() >= deadline:
                    raise
                # Another process is in its transaction: there is nothing to wait on but time.
                await anyio.sleep(random.uniform(0.0005, 0.005))  # noqa: S311  # jitter, not a secret

    def write_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One attempt of :meth:`write`.

        :raises BusyError: another process holds the lock.
        """
        self.check_identity()
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                value = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return value

    def execute_now(self, statement: str, values: Sequence[object]) -> int:
        """One attempt of a single ``INSERT``, which is a transaction by itself; the number of its last row.

        :raises BusyError: another process holds the lock.
        :raises ConflictError: a row of that number is there.
        :raises StoreError: it could not be committed.
        """
        self.check_identity()
        try:
            return self.connection.execute(statement, values).lastrowid or 0
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reading query.

        :raises StoreError: it could not be read.
        """
        self.check_identity()
        try:
            return work(self.connection)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0)
        kind = BusyError if (code & 0xFF) in _BUSY else ConflictError if code == _TAKEN else StoreError
        return kind(f"the {self.title} {self.path} could not be used: {error}")

    def close(self) -> None:
        """Close the file. Nothing is lost: every transaction was committed or rolled back."""
        self.connection.close()


class BusyError(StoreError):
    """Another process held the write lock for too long."""


class ConflictError(StoreError):
    """A row of that number is there: another process has written it."""


_TAKEN: Final = sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
_BUSY: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
