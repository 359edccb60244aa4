"""Taking the gateway away from a client: its file is what it was, byte for byte, or as nearly as later edits allow.

# INVARIANT: nothing that somebody wrote into the file since is lost: it is kept, or nothing is changed;
# tests/installation/test_round_trips.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from rule_of_two.clients.entries import is_gateway
from rule_of_two.clients.tables import contents
from rule_of_two.errors import ConfigurationError
from rule_of_two.gateway.config import Config
from rule_of_two.installation.backups import Backups, Layer, Record
from rule_of_two.installation.config_file import ConfigFile
from rule_of_two.installation.servers_text import given_to
from rule_of_two.installation.target import Target, secrets_in, tables_of
from rule_of_two.records import replace
from rule_of_two.replacing import read_regular, remove_file, replace_file
from rule_of_two.yaml_source import parse_yaml


class Undone(Struct, frozen=True):
    """What was taken away, or would be. ``after`` is ``None`` where the file is removed, as there was none."""

    before: bytes | None
    after: bytes | None
    exact: bool
    """The file is what it was, byte for byte; else later edits were kept."""
    servers: tuple[str, ...]
    """Those of our configuration that the client is given no longer. They stay in it."""
    config: Path
    config_before: bytes | None
    config_after: bytes | None
    hidden: tuple[str, ...]
    """The values of secrets, never to be shown."""
    kept: Path | None = None
    """Where the backups are, if they were kept."""


def uninstall(target: Target, *, state: Path, dry_run: bool) -> Undone | None:
    """Put back what :func:`rule_of_two.installation.install.install` took; ``None``: it took nothing.

    :raises ConfigurationError: what was edited since cannot be merged with certainty, or a file cannot be written.
        Nothing is changed then; the text names the backup.
    """
    backups = Backups(state)
    with contextlib.nullcontext() if dry_run else backups.locked():
        now = read_regular(target.file)
        record = backups.record(target.file, now)
        if record is None:
            return None
        after, exact = _restored(target, backups, record, now)
        config = Path(record.config)
        config_before, config_after, servers = _taken_back(backups, target, record)
        hidden = secrets_in(target, after)
        undone = Undone(now, after, exact, servers, config, config_before, config_after, hidden)
        if dry_run:
            return undone
        if after != now:
            _write(target, now, after)
        if config_after is not None and config_after != config_before:
            replace_file(config, config_before, config_after)
        kept = backups.forget(target.file, keep_bytes=not exact)
        return replace(undone, kept=kept)


def _write(target: Target, now: bytes | None, after: bytes | None) -> None:
    if after is not None:
        replace_file(target.file, now, after)
    elif now is not None:
        remove_file(target.file, now)


def _restored(target: Target, backups: Backups, record: Record, now: bytes | None) -> tuple[bytes | None, bool]:
    """What the file is to be, and whether that is exactly what it was before the first change."""
    content, exact = now, True
    for layer in reversed(record.layers):
        before = backups.before(record, layer)
        if backups.is_after(layer, content):
            content = before
            continue
        exact = False
        try:
            content = _merged(target, layer, before, content)
        except ConfigurationError as error:
            where = backups.folder_of(target.file) / layer.before if layer.before else "none: there was no file"
            raise ConfigurationError(f"{error}; nothing was changed. As it was before: {where}") from error
    return content, exact


def _merged(target: Target, layer: Layer, before: bytes | None, now: bytes | None) -> bytes:
    """The file as somebody edited it, with our entry replaced by what it stands for."""
    if now is None:
        raise ConfigurationError("is not there any more", file=target.file)
    old = tables_of(target.host, (before or b"").decode(), target.file)
    try:
        document = tables_of(target.host, now.decode(), target.file)
    except UnicodeDecodeError as error:
        raise ConfigurationError("is not UTF-8 text", file=target.file) from error
    for change in layer.changes:
        entry = (contents(document.value, change.path, target.file) or {}).get(change.entry)
        if not is_gateway(entry):
            raise ConfigurationError(
                f"its entry '{change.entry}' does not start the gateway any more", file=target.file
            )
        text = document.give_back(
            change.path,
            change.entry,
            old,  # type: ignore[arg-type]  # both are of the client's format
            change.moved,
            keep_entry=change.had_entry,
        )
        document = tables_of(target.host, text, target.file)
    return document.text.encode()


def _taken_back(backups: Backups, target: Target, record: Record) -> tuple[bytes | None, bytes | None, tuple[str, ...]]:
    """Our configuration without this client at the servers that it was given, unless another file of its gives them."""
    file = ConfigFile.read(Path(record.config))
    if file.content is None or file.config is None:
        return file.content, file.content, ()
    elsewhere = {
        name
        for other in backups.others(target.file)
        if other.client == record.client and other.config == record.config
        for name in other.servers
    }
    text = file.content.decode()
    gone: list[str] = []
    for name in record.servers:
        if name not in elsewhere and (clients := _others_of(text, name, record.client, file.path)) is not None:
            text = given_to(text, name, clients, file.path)
            gone.append(name)
    return file.content, text.encode(), tuple(gone)


def _others_of(text: str, name: str, client: str, path: Path) -> Sequence[str] | None:
    """Who else is given a server; ``None``: the client is not among those who are named."""
    server = parse_yaml(text, Config, path).servers.get(name)
    if server is None or server.clients is None or client not in server.clients:
        return None
    return [one for one in server.clients if one != client]
