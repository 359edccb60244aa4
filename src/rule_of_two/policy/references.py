"""From what a configuration names to files: shipped sets by name, the operator's own by path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rule_of_two.errors import PolicyError
from rule_of_two.policy.files import DISK, Files
from rule_of_two.shipped import shipped
from rule_of_two.yaml_source import nearest

INVARIANT: Final = "invariant"
"""The shipped set that is always loaded."""


PROPERTIES: Final = "properties.cedar"
"""What an operator wants proved of the policies beside it. It decides nothing, so it is never loaded as policies."""


def shipped_policies() -> Path:
    """The folder of the shipped schema and sets.

    :raises PolicyError: the installation is broken.
    """
    try:
        return shipped("policies")
    except FileNotFoundError as error:
        raise PolicyError(str(error)) from error


def told_path(file: Path) -> str:
    """A policy file for people: below the working directory as from there, and a shipped one by its place there."""
    shipped = shipped_policies()
    for folder in (shipped.parent if shipped in file.parents else None, Path.cwd()):
        if folder is not None and folder in file.parents:
            return str(file.relative_to(folder))
    return str(file)


def find_files(reference: str, *, relative_to: Path, files: Files = DISK) -> Sequence[Path]:
    """The policy files of one entry of ``policies:``, sorted by name.

    A reference with a slash, a leading dot or the ending ``.cedar`` is a path, relative to ``relative_to``; anything
    else names a shipped set. So a folder can never stand in for a shipped set, whatever the working directory holds.

    :raises PolicyError: no such set, file or folder, or a folder without ``*.cedar``.
    """
    if not is_path(reference):
        return files_of_set(reference, files=files)
    path = relative_to / reference
    if path.name == PROPERTIES:
        raise PolicyError(
            f"{path}: holds properties to prove, which decide nothing; name the policies beside it instead"
        )
    try:
        if files.is_folder(path):
            return _files_in(path, files)
        found = files.is_file(path)
    except OSError as error:
        raise PolicyError(
            f"{path}: cannot be read ({error.strerror}); check `policies:` in the configuration"
        ) from error
    if not found:
        raise PolicyError(f"{path}: there is no such policy file or folder; check `policies:` in the configuration")
    return [path]


def files_of_set(name: str, *, files: Files = DISK) -> Sequence[Path]:
    """The files of a shipped set.

    :raises PolicyError: there is no set of that name.
    """
    optional = shipped_sets()
    if name not in {INVARIANT, *optional}:
        raise PolicyError(
            f"unknown policy set '{name}'{nearest(name, optional)}; shipped sets: {', '.join(optional)}; "
            f"write a folder or file of your own as a path, such as './{name or 'policies'}'"
        )
    return _files_in(shipped_policies() / name, files)


def shipped_sets() -> Sequence[str]:
    """The names of the shipped sets that a configuration can name, sorted.

    :raises PolicyError: the installation is broken.
    """
    folders = (entry.name for entry in shipped_policies().iterdir() if entry.is_dir())
    return sorted(name for name in folders if name != INVARIANT)


def is_path(reference: str) -> bool:
    """Whether an entry of ``policies:`` names the operator's own file or folder, and not a shipped set."""
    return "/" in reference or "\\" in reference or reference.startswith(".") or reference.endswith(".cedar")


def _files_in(folder: Path, files: Files) -> Sequence[Path]:
    found = [file for file in files.policies_in(folder) if file.name != PROPERTIES]
    if not found:
        raise PolicyError(f"{folder}: holds no policies; a policy file's name ends in .cedar")
    return found
