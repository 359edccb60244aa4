"""Policy sets to be measured: what an operator's configuration says, for all suites and for single ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from rule_of_two.errors import ConfigurationError
from rule_of_two.yaml_source import load_yaml

FOLDER: Final = Path(__file__).parent / "sets"
_OWN: Final = re.compile(r"\$\{own\.(\w+)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Configured(_Strict):
    """Keys of a configuration file, and of the block of the suite's server; and what a file of entities holds."""

    configuration: dict[str, Any] = Field(default_factory=dict)
    server: dict[str, Any] = Field(default_factory=dict)
    entities: list[dict[str, Any]] | None = None


class _File(_Configured):
    about: str
    suites: dict[str, _Configured] = Field(default_factory=dict)


class PolicySet:
    """One file of ``sets/``. What it says of a suite stands before what it says of all, and ``${own.address}`` and the
    like stand for what the owner of the suite's accounts knows."""

    def __init__(self, file: Path, content: _File) -> None:
        self.file = file
        self.about = content.about
        self._content = content

    @classmethod
    def load(cls, file: Path) -> Self:
        """:raises ConfigurationError: one sentence with file and line."""
        return cls(file, load_yaml(file, _File))

    @property
    def name(self) -> str:
        return self.file.stem

    def configuration(self, suite: str, own: Mapping[str, str]) -> dict[str, Any]:
        """Keys of the configuration file.

        :raises ConfigurationError: the suite has no such account.
        """
        written = {**self._content.configuration, **self._of(suite).configuration}
        return {key: self._filled(one, own) for key, one in written.items()}

    def server(self, suite: str, own: Mapping[str, str]) -> dict[str, Any]:
        """Keys of the server's block.

        :raises ConfigurationError: the suite has no such account.
        """
        written = {**self._content.server, **self._of(suite).server}
        return {key: self._filled(one, own) for key, one in written.items()}

    def entities(self, suite: str, own: Mapping[str, str]) -> list[dict[str, Any]]:
        """What the configuration's file of entities holds.

        :raises ConfigurationError: the suite has no such account.
        """
        of_suite = self._of(suite).entities
        written = self._content.entities if of_suite is None else of_suite
        return [self._filled(one, own) for one in written or ()]

    def _filled(self, value: Any, own: Mapping[str, str]) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(one, own) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, own) for one in value]
        return _OWN.sub(lambda match: self._known(match, own), value) if isinstance(value, str) else value

    def _known(self, match: re.Match[str], own: Mapping[str, str]) -> str:
        if match[1] not in own:
            known = ", ".join(own) or "nothing"
            raise ConfigurationError(f"the suite has no {match[0]}; it has {known}", file=self.file)
        return own[match[1]]

    def _of(self, suite: str) -> _Configured:
        return self._content.suites.get(suite, _Configured())


def files() -> list[Path]:
    """All sets that there are."""
    return sorted(FOLDER.glob("*.yaml"))
