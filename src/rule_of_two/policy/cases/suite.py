"""Which cases belong to which policies: `cases.yaml` beside a set, or any file that names its own policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rule_of_two.errors import ConfigurationError
from rule_of_two.policy.cases.case import CaseFile, load_cases
from rule_of_two.policy.load import Policies, load_policies
from rule_of_two.policy.references import INVARIANT, PROPERTIES, find_files, shipped_policies
from rule_of_two.policy.syntax import Policy
from rule_of_two.policy.typed.definitions import ToolDefinition

CASES_FILE: Final = "cases.yaml"
_DEFAULT: Final = "default"

Tools = Sequence[ToolDefinition] | None


class Suite(Struct, frozen=True):
    """Cases with what they run under. ``scope``: the files whose policies the cases shall cover."""

    cases: CaseFile
    policies: Policies
    scope: frozenset[Path]

    def uncovered(self, covered: Iterable[str]) -> list[Policy]:
        """The policies of the scope that decided none of the cases; ``covered`` are the ``@id`` of those that did."""
        known = frozenset(covered)
        return [one for one in self.policies.by_id.values() if one.file in self.scope and one.id not in known]


def suites_of_sets(references: Sequence[str], *, relative_to: Path, tools: Tools = None) -> list[Suite]:
    """The cases beside the policies of a configuration. Sets without a file of cases are left out. ``tools``: as
    :func:`load_policies` takes them.

    :raises PolicyError: a set is not there, or its policies are refused.
    :raises ConfigurationError: a file of cases is refused.
    """
    beside: dict[Path, list[str]] = {}
    for reference in references:
        cases = find_files(reference, relative_to=relative_to)[0].parent / CASES_FILE
        if cases.is_file():
            beside.setdefault(cases, []).append(reference)
    return [_suite(load_cases(file), own, relative_to, tools) for file, own in beside.items()]


def suite_at(path: str, *, relative_to: Path, tools: Tools = None) -> Suite:
    """The cases of a file, of the folder of a set, or of a shipped set by its name. ``tools``: as above.

    :raises PolicyError: a set is not there, or its policies are refused.
    :raises ConfigurationError: there are no cases, they are refused, or nothing says which policies they are about.
    """
    given = relative_to / path
    if not given.exists() and not path.endswith((".yaml", ".yml")) and "/" not in path:
        given = find_files(path, relative_to=relative_to)[0].parent
    file = given / CASES_FILE if given.is_dir() else given
    if not file.is_file():
        raise ConfigurationError("there is no such file of cases; write one, see docs/simulate.md", file=file)
    folder = file.resolve().parent
    if folder.parent == shipped_policies().resolve():
        return _suite(load_cases(file), [folder.name], folder, tools)
    beside = any(one.name != PROPERTIES for one in folder.glob("*.cedar"))
    return _suite(load_cases(file), [str(folder)] if beside else [], folder, tools)


def _suite(cases: CaseFile, own: Sequence[str], relative_to: Path, tools: Tools) -> Suite:
    """``own``: the references that the cases stand beside. The invariant is always loaded, so it is no reference."""
    covered = own
    entities = [str((cases.path.parent / name).absolute()) for name in cases.entities]
    if cases.policies is not None:
        policies = load_policies(cases.policies, relative_to=cases.path.parent, entities=entities, tools=tools)
        if not own:
            covered, relative_to = cases.policies, cases.path.parent
    elif own:
        besides = [one for one in own if one not in {_DEFAULT, INVARIANT}]
        policies = load_policies([_DEFAULT, *besides], relative_to=relative_to, entities=entities, tools=tools)
    else:
        problem = (
            "says nothing of policies, and none stand beside it; write `policies: [default]` with what it is about"
        )
        raise ConfigurationError(problem, file=cases.path)
    scope = frozenset(file for one in covered for file in find_files(one, relative_to=relative_to))
    return Suite(cases, policies, scope)
