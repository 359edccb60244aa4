"""Policy sets to be measured: what an operator's configuration says, for all suites and for single ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from rule_of_two.yaml_source import load_yaml

FOLDER: Final = Path(__file__).parent / "sets"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Configured(_Strict):
    """Keys of a configuration file, and of the block of the suite's server."""

    configuration: dict[str, Any] = Field(default_factory=dict)
    server: dict[str, Any] = Field(default_factory=dict)


class _File(_Configured):
    about: str
    suites: dict[str, _Configured] = Field(default_factory=dict)


class PolicySet:
    """One file of ``sets/``. What it says of a suite stands before what it says of all."""

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

    def configuration(self, suite: str) -> dict[str, Any]:
        """Keys of the configuration file."""
        return {**self._content.configuration, **self._of(suite).configuration}

    def server(self, suite: str) -> dict[str, Any]:
        """Keys of the server's block."""
        return {**self._content.server, **self._of(suite).server}

    def _of(self, suite: str) -> _Configured:
        return self._content.suites.get(suite, _Configured())


def files() -> list[Path]:
    """All sets that there are."""
    return sorted(FOLDER.glob("*.yaml"))
