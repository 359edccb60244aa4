"""Which manifest file is in force for each server of a configuration."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from rule_of_two.gateway.config import Config, Server
from rule_of_two.manifests.load import find_manifest, recognised_file


class InUse(Struct, frozen=True):
    """One server. ``file`` is ``None`` where no manifest is its own: then everything it does is [A][B][C]."""

    name: str
    server: Server
    file: Path | None


def manifests_in_use(config: Config, folder: Path) -> tuple[InUse, ...]:
    """Every server that is mounted, with the file of its manifest. ``folder`` is that of the configuration.

    :raises ConfigurationError: a manifest is not there, or is none.
    """
    folders = [folder / name for name in config.manifests]

    def file_of(server: Server) -> Path | None:
        if server.manifest:
            return find_manifest(server.manifest, relative_to=folder, folders=folders)
        found = recognised_file(server.recognisable, folders, started_in=server.started_in(folder))
        return None if found is None else found[0]

    mounted = {name: server for name, server in config.servers.items() if not server.disabled}
    return tuple(InUse(name, server, file_of(server)) for name, server in mounted.items())
