"""One thing that `policy check` says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from rule_of_two.escape import visible
from rule_of_two.policy.references import told_path


class Finding(Struct, frozen=True):
    """What is wrong, where, and what to do. ``error``: it has to be put right; else it is only worth knowing.

    ``policy`` is the ``@id``, where it is about one policy.
    """

    kind: str
    error: bool
    file: Path | None
    line: int | None
    policy: str | None
    problem: str
    suggestion: str

    def text(self) -> str:
        """One line for people, with every hidden character shown: ``file:line: @id 'x': problem; suggestion``."""
        line = "" if self.line is None else f":{self.line}"
        place = "" if self.file is None else f"{told_path(self.file)}{line}: "
        name = "" if self.policy is None else f"@id '{self.policy}': "
        end = f"; {self.suggestion}" if self.suggestion else ""
        return visible(f"{'error' if self.error else 'warning'}: {place}{name}{self.problem}{end}")

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "kind": self.kind,
            "level": "error" if self.error else "warning",
            "file": None if self.file is None else str(self.file),
            "line": self.line,
            "policy": self.policy,
            "problem": self.problem,
            "suggestion": self.suggestion,
        }
