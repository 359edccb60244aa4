"""Finding and loading manifest files: by name in the operator's folders and then in the shipped one, or by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.recognise import Launch, identify, recognise
from rule_of_two.manifests.shadows import is_shadowed
from rule_of_two.shipped import shipped
from rule_of_two.yaml_source import load_yaml, nearest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENDINGS = (".yaml", ".yml")
_MATCH: Final = re.compile(r"^match:.*\n(?:(?:[ \t#].*)?\n)*", re.MULTILINE)
_SAME: Final = re.compile(r"[-_.]+")


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
    hint = nearest(reference, names) or "; `rule-of-two manifest list` names them"
    raise ConfigurationError(f"no manifest is named '{reference}'{hint}, or give the path of a file")


def load_manifest(path: Path) -> ManifestDocument:
    """Read and check one manifest.

    :raises ConfigurationError: unreadable, or not a manifest; one sentence with file and line.
    """
    return load_yaml(path, ManifestDocument)


def recognised(launch: Launch, folders: Sequence[Path], *, started_in: Sequence[Path] = ()) -> ManifestDocument | None:
    """The manifest that names what ``launch`` runs or reaches, the operator's folders before the shipped ones.

    None does where one of the folders that it is ``started_in`` may have another program run.

    # INVARIANT: a server whose program somebody else's folder chooses has no manifest;
    # tests/attacks/test_shadowed_servers.py.

    Of the shipped ones only those are parsed that can be it, so that starting does not wait for all of them.

    # INVARIANT: it is the one that :func:`recognise` finds among all; tests/manifests/test_load.py.

    :raises ConfigurationError: one of the operator's is unreadable or not a manifest.
    """
    found = recognised_file(launch, folders, started_in=started_in)
    return None if found is None else found[1]


def recognised_file(
    launch: Launch, folders: Sequence[Path], *, started_in: Sequence[Path] = ()
) -> tuple[Path, ManifestDocument] | None:
    """As :func:`recognised`, with the file that it stands in.

    :raises ConfigurationError: as there.
    """
    origin = identify(launch)
    if is_shadowed(launch, started_in):
        return None
    name = None if origin is None else _plain(origin.name)
    own: dict[str, Path] = {}
    for file in _within(folders):
        own.setdefault(file.stem, file)
    files = list(own.values())
    if name is not None:
        shipped_ones = (file for file in _within((shipped("tool_manifests"),)) if file.stem not in own)
        files += [file for file in shipped_ones if name in _matching(file, file.stat().st_mtime_ns)]
    documents = [_load(file) for file in files]
    document = recognise(launch, documents)
    return next((pair for pair in zip(files, documents, strict=True) if pair[1] is document), None)


@lru_cache(maxsize=1024)
def _matching(file: Path, modified: int) -> str:
    """What a manifest matches, as text in which names can be looked for. ``modified`` has it read anew when it changes.

    :raises ConfigurationError: it cannot be read.
    """
    del modified
    try:
        found = _MATCH.search(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("cannot be read; reinstall mcp-rule-of-two", file=file) from error
    return _plain(found[0]) if found else ""


def _plain(text: str) -> str:
    """Names that PyPI, or a client's command line, takes for one another are the same in it."""
    return _SAME.sub("-", text).lower()


def list_manifests(folders: Sequence[Path]) -> Sequence[ManifestDocument]:
    """Every manifest, the operator's folders before the shipped ones. Of files with one name the first counts.

    :raises ConfigurationError: one of them is unreadable or not a manifest.
    """
    return [_load(file) for file in manifest_files(folders)]


class Library(Mapping[str, ManifestDocument]):
    """Every manifest by its server's name, the operator's folders before the shipped ones. The operator's are parsed at
    once, a shipped one when it is asked for: its file has its server's name.

    :raises ConfigurationError: one of the operator's is unreadable or not a manifest.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        files: dict[str, Path] = {}
        for file in _within(folders):
            files.setdefault(file.stem, file)
        self._own: dict[str, ManifestDocument] = {}
        for document in map(_load, files.values()):
            self._own.setdefault(document.server, document)
        ours = _within((shipped("tool_manifests"),))
        self._shipped = {file.stem: file for file in ours if file.stem not in files and file.stem not in self._own}

    def __getitem__(self, server: str) -> ManifestDocument:
        return self._own[server] if server in self._own else _load(self._shipped[server])

    def __iter__(self) -> Iterator[str]:
        yield from (*self._own, *self._shipped)

    def __len__(self) -> int:
        return len(self._own) + len(self._shipped)


def _load(file: Path) -> ManifestDocument:
    """One manifest; a shipped one is parsed once in a process, since all of them take seconds."""
    ours = file.parent == shipped("tool_manifests")
    return _load_shipped(file, file.stat().st_mtime_ns) if ours else load_manifest(file)


@lru_cache(maxsize=1024)
def _load_shipped(file: Path, modified: int) -> ManifestDocument:
    del modified
    return load_manifest(file)


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    yield from _within((*folders, shipped("tool_manifests")))


def _within(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError("there is no such folder of manifests; check `manifests:`", file=folder)
        yield from sorted(file for file in folder.iterdir() if file.suffix in _ENDINGS and file.is_file())


def manifest_files(folders: Sequence[Path]) -> Sequence[Path]:
    """The files of :func:`list_manifests`, in its order, unread.

    :raises ConfigurationError: a folder is not there.
    """
    first: dict[str, Path] = {}
    for file in _files(folders):
        first.setdefault(file.stem, file)
    return list(first.values())
