"""The versions of policies and entities that were in force: one JSON file each, in ``policies/`` of the state folder.

A version is the digest of what its policies, schema and entities mean. A file holds the texts that it was loaded from,
the shipped ones too, so that whoever reads it can find that digest again: what does not lead to it is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from rule_of_two.errors import ConfigurationError, PolicyError
from rule_of_two.gateway.written import write_atomically
from rule_of_two.policy.files import DISK, Files, Memory, Snapshot
from rule_of_two.policy.load import Policies
from rule_of_two.policy.references import shipped_policies
from rule_of_two.policy.settings import FILE as SETTINGS
from rule_of_two.policy.sources import Sources

FOLDER: Final = "policies"
_NAME: Final = re.compile(r"[0-9a-f]{64}\.json", re.ASCII)
_FILE_NAME: Final = re.compile(r"[^/\\\0]{1,255}")
SHORTEST: Final = 6
"""Characters by which a version can be named."""


class StoredOwn(BaseModel):
    """An entry of the configuration that is the operator's own: its files by name, and its signature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str
    kind: Literal["policies", "entities"]
    files: dict[str, str]
    signature: str | None = None


class StoredVersion(BaseModel):
    """The file. ``shipped`` are texts by their path within the shipped policies."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    version: str
    first_in_force: AwareDatetime
    gateway: str
    """The process that put it in force first."""
    policies: tuple[str, ...]
    entities: tuple[str, ...]
    typed: bool
    shipped: dict[str, str]
    own: tuple[StoredOwn, ...]


class Version(Struct, frozen=True):
    """A version whose texts were found to be what its name says."""

    stored: StoredVersion
    policies: Policies


class Unusable(Struct, frozen=True):
    """A file that is no version; ``problem`` is one sentence."""

    file: Path
    problem: str


class PolicyVersions:
    """The versions in one state folder. ``folder`` is that of the configuration, from which names in them start."""

    def __init__(self, state: Path, folder: Path) -> None:
        self.place = state / FOLDER
        self._folder = folder

    def keep(self, sources: Sources, files: Snapshot, policies: Policies, *, at: str) -> None:
        """Store what is in force, unless it was before.

        :raises PolicyError: it cannot be written.
        """
        path = self.place / f"{policies.version}.json"
        if path.exists():
            return
        stored = StoredVersion.model_validate(
            {
                "version": policies.version,
                "first_in_force": at,
                "gateway": f"process {os.getpid()}",
                "policies": sources.policies,
                "entities": sources.entities,
                "typed": sources.typed,
                "shipped": _shipped(files.content),
                "own": [
                    {
                        "reference": own.reference,
                        "kind": own.kind,
                        "files": {name: content.decode() for name, content in own.files.items()},
                        "signature": _text(files.content.get(own.signature)),
                    }
                    for own in sources.own(files)
                ],
            }
        )
        write_atomically(path, stored.model_dump_json(indent=1).encode())

    def __iter__(self) -> Iterator[Version | Unusable]:
        """All of them, newest first, and what is none."""
        found = [self._read(path) for path in sorted(self.place.glob("*.json")) if _NAME.fullmatch(path.name)]
        versions = [one for one in found if isinstance(one, Version)]
        yield from sorted(versions, key=lambda one: one.stored.first_in_force, reverse=True)
        yield from (one for one in found if isinstance(one, Unusable))

    def get(self, version: str) -> Version:
        """The version of that whole name.

        :raises PolicyError: there is none, or its file is not what its name says.
        """
        found = self._read(self.place / f"{version}.json")
        if isinstance(found, Unusable):
            raise PolicyError(f"{found.file}: {found.problem}")
        return found

    def names(self) -> list[str]:
        """Of all files that say they are versions."""
        return sorted(path.stem for path in self.place.glob("*.json") if _NAME.fullmatch(path.name))

    def _read(self, path: Path) -> Version | Unusable:
        try:
            stored = StoredVersion.model_validate_json(DISK.read(path))
            policies = self._sources(stored).load(self._files(stored))
        except OSError as error:
            return Unusable(path, f"cannot be read ({error.strerror})")
        except (ValidationError, PolicyError, ConfigurationError, RecursionError):
            return Unusable(path, "holds no policies that could ever have been in force; it was changed")
        if not stored.version == policies.version == path.stem:
            return Unusable(path, "holds other policies than its name says; it was changed")
        return Version(stored, policies)

    def _sources(self, stored: StoredVersion) -> Sources:
        return Sources(stored.policies, stored.entities, self._folder, stored.typed)

    def _files(self, stored: StoredVersion) -> Files:
        content = {shipped_policies() / name: text.encode() for name, text in stored.shipped.items()}
        for path, text in targets(stored, self._folder).items():
            content[path] = text.encode()
        return Memory(content)


def targets(stored: StoredVersion, folder: Path) -> Mapping[Path, str]:
    """Where the operator's own files of a version stand, and what is in them.

    :raises PolicyError: a file would stand elsewhere than the entry that it belongs to says.
    """
    found: dict[Path, str] = {}
    for own in stored.own:
        if own.reference not in (stored.policies if own.kind == "policies" else stored.entities):
            raise PolicyError(f"the version holds '{own.reference}', which it does not name")
        path = folder / own.reference
        for name, text in own.files.items():
            if not _FILE_NAME.fullmatch(name) or name in {".", ".."}:
                raise PolicyError(f"the version holds a file of the name {name!r}, which is none")
            if name == path.name and (own.kind == "entities" or path.suffix == ".cedar"):
                found[path] = text
            elif own.kind == "policies" and path.suffix == ".cedar" and name == SETTINGS:
                found[path.parent / name] = text
            elif own.kind == "policies" and path.suffix != ".cedar" and (name.endswith(".cedar") or name == SETTINGS):
                found[path / name] = text
            else:
                raise PolicyError(f"the version holds {name!r} in '{own.reference}', where it would not be read")
    return found


def _shipped(content: Mapping[Path, bytes]) -> dict[str, str]:
    root = shipped_policies()
    return {
        path.relative_to(root).as_posix(): text.decode() for path, text in content.items() if path.is_relative_to(root)
    }


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode(errors="replace")


def as_facts(version: Version) -> dict[str, Any]:
    """For scripts."""
    stored = version.stored
    return {
        "version": stored.version,
        "first_in_force": stored.first_in_force.isoformat(),
        "gateway": stored.gateway,
        "sets": list(stored.policies),
        "entities": list(stored.entities),
        **{f"{name}_sha256": digest for name, digest in version.policies.parts.items()},
    }
