"""The Rule of Two as one would explain it, in force with one of a few policy sets. It knows nothing of reservations,
transactions, editions or Cedar."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rule_of_two.model import Labels
from rule_of_two.policy.load import Policies, load_policies

CAUTIOUS: Final = """
@id("own.act-on-untrusted")
@message("What acts on untrusted content is confirmed.")
forbid (principal, action in Gateway::Action::"use", resource)
when { context.labels.C && context.held has A }
unless { context.approved };
"""
OBLIGING: Final = """
@id("own.stamp")
@force("/stamp = \\"seen\\"")
permit (principal, action in Gateway::Action::"call_tool", resource);
"""
PERMISSIVE: Final = '@id("own.all") permit (principal, action, resource);'


@dataclass(frozen=True)
class Rules:
    """Policies, and all that the model knows of them: whether they ask before a session that has seen A acts, and
    whether they put something into the arguments."""

    policies: Policies = field(repr=False)
    cautious: bool = False
    stamps: bool = False


def loaded(text: str, *sets: str) -> Policies:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "own.cedar").write_text(text)
        return load_policies((*sets, "./own.cedar"), relative_to=Path(folder))


RULES: Final[Mapping[str, Rules]] = {
    "default": Rules(load_policies(("default",), relative_to=Path("/"))),
    "cautious": Rules(loaded(CAUTIOUS, "default"), cautious=True),
    "stamping": Rules(loaded(OBLIGING, "default"), stamps=True),
    "permissive": Rules(loaded(PERMISSIVE)),
}


@dataclass
class Model:
    """A session: what was seen, what is under way, what was given up."""

    held: set[str] = field(default_factory=set)
    flying: list[Labels] = field(default_factory=list)
    dropped: bool = False
    frozen: bool = False

    def before(self) -> set[str]:
        return self.held.union(*self.flying)

    def forbids(self, labels: Labels) -> bool:
        return self.frozen or (self.dropped and "C" in labels)

    def asks(self, labels: Labels, rules: Rules) -> bool:
        before = self.before()
        completes = before | labels == set("ABC") and (before != set("ABC") or "C" in labels)
        return (completes and not self.dropped) or (rules.cautious and "C" in labels and "A" in before)

    def may_pass(self, labels: Labels, rules: Rules, *, approved: bool) -> bool:
        return not self.forbids(labels) and (approved or not self.asks(labels, rules))
