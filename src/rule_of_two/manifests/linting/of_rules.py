"""Rules that can never hold, never count or never lower; and one that trusts more than it can know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rule_of_two.manifests.condition import RuleSpec, reference
from rule_of_two.manifests.document import PromptSpec
from rule_of_two.manifests.linting.finding import Found, Subject

_Said = Mapping[str, Mapping[str, Any]]


def of_rules(subject: Subject) -> Iterator[Found]:
    """What is wrong with the rules of each entry."""
    for section, name, spec in subject.entries():
        for number, rule in enumerate(spec.rules):
            where = (section, name, "rules", number)
            what = f"rule {number + 1} of {name}"
            for found, problem, suggestion in _of_rule(spec, number, rule):
                yield Found(found, where, f"{what} {problem}", suggestion)


def _of_rule(spec: PromptSpec, number: int, rule: RuleSpec) -> Iterator[tuple[str, str, str]]:
    said = _said(rule)
    before = next(
        (place for place, other in enumerate(spec.rules[:number]) if _covers(_said(other), said)),
        None,
    )
    if before is not None:
        yield (
            "unreachable-rule",
            f"never counts: rule {before + 1} holds whenever it does",
            "put it first, or take it out",
        )
    if any(operand == () for operators in said.values() for operand in operators.values()):
        yield "never-rule", "never holds: it compares with an empty list", "name a value, or a parameter"
    if all(_same(spec, other) for other in spec.rules[number:]):
        yield "idle-rule", "changes nothing: it says what the tool says without it", "take it out"
    if any("host_in" in operators for operators in said.values()) and "A" in spec.labels - rule.labels:
        yield (
            "redirected-trust",
            "takes A off for a trusted host, and a server that follows redirects ends anywhere",
            "keep A, or say in an exemption why it cannot be redirected",
        )


def _said(rule: RuleSpec) -> _Said:
    return {name: condition.operators for name, condition in rule.when.items()}


def _covers(earlier: _Said, later: _Said) -> bool:
    """Whether every condition of the earlier rule is one of the later, word for word."""
    return all(
        name in later and operator in later[name] and later[name][operator] == operand
        for name, operators in earlier.items()
        for operator, operand in operators.items()
    )


def _same(spec: PromptSpec, rule: RuleSpec) -> bool:
    return (
        rule.labels == spec.labels
        and rule.communicates in {None, spec.communicates}
        and rule.reversible in {None, spec.reversible}
    )


def parameters_of(spec: PromptSpec) -> Iterator[str]:
    """The parameters that an entry's rules and targets name."""
    for rule in spec.rules:
        for condition in rule.when.values():
            for operand in condition.operators.values():
                for item in operand if isinstance(operand, tuple) else (operand,):
                    name = reference(item)
                    if name is not None:
                        yield name
    for target in spec.targets.values():
        name = reference(target.value)
        if name is not None:
            yield name
