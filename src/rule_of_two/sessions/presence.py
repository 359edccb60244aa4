"""Which connections are alive: one lock file each, held by the gateway's process and released by the system at its end.

A file that nobody holds belongs to a gateway that died. Beside it stands a mark from the moment the state knows the
connection; a clean end removes both. So a stale row cannot look alive, and a deleted state database cannot hide that
somebody was there: a mark without a row says so.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from rule_of_two.errors import StoreError
from rule_of_two.folders import make_private


class Presence:
    """The lock files of a state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "connections"
        self._held: dict[str, FileLock] = {}

    def _path(self, key_digest: str, connection: str, kind: str = "lock") -> Path:
        return self._folder / f"{key_digest}-{connection}.{kind}"

    def hold(self, key_digest: str, connection: str) -> None:
        """Show that ``connection`` lives until :meth:`release` or the end of this process.

        :raises StoreError: the file cannot be made or locked.
        """
        try:
            make_private(self._folder)
            lock = FileLock(self._path(key_digest, connection), timeout=0)
            lock.acquire()
        except (OSError, Timeout) as error:
            raise StoreError(f"the lock file of this connection in {self._folder} cannot be held: {error}") from error
        self._held[connection] = lock

    def mark(self, key_digest: str, connection: str) -> None:
        """Leave the mark that the state has recorded ``connection``; from now on it can hold labels.

        :raises StoreError: the mark cannot be written.
        """
        try:
            self._path(key_digest, connection, "recorded").touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"the mark of this connection in {self._folder} cannot be written: {error}") from error

    def unmark(self, key_digest: str, connection: str) -> None:
        """Take the mark away: from now on only the state says that ``connection`` was there."""
        self._path(key_digest, connection, "recorded").unlink(missing_ok=True)

    def release(self, key_digest: str, connection: str) -> None:
        """End cleanly: the file goes, so nobody takes this connection for an orphan."""
        lock = self._held.pop(connection, None)
        self.forget(key_digest, connection)
        if lock is not None:
            lock.release()
            self.forget(key_digest, connection)

    def forget(self, key_digest: str, connection: str) -> None:
        """Remove the files of a connection that has been accounted for."""
        self.unmark(key_digest, connection)
        self._path(key_digest, connection).unlink(missing_ok=True)

    def alive(self, key_digest: str, connection: str) -> bool:
        """Whether a process, this one included, holds the file."""
        if connection in self._held:
            return True
        path = self._path(key_digest, connection)
        if not path.exists():
            return False
        probe = FileLock(path, timeout=0)
        try:
            probe.acquire()
        except Timeout:
            return True
        except OSError as error:
            raise StoreError(f"the lock file {path} cannot be examined: {error}") from error
        probe.release()
        return False

    def marked(self, key_digest: str) -> set[str]:
        """Every connection under the key that the state once recorded and that did not end cleanly."""
        prefix = f"{key_digest}-"
        return {path.stem.removeprefix(prefix) for path in self._folder.glob(f"{prefix}*.recorded")}

    def __enter__(self) -> Presence:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the locks without removing the files: what is still held at an unclean end stays an orphan."""
        for lock in self._held.values():
            lock.release()
        self._held.clear()
