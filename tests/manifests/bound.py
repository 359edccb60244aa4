"""Manifests for tests, from YAML text as an operator writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from rule_of_two.errors import ConfigurationError
from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.load import find_manifest, list_manifests, load_manifest
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.yaml_source import parse_yaml

FILE = Path("test.yaml")


def document(text: str) -> ManifestDocument:
    """A manifest with this text below ``version`` and ``server``; its first line is line 3."""
    return parse_yaml("version: 1\nserver: test\n" + dedent(text).lstrip("\n"), ManifestDocument, FILE)


def manifest(text: str, **parameters: Any) -> Manifest:
    """The same, mounted as ``up`` with the store ``shelf``."""
    return Manifest(document(text), upstream="up", store="shelf", parameters=parameters)


@cache
def shipped_document(name: str) -> ManifestDocument:
    """A shipped manifest, read once."""
    return load_manifest(find_manifest(name, relative_to=Path(), folders=()))


@cache
def shipped_documents() -> Sequence[ManifestDocument]:
    """All shipped manifests, read once: it takes seconds."""
    return list_manifests(())


def shipped_manifest(name: str, **parameters: Any) -> Manifest:
    """A shipped manifest, mounted under its own name."""
    return Manifest(shipped_document(name), upstream=name, store=name, parameters=parameters)


def refused(text: str, line: int, sentence: str) -> None:
    """The text is refused on this line in one sentence that holds these words."""
    place = re.escape(f"test.yaml:{line}: ")
    with pytest.raises(ConfigurationError, match=f"^{place}.*{re.escape(sentence)}") as caught:
        document(text)
    assert "\n" not in str(caught.value)
