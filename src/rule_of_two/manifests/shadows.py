"""Whether a folder puts a program of its own in the place of the one that a command names.

A server starts in the folder that the client was opened in. `npx` runs what lies in `node_modules` there and asks the
registry that `.npmrc` names, Python imports from it first: so whoever wrote that folder would choose the program, and
the manifest would speak of another one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rule_of_two.manifests.recognise import Launch, Origin, identify

_QUIET: Final = frozenset((
    "audit", "engine-strict", "fund", "legacy-peer-deps", "loglevel", "package-lock", "progress", "save",
    "save-exact", "save-prefix", "strict-peer-dependencies", "update-notifier",
))  # fmt: skip
"""What a folder's ``.npmrc`` can set without choosing what is run."""
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "yarn": (".yarnrc", ".yarnrc.yml"),
    "pnpm": (".pnpmfile.cjs", "pnpm-workspace.yaml"),
    "bun": ("bunfig.toml",),
}
"""What other runners than npm's own read besides."""
_LARGEST: Final = 1_000_000
_MOST_WORKSPACES: Final = 500


def is_shadowed(launch: Launch, folders: Sequence[Path]) -> bool:
    """Whether something else may run than ``launch`` names, for a server that is started in one of ``folders``."""
    origin = identify(launch)
    return origin is None or any(shadow(origin, launch, folder) is not None for folder in folders)


def shadow(origin: Origin, launch: Launch, folder: Path) -> Path | None:
    """The file or folder by which something else may run than ``origin``, for a server that is started in ``folder``.

    Nothing is run or written; what cannot be read counts as a shadow.
    """
    try:
        return next(_shadows(origin, launch, folder), None)
    except (OSError, ValueError, RuntimeError):  # too deep for JSON, or no pattern of a path
        return folder


def _shadows(origin: Origin, launch: Launch, folder: Path) -> Iterator[Path]:
    project = None if launch.project is None else Path(os.path.realpath(Path(launch.project).expanduser()))
    for path in map(Path, origin.paths):
        if not path.is_absolute() and launch.cwd is None:
            yield path
        elif project is not None or path.is_relative_to("/proc"):
            where = Path(os.path.realpath(folder / path))
            if project is None or where.is_relative_to(project) or path.is_relative_to("/proc"):
                yield path
    if origin.module is not None:
        yield from (one for one in (folder / origin.module, folder / f"{origin.module}.py") if one.exists())
    if origin.runner is not None:
        yield from _of_npm(origin.name, origin.runner, folder)


def _of_npm(name: str, runner: str, folder: Path) -> Iterator[Path]:
    for place in (folder, *folder.parents):
        modules = place / "node_modules"
        yield from (one for one in (modules / name, modules / ".bin" / name) if os.path.lexists(one))
    root = next((one for one in (folder, *folder.parents) if _is_root(one)), folder)
    for place in {folder, root}:
        yield from (place / other for other in _OWN.get(runner, ()) if (place / other).exists())
        if place != Path.home() and (file := place / ".npmrc").exists() and not _is_quiet(_text(file)):
            yield file
    if (file := root / "package.json").exists():
        package = json.loads(_text(file))
        if _offers(package, name) or any(_offers(one, name) for one in _workspaces(package, root)):
            yield file


def _is_root(folder: Path) -> bool:
    return (folder / "package.json").exists() or (folder / "node_modules").exists()


def _text(file: Path) -> str:
    if not file.is_file() or file.stat().st_size > _LARGEST:
        raise ValueError(f"{file} is no text to read")
    return file.read_text("utf-8")


def _is_quiet(text: str) -> bool:
    lines = (line.strip() for line in re.split(r"[\r\n]+", text))
    return all(
        line.startswith("//") or line.partition("=")[0].strip() in _QUIET
        for line in lines
        if line and not line.startswith(("#", ";"))
    )


def _workspaces(package: Any, root: Path) -> Iterator[Any]:
    """The packages below a package, which npm runs before it asks a registry.

    :raises ValueError: they cannot be told, or are too many to look at.
    """
    said = package.get("workspaces", []) if isinstance(package, dict) else []
    patterns = said.get("packages", []) if isinstance(said, dict) else said
    if not isinstance(patterns, list) or any(
        not isinstance(one, str) or "**" in one or one.count("*") > 2 for one in patterns
    ):
        raise ValueError("workspaces that cannot be told")
    files = (file for one in patterns if not one.startswith("!") for file in root.glob(f"{one}/package.json"))
    for number, file in enumerate(files):
        if number == _MOST_WORKSPACES:
            raise ValueError("too many workspaces")
        yield json.loads(_text(file))


def _offers(package: Any, name: str) -> bool:
    """Whether a package has that name, or a program of it."""
    if not isinstance(package, dict):
        return False
    programs = package.get("bin")
    named = isinstance(programs, dict) and any(one in {name, name.rpartition("/")[2]} for one in programs)
    return package.get("name") == name or named
