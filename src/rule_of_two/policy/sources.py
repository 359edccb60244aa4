"""What a configuration names of policies and entities, and how it is found on the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from rule_of_two.errors import PolicyError
from rule_of_two.policy import settings
from rule_of_two.policy.files import DISK, Files, Snapshot
from rule_of_two.policy.load import SCHEMA_FILE, Policies, load_policies
from rule_of_two.policy.references import INVARIANT, files_of_set, find_files, is_path, shipped_policies
from rule_of_two.policy.typed.definitions import ToolDefinition

SIGNATURE: Final = "policies.sig"
"""Beside the policies of a folder; a file's own is called as it is, with ``.sig`` behind."""


class Own(Struct, frozen=True):
    """Something of the operator's own that a configuration names: a folder of policies, a file of them, or one of
    entities. ``files`` are its contents by name, in ``folder``."""

    reference: str
    kind: Literal["policies", "entities"]
    folder: Path
    files: Mapping[str, bytes]
    signature: Path


class Sources(Struct, frozen=True):
    """``policies`` and ``entities`` as the operator wrote them; relative names start from ``folder``. ``typed``:
    policies can name tools' actions and read their arguments."""

    policies: tuple[str, ...]
    entities: tuple[str, ...]
    folder: Path
    typed: bool = False

    def look(self) -> Snapshot:
        """Read everything that :meth:`load` reads. What is missing is found out then."""
        found = Snapshot()
        with suppress(PolicyError):
            found.peek(shipped_policies() / SCHEMA_FILE)
            self._peek(found, files_of_set(INVARIANT, files=found))
        for reference in self.policies:
            with suppress(PolicyError):
                self._peek(found, self.files_of(reference, found))
        for file in self.entity_files:
            found.peek(file)
        with suppress(PolicyError):
            for own in self.own(found):
                found.peek(own.signature)
        return found

    def _peek(self, found: Snapshot, files: Sequence[Path]) -> None:
        for file in (*files, files[0].parent / settings.FILE):
            found.peek(file)

    def load(self, files: Files = DISK, tools: Sequence[ToolDefinition] = ()) -> Policies:
        """Load them, typed by the definitions of these tools.

        :raises PolicyError, ConfigurationError: as :func:`load_policies`.
        """
        return load_policies(
            self.policies,
            relative_to=self.folder,
            entities=self.entities,
            tools=tools if self.typed else None,
            files=files,
        )

    def files_of(self, reference: str, files: Files = DISK) -> Sequence[Path]:
        """The policy files of an entry of :attr:`policies`.

        :raises PolicyError: there is none.
        """
        return find_files(reference, relative_to=self.folder, files=files)

    def own(self, files: Files = DISK) -> Sequence[Own]:
        """What of it is the operator's own.

        :raises PolicyError: it is not there, or cannot be read.
        """
        found: list[Own] = []
        for reference in filter(is_path, self.policies):
            names = self.files_of(reference, files)
            path, folder = self.folder / reference, names[0].parent
            content = {file.name: _content(file, files) for file in names}
            try:
                content[settings.FILE] = files.read(folder / settings.FILE)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise _unreadable(folder / settings.FILE, error) from error
            whole = files.is_folder(path)
            found.append(Own(reference, "policies", folder, content, folder / SIGNATURE if whole else _beside(path)))
        for reference, file in zip(self.entities, self.entity_files, strict=True):
            content = {file.name: _content(file, files)}
            found.append(Own(reference, "entities", file.parent, content, _beside(file)))
        return found

    @property
    def entity_files(self) -> tuple[Path, ...]:
        """Where the entities stand."""
        return tuple(self.folder / name for name in self.entities)


def _content(file: Path, files: Files) -> bytes:
    try:
        return files.read(file)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> PolicyError:
    return PolicyError(f"{file}: cannot be read ({error.strerror})")


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.sig")
