"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from rule_of_two.errors import PolicyError
from rule_of_two.folders import make_private


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put ``content`` in place of whatever stands at ``path``; folders that are missing are made for this user alone.

    :raises PolicyError: it cannot be written; what was there is still there.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        make_private(path.parent)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise PolicyError(f"{path}: cannot be written ({error.strerror})") from error
