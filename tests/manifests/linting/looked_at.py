"""A manifest that is looked at, for tests: from YAML text as an operator writes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

from rule_of_two.manifests.document import ManifestDocument
from rule_of_two.manifests.linting.finding import Finding, Subject
from rule_of_two.manifests.linting.lint import lint
from rule_of_two.manifests.offer import Offer
from rule_of_two.yaml_source import locate_yaml

HEAD = 'version: 1\nserver: test\nsource: "npm test 1, tools/list"\n'


def subject(text: str, offer: Offer | None = None, *, stem: str = "test", head: str = HEAD) -> Subject:
    """A file ``test.yaml``; the first line of ``text`` is line 4."""
    file = Path(f"{stem}.yaml")
    whole = head + dedent(text).lstrip("\n")
    return Subject(file, whole, locate_yaml(whole, ManifestDocument, file), offer)


def found(text: str, tools: Sequence[Any] | None = None, **more: Any) -> list[Finding]:
    """What is found in it, against these tools where they are known."""
    return lint([subject(text, None if tools is None else Offer.of(tools=tools, **more))])


def rules(text: str, tools: Sequence[Any] | None = None, **more: Any) -> list[tuple[str, int | None]]:
    """The same, by rule and line."""
    return [(one.rule, one.line) for one in found(text, tools, **more)]
