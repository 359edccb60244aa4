"""A user's home with clients' files, a keyring in memory, and the commands run in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from rule_of_two.cli.main import main
from rule_of_two.gateway.config import Config, load_config


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, made = keyring.get_keyring(), Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@dataclass
class Home:
    """What a user has, and what the commands say to them."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        return self.folder / ".config" / "rule-of-two" / "rule-of-two.yaml"

    @property
    def state(self) -> Path:
        return self.folder / ".local" / "state" / "rule-of-two"

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        printed = self.capsys.readouterr()
        return int(stop.value.code or 0), printed.out, printed.err

    def done(self, *arguments: str) -> str:
        code, said, error = self.run(*arguments)
        assert code == 0, error
        return said

    def loaded(self) -> Config:
        return load_config(self.config)

    def everything(self) -> dict[str, tuple[Any, ...]]:
        """Every file with its bytes, its mode and when it was written."""
        return {
            str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Home:
    for name in [*os.environ]:
        if name.startswith(("RULE_OF_TWO_", "XDG_")) or name in {"CLAUDE_CONFIG_DIR", "CODEX_HOME", "APPDATA"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Home(tmp_path, capsys)
