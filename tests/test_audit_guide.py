"""docs/audit.md: what it names is there, and what is there is named."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from rule_of_two.audit.bundle import CHAIN, CHECKPOINT, ENTRIES, KEYS, MANIFEST, PRUNE, SIGNATURES, STATEMENT
from rule_of_two.cli.audit import audit
from rule_of_two.gateway.anchoring import ANCHOR
from rule_of_two.gateway.anchoring import ENTRIES as EVERY
from rule_of_two.gateway.config import AuditSettings
from rule_of_two.store.journal_schema import VIEWS

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "audit.md").read_text("utf-8")


def test_every_cause_of_the_chain_is_explained() -> None:
    source = (ROOT / "src" / "rule_of_two" / "audit" / "chain.py").read_text("utf-8")
    causes = set(re.findall(r'_add\([^"]*?"([a-z_]+)", ', source))
    assert {"changed", "missing", "cut", "rewritten", "replaced", "forked"} < causes
    assert [cause for cause in sorted(causes) if f"`{cause}`" not in GUIDE] == []


def test_every_view_key_and_file_is_named() -> None:
    names = [*VIEWS, STATEMENT, ENTRIES, CHAIN, CHECKPOINT, PRUNE, KEYS, MANIFEST, SIGNATURES, ANCHOR]
    assert [name for name in names if f"`{name}`" not in GUIDE] == []
    assert [name for name in AuditSettings.model_fields if f"  {name}:" not in GUIDE] == []
    assert f"{EVERY:,} entries" in GUIDE


@pytest.mark.parametrize("name", sorted(audit.commands))
def test_every_command_is_shown_and_has_an_example(name: str) -> None:
    assert f"rule-of-two audit {name}" in GUIDE
    assert f"rule-of-two audit {name}" in (audit.commands[name].help or "").replace("--json ", "")


def test_every_option_in_the_guide_exists() -> None:
    options = {one for command in audit.commands.values() for param in command.params for one in param.opts}
    assert isinstance(audit, click.Group)
    written = set(re.findall(r"`?(--[a-z][a-z-]+)", GUIDE)) - {"--only"}
    assert written <= options
