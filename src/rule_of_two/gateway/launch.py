"""How an upstream is reached, and what its process inherits."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rule_of_two.wire.http import Kind
from rule_of_two.wire.peer import Limits, Transport

_BASE_ENVIRONMENT: Final = (
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "SYSTEMROOT", "TEMP", "TERM", "TMP", "TMPDIR", "USER",
    "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "PROCESSOR_ARCHITECTURE",
    "SYSTEMDRIVE", "USERNAME",
)  # fmt: skip
"""What an upstream process inherits; everything else must stand in its block."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to reach an upstream, expanded: secrets are in it, so it is never shown."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = field(default_factory=Path.cwd)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "auto"
    """How a URL is spoken to."""
    oauth: str | None = None
    """The upstream's name, when a human authorizes us to use it."""
    written: tuple[str | None, tuple[str, ...], str | None] | None = None
    """Command, arguments and URL as the configuration has them, references and all; ``None``: as they are here."""

    @property
    def as_written(self) -> tuple[str | None, tuple[str, ...], str | None]:
        """Command, arguments and URL without secrets that are filled in: the same after one was renewed."""
        return self.written or (self.command, self.args, self.url)


Connect = Callable[[Launch, Callable[[str], None], Limits], Awaitable[Transport]]
"""Opens a transport to an upstream; lines of its stderr go to the second argument."""


def environment(block: Mapping[str, str]) -> dict[str, str]:
    """The environment of an upstream process: the bare minimum, and what its block names."""
    if sys.platform == "win32":  # names differ there in more than case, and ours are in capitals
        block = {name.upper(): value for name, value in block.items()}
    return {**{name: os.environ[name] for name in _BASE_ENVIRONMENT if name in os.environ}, **block}
