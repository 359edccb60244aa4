"""The shipped attacks: what an injected agent was made to do, as steps, each with its source where it has one.

A step is a request as policies see it, with the worst labels that it has. The last step does the harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from msgspec import Struct
from pydantic import Field, StringConstraints

from rule_of_two.errors import ConfigurationError
from rule_of_two.model import Label, Outcome, Principal, SessionView, Verdict
from rule_of_two.policy.authorizer import Authorizer
from rule_of_two.policy.cases.case import as_lowered, facts_of
from rule_of_two.policy.cases.document import NOW, CallSpec, Numbered, Shape
from rule_of_two.policy.load import Policies
from rule_of_two.policy.lowering import as_counted
from rule_of_two.yaml_source import load_yaml

SHIPPED: Final = Path(__file__).parent / "attacks"

Kind = Literal[
    "exfiltration",
    "memory",
    "tool-poisoning",
    "shadowing",
    "forwarding",
    "payment",
    "code",
    "calendar",
    "sampling",
    "files",
    "salami",
    "two-labels",
]
KINDS: Final[tuple[str, ...]] = get_args(Kind)


class Result(StrEnum):
    """What becomes of an attack."""

    STOPPED = "stopped"
    """A step that it needs is denied."""
    ASKED = "asked"
    """A person is asked before the harm is done, and can say no."""
    PASSES = "passes"
    """The harm is done, and nobody is asked."""


class AttackSpec(Shape):
    """One attack. ``source``: where it was published; without one it is a pattern that is known in the field."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Annotated[str, StringConstraints(min_length=1)]
    kind: Kind
    source: str | None = None
    held: Numbered = Field(default_factory=dict)
    steps: Annotated[tuple[CallSpec, ...], Field(min_length=1)]


class AttacksDocument(Shape):
    """A file of attacks."""

    version: Literal[1]
    attacks: Annotated[tuple[AttackSpec, ...], Field(min_length=1)]


class Attacked(Struct, frozen=True):
    """An attack under one set of policies. ``step`` (from 1) and ``verdict`` are of the decision that says most."""

    attack: AttackSpec
    result: Result
    step: int
    verdict: Verdict

    def as_facts(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "id": self.attack.id,
            "title": self.attack.title,
            "kind": self.attack.kind,
            "source": self.attack.source,
            "result": self.result,
            "step": self.step,
            "call": self.attack.steps[self.step - 1].what,
            "by": list(self.verdict.policies),
            "messages": list(self.verdict.messages),
            "errors": list(self.verdict.errors),
        }


def load_attacks(folder: Path = SHIPPED) -> list[AttackSpec]:
    """Every attack of a folder's files, in order of their names.

    :raises ConfigurationError: a file is refused, or two attacks have one id; one sentence with file and line.
    """
    found: dict[str, AttackSpec] = {}
    for file in sorted(folder.glob("*.yaml")):
        for attack in load_yaml(file, AttacksDocument).attacks:
            if attack.id in found:
                raise ConfigurationError(
                    f"the attack '{attack.id}' stands twice; rename one", file=file, line=attack.line
                )
            found[attack.id] = attack
    return list(found.values())


def attack_all(attacks: Sequence[AttackSpec], policies: Policies, principal: Principal) -> list[Attacked]:
    """Each attack in a session of its own."""
    authorizer = Authorizer(policies, principal, "generic")
    return [_attack(one, policies, authorizer) for one in attacks]


def _attack(attack: AttackSpec, policies: Policies, authorizer: Authorizer) -> Attacked:
    """The steps in order. A question counts as answered yes, so that a denial behind it shows."""
    held: dict[Label, int] = dict(attack.held)
    asked: Attacked | None = None
    verdict = Verdict(Outcome.ALLOW)
    first = max(held.values(), default=0) + 1
    for step, call in enumerate(attack.steps, start=1):
        view = SessionView(f"attack-{attack.id}", dict(held))
        facts = as_counted(as_lowered(facts_of(call), policies), [view], authorizer, now=NOW)
        verdict = authorizer.decide(facts, view, now=NOW)
        if verdict.outcome is Outcome.DENY:
            return Attacked(attack, Result.STOPPED, step, verdict)
        if verdict.outcome is Outcome.ASK and asked is None:
            asked = Attacked(attack, Result.ASKED, step, verdict)
        for label in facts.labels:
            held.setdefault(label, first + step)
    return asked or Attacked(attack, Result.PASSES, len(attack.steps), verdict)
