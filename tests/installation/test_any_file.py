"""Whatever a client's file looks like: `install` and `uninstall` after it are nothing, and edits between them stay."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rule_of_two.clients.hosts import HOSTS
from rule_of_two.clients.jsonc import JsonTables
from rule_of_two.errors import ConfigurationError
from rule_of_two.installation import plan
from rule_of_two.installation.install import install
from rule_of_two.installation.plan import Us
from rule_of_two.installation.target import Target
from rule_of_two.installation.uninstall import uninstall
from tests.clients.documents import json_documents, toml_documents


@pytest.fixture(autouse=True, scope="module")
def no_manifests() -> Any:
    """Reading them takes longer than all the rest, and they change nothing here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plan, "document_of", lambda *given, **more: None)
        yield


def _round_trip(client: str, text: str, edit: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "theirs"
        file.write_bytes(text.encode())
        target, us = Target(HOSTS[client], file), Us(("/opt/rule-of-two",), folder / "rule-of-two.yaml")
        install(target, us, state=folder / "state", secrets="keep", dry_run=False)
        assert not install(target, us, state=folder / "state", secrets="keep", dry_run=False).plan.changed
        once = file.read_bytes()
        assert b"/opt/rule-of-two" in once
        uninstall(target, state=folder / "state", dry_run=False)
        assert file.read_bytes() == text.encode()
        install(target, us, state=folder / "state", secrets="keep", dry_run=False)
        assert file.read_bytes() == once
        file.write_bytes(once + edit.encode())
        try:
            uninstall(target, state=folder / "state", dry_run=False)
        except ConfigurationError as error:
            assert "cannot be changed safely" in str(error)  # noqa: PT017  # the file is looked at besides
            assert file.read_bytes() == once + edit.encode()
            return
        assert file.read_bytes().endswith(edit.encode())
        assert _said(client, file.read_bytes()) == _said(client, text.encode())


def _said(client: str, content: bytes) -> Any:
    text = content.decode().removeprefix("\ufeff")
    value = tomllib.loads(text) if client == "codex" else JsonTables(text, Path("theirs")).value
    return {key: one for key, one in value.items() if one or key not in {"mcpServers", "mcp_servers"}}


@settings(max_examples=60)
@given(json_documents(), st.sampled_from(["\n", "  // added\r\n", "/* ünï */"]))
def test_json(document: tuple[str, dict[str, Any], dict[str, Any]], edit: str) -> None:
    _round_trip("cursor", document[0], edit)


@settings(max_examples=60)
@given(toml_documents())
def test_toml(text: str) -> None:
    try:
        tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        assume(False)
    _round_trip("codex", text, "\n# added\n")
