"""Puts the operator's own files back as they were in a version, and nothing else anywhere."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path

from rule_of_two.errors import ConfigurationError, PolicyError
from rule_of_two.gateway.policy_versions import PolicyVersions, StoredVersion, targets
from rule_of_two.gateway.timing import timestamp
from rule_of_two.gateway.written import write_atomically
from rule_of_two.policy.references import PROPERTIES
from rule_of_two.policy.settings import FILE as SETTINGS
from rule_of_two.policy.sources import Sources

Plan = Mapping[Path, str | None]
"""What each file will hold; ``None``: it will be gone."""


def plan(stored: StoredVersion, sources: Sources) -> Plan:
    """What has to be written to have the operator's files as they were.

    :raises PolicyError: the configuration names others than the version did, or a file would not stand where it says.
    """
    if (stored.policies, stored.entities) != (sources.policies, sources.entities):
        raise PolicyError(
            "the configuration names others than that version did: put `policies: "
            f"[{', '.join(stored.policies)}]` and `entities: [{', '.join(stored.entities)}]` back in it first"
        )
    wanted: dict[Path, str | None] = dict(targets(stored, sources.folder))
    for own in stored.own:
        folder = sources.folder / own.reference
        if own.kind == "policies" and folder.suffix != ".cedar" and folder.is_dir():
            present = [*sorted(folder.glob("*.cedar")), *(file for file in (folder / SETTINGS,) if file.exists())]
            wanted |= {file: None for file in present if file not in wanted and file.name != PROPERTIES}
    for file in wanted:
        if file.is_symlink() or (file.exists() and not stat.S_ISREG(file.stat().st_mode)):
            raise PolicyError(f"{file}: is a link, or no file: put it back by hand")
    return {file: text for file, text in wanted.items() if _present(file) != text}


def keep_present(versions: PolicyVersions, sources: Sources) -> str:
    """Keep what stands there now, in order or not; under which name.

    :raises PolicyError: it cannot be kept, so nothing should be written over it.
    """
    found = sources.look()
    try:
        policies = sources.load(found)
    except (PolicyError, ConfigurationError):
        present = {
            str(path): content.decode(errors="replace")
            for path, content in found.content.items()
            if path.is_relative_to(sources.folder)
        }
        text = json.dumps(present, indent=1).encode()
        file = versions.place / f"unusable-{hashlib.sha256(text).hexdigest()[:12]}.json"
        write_atomically(file, text)
        return str(file)
    versions.keep(sources, found, policies, at=timestamp())
    return f"version {policies.version[:12]}"


def write(planned: Plan) -> None:
    """Do it, each file whole or not at all.

    :raises PolicyError: one cannot be written; those before it are.
    """
    for file, text in planned.items():
        if text is not None:
            write_atomically(file, text.encode(), mode=0o644)
    for file in [file for file, text in planned.items() if text is None]:
        try:
            file.unlink()
        except OSError as error:
            raise PolicyError(f"{file}: cannot be removed ({error.strerror})") from error


def _present(file: Path) -> str | None:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return "\0" if file.exists() else None
