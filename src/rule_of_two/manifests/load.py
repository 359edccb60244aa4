"""Finding and loading manifest files: by name in the operator's folders and then in the shipped one, or by path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
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
    """Read and check one manifest. A shipped one is read once in a process.

    :raises ConfigurationError: unreadable, or not a manifest; one sentence with file and line.
    """
    return _once(path) if path.parent == shipped("tool_manifests") else load_yaml(path, ManifestDocument)


@cache
def _once(path: Path) -> ManifestDocument:
    return load_yaml(path, ManifestDocument)


def list_manifests(folders: Sequence[Path], *, naming: Collection[str] | None = None) -> Sequence[ManifestDocument]:
    """Every manifest, the operator's folders before the shipped ones. Of files with one name the first counts.

    ``naming``: of the shipped ones only those in whose text one of these names stands, as found by
    :func:`~rule_of_two.manifests.recognise.names_of`. To read all takes seconds, and no other could be recognised.

    :raises ConfigurationError: one of them is unreadable or not a manifest.
    """
    first: dict[str, Path] = {}
    for file in _files(folders):
        first.setdefault(file.stem, file)
    home = shipped("tool_manifests")
    return [
        load_manifest(file)
        for file in first.values()
        if naming is None or file.parent != home or _mentions(file, naming)
    ]


def _mentions(file: Path, names: Collection[str]) -> bool:
    """Whether one of ``names`` stands in a shipped manifest, however it is punctuated there."""
    text = _alike(file.read_text(encoding="utf-8")) if names else ""
    return any(_alike(name) in text for name in names)


def _alike(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in (*folders, shipped("tool_manifests")):
        if not folder.is_dir():
            raise ConfigurationError("there is no such folder of manifests; check `manifests:`", file=folder)
        yield from sorted(file for file in folder.iterdir() if file.suffix in _ENDINGS and file.is_file())
