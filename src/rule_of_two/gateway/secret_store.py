"""Where secrets of ours are kept: the system's keyring, or files that only this user may read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from rule_of_two.errors import StoreError
from rule_of_two.folders import make_private

SERVICE: Final = "rule-of-two"


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read, whole or not at all.

    :raises StoreError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        make_private(path.parent)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def read_private(path: Path) -> str | None:
    """The text of such a file; ``None`` when there is none.

    :raises StoreError: it cannot be read, or others may read it.
    """
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise StoreError(f"{path}: others may read this secret; `chmod 600` it, or make a new one")
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


class Keyring:
    """The system's keyring. It is looked for when it is first used: only who uses it pays."""

    def get(self, name: str) -> str | None:
        """What is kept under a name.

        :raises StoreError: there is no keyring, or it is locked.
        """
        try:
            text: str | None = _keyring().get_password(SERVICE, name)
        except _errors() as error:
            raise StoreError(f"the keyring cannot be read: {error}") from error
        return text

    def set(self, name: str, text: str) -> None:
        """Keep a text under a name.

        :raises StoreError: there is no keyring, or it is locked.
        """
        try:
            _keyring().set_password(SERVICE, name, text)
        except _errors() as error:
            raise StoreError(f"the keyring cannot be written: {error}") from error


def _keyring() -> Any:
    import keyring  # noqa: PLC0415  # see Keyring

    return keyring


def _errors() -> type[Exception]:
    from keyring.errors import KeyringError  # noqa: PLC0415  # see Keyring

    return KeyringError
