"""One thing that ``manifest lint`` says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from rule_of_two.escape import visible
from rule_of_two.manifests.document import ManifestDocument, PromptSpec
from rule_of_two.manifests.offer import Offer
from rule_of_two.yaml_source import Located


class Finding(Struct, frozen=True):
    """What contradicts itself or the server, where, and what to do. ``rule`` is stable: exemptions name it."""

    rule: str
    file: Path
    line: int | None
    problem: str
    suggestion: str

    def text(self) -> str:
        """One line for people, with every hidden character shown."""
        line = "" if self.line is None else f":{self.line}"
        return visible(f"{self.file}{line}: {self.rule}: {self.problem}; {self.suggestion}")

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        facts = {"rule": self.rule, "file": str(self.file), "line": self.line}
        return {**facts, "problem": self.problem, "suggestion": self.suggestion}


class Found(Struct, frozen=True):
    """What a check found, at a place of the document. ``entry`` is where an exemption may stand, too."""

    rule: str
    where: tuple[str | int, ...]
    problem: str
    suggestion: str


class Subject(Struct, frozen=True):
    """One manifest file that is looked at. ``offer`` is what its server lists, where that is known."""

    file: Path
    text: str
    located: Located[ManifestDocument]
    offer: Offer | None = None

    @property
    def document(self) -> ManifestDocument:
        """What the file says."""
        return self.located.value

    def entries(self) -> Iterator[tuple[str, str, PromptSpec]]:
        """Tools and prompts: section, name, what is said of them."""
        for section, entries in (("tools", self.document.tools), ("prompts", self.document.prompts)):
            for name, spec in entries.items():
                yield section, name, spec
