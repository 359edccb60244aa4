"""What a configuration names of policies and entities, and how it is found on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rule_of_two.errors import PolicyError
from rule_of_two.policy import settings
from rule_of_two.policy.files import DISK, Files, Snapshot
from rule_of_two.policy.load import SCHEMA_FILE, Policies, load_policies
from rule_of_two.policy.references import INVARIANT, files_of_set, find_files, is_path, shipped_policies
from rule_of_two.policy.typed.definitions import ToolDefinition


@dataclass(frozen=True, slots=True)
class Sources:
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

    @property
    def own(self) -> tuple[str, ...]:
        """The entries of :attr:`policies` that are the operator's own files and folders."""
        return tuple(reference for reference in self.policies if is_path(reference))

    @property
    def entity_files(self) -> tuple[Path, ...]:
        """Where the entities stand."""
        return tuple(self.folder / name for name in self.entities)
