"""Everything that `policy check` looks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rule_of_two.errors import PolicyError
from rule_of_two.policy.findings.finding import Finding
from rule_of_two.policy.findings.formatting import formatted, formatting_findings
from rule_of_two.policy.findings.semantic import semantic_findings
from rule_of_two.policy.load import load_policies, read_text
from rule_of_two.policy.proof.properties import load_properties, properties_beside
from rule_of_two.policy.proof.solver import can_prove
from rule_of_two.policy.references import find_files, shipped_policies
from rule_of_two.policy.typed.actions import problems_of
from rule_of_two.policy.typed.definitions import ToolDefinition

_PLACE: Final = re.compile(
    r"""(?P<file>.+?):(?:(?P<line>[0-9]+):)? (?:@id '(?P<policy>[^']*)': )?(?P<problem>.*)""", re.DOTALL
)


class Check(Struct, frozen=True):
    """``semantic`` is false where `cvc5` is not installed: nothing was said of what policies do to each other."""

    policies: int
    findings: Sequence[Finding]
    semantic: bool

    @property
    def good(self) -> bool:
        """Nothing has to be put right."""
        return not any(one.error for one in self.findings)

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        found = [one.as_facts() for one in self.findings]
        return {"good": self.good, "policies": self.policies, "semantic": self.semantic, "findings": found}


def check(
    references: Sequence[str],
    *,
    relative_to: Path,
    entities: Sequence[str] = (),
    supplied: frozenset[str] | None = None,
    tools: Sequence[ToolDefinition] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Check:
    """Load what a configuration names and look for everything that is wrong with it, not only the first.

    :param supplied: the optional context attributes that somebody supplies; ``None``: it is not known.
    :param tools: as :func:`load_policies` takes them.
    :raises PolicyError: nothing is named, or the installation or an entities file cannot be used.
    """
    refused: list[PolicyError] = []
    progress("every policy on its own")
    policies = load_policies(
        references, relative_to=relative_to, entities=entities, refused=refused.append, tools=tools
    )
    refused += map(PolicyError, problems_of(policies.typed.values()))
    files = own_files(references, relative_to=relative_to)
    properties = properties_beside(files)
    try:
        load_properties(properties, policies.schema_text)
    except PolicyError as error:
        refused.append(error)
    found = [_refusal(error) for error in refused]
    found += formatting_findings([file for file in (*files, *properties) if _is_text(file)])
    semantic = can_prove()
    if semantic:
        found += semantic_findings(policies, supplied=supplied, progress=progress)
    return Check(len(policies.by_id), sorted(found, key=lambda one: not one.error), semantic)


def fix_format(references: Sequence[str], *, relative_to: Path) -> Sequence[Path]:
    """Write the operator's own files as the formatter does; those that changed."""
    files = own_files(references, relative_to=relative_to)
    changed: list[Path] = []
    for file in filter(_is_text, (*files, *properties_beside(files))):
        text = read_text(file)
        written = formatted(text)
        if written is not None and written != text:
            file.write_text(written, encoding="utf-8")
            changed.append(file)
    return changed


def own_files(references: Sequence[str], *, relative_to: Path) -> Sequence[Path]:
    """The policy files that are no shipped set's, of those references that lead to any."""
    shipped = shipped_policies()
    found: list[Path] = []
    for reference in references:
        try:
            files = find_files(reference, relative_to=relative_to)
        except PolicyError:
            continue  # the loader says so
        found += (file for file in files if shipped not in file.parents)
    return found


def _refusal(error: PolicyError) -> Finding:
    """The loader's sentence, taken apart where it names a place."""
    match = _PLACE.fullmatch(str(error))
    if match is None:
        return Finding("refused", True, None, None, None, str(error), "")
    line = None if match["line"] is None else int(match["line"])
    return Finding("refused", True, Path(match["file"]), line, match["policy"], match["problem"], "")


def _is_text(file: Path) -> bool:
    try:
        read_text(file)
    except PolicyError:
        return False
    return True
