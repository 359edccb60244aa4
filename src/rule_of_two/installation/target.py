"""One file of a client's: where it is, what stands in it, and which of its servers do not go through a gateway."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from msgspec import Struct

from rule_of_two.clients.entries import Kept, is_gateway, is_wrapped, read_mount
from rule_of_two.clients.hosts import HOSTS, Host, user_file
from rule_of_two.clients.jsonc import JsonTables
from rule_of_two.clients.secrets import secrets_of
from rule_of_two.clients.tables import Path_, contents, matching
from rule_of_two.clients.toml_tables import TomlTables
from rule_of_two.errors import ConfigurationError, RuleOfTwoError
from rule_of_two.replacing import read_regular


class Target(Struct, frozen=True):
    """One file of a client's. ``folder`` is that of the project whose file it is."""

    host: Host
    file: Path
    folder: Path | None = None

    @property
    def tables(self) -> tuple[Path_, ...]:
        """Where servers may stand in it."""
        return self.host.tables if self.folder is None else (self.host.tables[0],)


def target_of(client: str, *, project: Path | None, file: Path | None) -> Target:
    """The file of a client: the user's, or that of a project in a folder; ``file`` names another.

    :raises ConfigurationError: the client has no file for projects, the folder is none, or the file is a link out of
    it.
    """
    host = HOSTS[client]
    folder = None
    if project is not None:
        folder = Path(os.path.realpath(project))
        if not folder.is_dir():
            raise ConfigurationError("is no folder", file=project)
        if host.project is None:
            raise ConfigurationError(f"{host.title} has no file for projects; leave out --project")
    if file is not None:
        return Target(host, Path(os.path.abspath(file)), folder)  # noqa: PTH100  # a link stays one
    if folder is not None and host.project is not None:
        inside = folder / host.project
        if not Path(os.path.realpath(inside)).is_relative_to(folder):
            raise ConfigurationError("is a link out of the project; name what it stands for with --file", file=inside)
        return Target(host, inside, folder)
    return Target(host, Path(user_file(host, sys.platform, os.environ, str(Path.home()))))


def read_tables(host: Host, file: Path) -> tuple[bytes | None, JsonTables | TomlTables]:
    """A client's file; one that is not there has no tables.

    :raises ConfigurationError: it cannot be read; with file and line.
    """
    content = read_regular(file)
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError("is not UTF-8 text", file=file) from error
    return content, tables_of(host, text, file)


def tables_of(host: Host, text: str, file: Path) -> JsonTables | TomlTables:
    """A text in the format of a client."""
    return TomlTables(text, file) if host.format == "toml" else JsonTables(text, file)


def secrets_in(target: Target, content: bytes | None) -> tuple[str, ...]:
    """The secrets of all servers in a text that is, or was, a client's file."""
    document = tables_of(target.host, (content or b"").decode(), target.file)
    found: dict[str, None] = {}
    for pattern in target.tables:
        for path, key in matching(document.value, pattern):
            for name, raw in (contents(document.value, path, target.file) or {}).items():
                with contextlib.suppress(Kept):
                    folder = target.folder or (None if key is None else Path(key))
                    found |= dict.fromkeys(
                        one.value for one in secrets_of(read_mount(target.host, name, raw, folder=folder))
                    )
    return tuple(found)


def found_clients() -> list[tuple[Host, int]]:
    """The clients of this user that have servers which do not go through a gateway, with how many they have.

    A file that cannot be read is left out: what is wrong with it is said to who installs.
    """
    found: list[tuple[Host, int]] = []
    for host in HOSTS.values():
        target = target_of(host.name, project=None, file=None)
        with contextlib.suppress(RuleOfTwoError):
            if count := len(outside(target)):
                found.append((host, count))
    return found


def outside(target: Target) -> list[str]:
    """The servers in a client's file that it reaches by itself.

    :raises ConfigurationError: the file cannot be read.
    """
    _, document = read_tables(target.host, target.file)
    tables = [
        contents(document.value, path, target.file) or {}
        for pattern in target.tables
        for path, _ in matching(document.value, pattern)
    ]
    return [name for table in tables for name, raw in table.items() if not is_gateway(raw) and not is_wrapped(raw)]
