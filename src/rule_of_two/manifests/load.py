"""Finding and loading manifest files: by name in the operator's folders and then in the shipped one, or by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.shipped import shipped
from rule_of_two.yaml_source import load_yaml, nearest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENDINGS = (".yaml", ".yml")


def find_manifest(reference: str, *, relative_to: Path, folders: Sequence[Path]) -> Path:
    """The file that ``reference`` means: a name such as ``fetch``, or a path such as ``./crm.yaml``.

    Names are looked for in ``folders`` in order and then among the shipped manifests; paths are relative to
    ``relative_to``.

    :raises ConfigurationError: there is no such file.
    """
    if not _NAME.fullmatch(reference) or reference.endswith(_ENDINGS):
        path = relative_to / Path(reference).expanduser()
        if not path.is_file():
            raise ConfigurationError("there is no such manifest file; check the path", file=path)
        return path
    files = list(_files(folders))
    for file in files:
        if file.stem == reference:
            return file
    names = sorted({file.stem for file in files})
    hint = nearest(reference, names) or f"; known are {', '.join(names)}"
    raise ConfigurationError(f"no manifest is named '{reference}'{hint}, or give the path of a file")


def load_manifest(path: Path) -> ManifestDocument:
    """Read and check one manifest.

    :raises ConfigurationError: unreadable, or not a manifest; one sentence with file and line.
    """
    return load_yaml(path, ManifestDocument)


def list_manifests(folders: Sequence[Path]) -> Sequence[ManifestDocument]:
    """Every manifest, the operator's folders before the shipped ones. Of files with one name the first counts.

    :raises ConfigurationError: one of them is unreadable or not a manifest.
    """
    first: dict[str, Path] = {}
    for file in _files(folders):
        first.setdefault(file.stem, file)
    return [load_manifest(file) for file in first.values()]


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in (*folders, shipped("tool_manifests")):
        if not folder.is_dir():
            raise ConfigurationError("there is no such folder of manifests; check `manifests:`", file=folder)
        yield from sorted(file for file in folder.iterdir() if file.suffix in _ENDINGS and file.is_file())
