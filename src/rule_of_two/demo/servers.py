"""Where the two servers of others come from: a given command, else npx and uvx."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from rule_of_two.errors import ConfigurationError

Name = Literal["filesystem", "fetch"]

PACKAGES: Final[Mapping[Name, str]] = {
    "filesystem": "@modelcontextprotocol/server-filesystem@2026.8.31",
    "fetch": "mcp-server-fetch==2026.10.24",
}
"""The versions that the manifests speak of: from npm and from PyPI."""

_RUNNERS: Final[Mapping[Name, tuple[str, ...]]] = {
    "filesystem": ("npx", "-y", PACKAGES["filesystem"]),
    # Neither its Python nor its script may be looked for on the PATH, since it gets none.
    "fetch": ("uvx", "--python", sys.executable, "--from", PACKAGES["fetch"], "python", "-m", "mcp_server_fetch"),
}


class Servers(Struct, frozen=True):
    """The commands that start them; their own arguments follow."""

    filesystem: tuple[str, ...]
    fetch: tuple[str, ...]


def find_servers(given: Sequence[str]) -> Servers:
    """The servers. ``given`` are texts ``NAME=COMMAND``, each command quoted as in a shell.

    :raises ConfigurationError: one is not given and its runner is not installed, or a text is not of that form.
    """
    commands: dict[str, tuple[str, ...]] = dict(_parsed(text) for text in given)
    return Servers(
        filesystem=commands.get("filesystem") or _by_runner("filesystem"),
        fetch=commands.get("fetch") or _by_runner("fetch"),
    )


def _parsed(text: str) -> tuple[str, tuple[str, ...]]:
    name, _, command = text.partition("=")
    if name not in PACKAGES:
        raise ConfigurationError(f"--server '{text}': write NAME=COMMAND, where NAME is {' or '.join(PACKAGES)}")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ConfigurationError(f"--server '{text}': the command cannot be read ({error}); quote it") from error
    if not words or shutil.which(words[0]) is None:
        raise ConfigurationError(f"--server {name}: there is no program '{words[0] if words else ''}'; give its path")
    return name, words


def _by_runner(name: Name) -> tuple[str, ...]:
    runner, *options = _RUNNERS[name]
    program = shutil.which(runner)
    if program is None:
        raise ConfigurationError(
            f"the demo needs the real server {PACKAGES[name]}, and {runner} is not installed: run scripts/demo in a "
            f"clone of the repository, which brings it along, install {runner}, or give --server {name}=COMMAND"
        )
    return (str(Path(program).absolute()), *options)
