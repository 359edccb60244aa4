"""What is proved of an operator's whole set, as questions to a solver.

A claim is broken by a request ``where`` each pass has the outcome that it names. Errors are the gateway's: whatever
errs is denied, so only requests on which no policy errs can be let through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from rule_of_two.policy.authorizer import MOST_APPROVALS
from rule_of_two.policy.proof.abstraction import Abstract, Abstraction, tree_of
from rule_of_two.policy.proof.formula import Formula, Node, every
from rule_of_two.policy.proof.schema import EntityType
from rule_of_two.policy.proof.solver import UNASKED, Pass
from rule_of_two.policy.slices import LOWER_C
from rule_of_two.policy.trees import actions_of, annotations_of

ANY: Final = Pass("answered or not")
ASKED: Final = Pass("asked", least=1)
AGAIN: Final = Pass("asked once more", least=2, after=ASKED)
ONE: Final = Pass("one yes", count=1)
MOST: Final = Pass("every yes", count=MOST_APPROVALS)

YES_KEEPS: Final = "yes-keeps"
KEEPS: Final = "dropped-counts"

_COMPLETING: Final = """!context.dropped &&
(context.held has A || context.labels.A) && (context.held has B || context.labels.B) &&
(context.held has C || context.labels.C) &&
(context.labels.C || !(context.held has A && context.held has B && context.held has C))"""


_WITNESS: Final = 'permit (principal, action in Gateway::Action::"use", resource) when {{ {} }};'
_LOWERED: Final = 'permit (principal, action == Gateway::Action::"lower_c", resource) when { context.dropped };'

Outcomes = Sequence[tuple[Pass, bool]]


class Claim(Struct, frozen=True):
    """``sentence`` is what is proved when no request breaks it; ``broken`` what a request does that does."""

    name: str
    sentence: str
    where: Formula
    passes: Outcomes
    broken: str
    witness: str
    """A policy that applies to the requests of ``where``, to ask the engine with."""
    origin: Abstract | None = None
    """The operator's own property."""

    @property
    def needs_asking(self) -> bool:
        """It says nothing of a set with which nothing asks."""
        return self.name == YES_KEEPS

    @property
    def never(self) -> bool:
        """It says that something is never let through, so a policy that the engine skips could break it."""
        return [allowed for _, allowed in self.passes] == [True]


ASKS: Final = ((UNASKED, False), (ASKED, True))


def claims(abstraction: Abstraction) -> Iterator[Claim]:
    """The claims about every set, and about blocked things where a policy speaks of them."""

    def claim(name: str, sentence: str, text: str, passes: Outcomes, broken: str) -> Claim:
        where = every((abstraction.use, abstraction.condition(text)))
        return Claim(name, sentence, where, passes, broken, _WITNESS.format(text))

    yield claim(
        "third-label",
        "No call that completes A+B+C runs unless a person says yes.",
        _COMPLETING,
        [(UNASKED, True)],
        "it completes A+B+C and runs unasked",
    )
    yield claim(
        "dropped",
        "Once C is dropped, no call that carries C runs, whatever anybody answers.",
        "context.dropped && context.labels.C",
        [(ANY, True)],
        "C was dropped, and a call that carries C runs",
    )
    yield Claim(
        KEEPS,
        "Once C is dropped, no policy leaves the C of a call out of account.",
        every((abstraction.lowering, abstraction.condition("context.dropped"))),
        [(UNASKED, True)],
        "C was dropped, and that of this call is left out of account",
        _LOWERED,
    )
    yield claim(
        "frozen",
        "Nothing runs in a frozen session, whatever anybody answers.",
        "context.frozen",
        [(ANY, True)],
        "the session is frozen, and this runs",
    )
    yield claim(
        "yes-adds",
        "What runs after one or more people said yes also runs after one more yes.",
        "true",
        [(ASKED, True), (AGAIN, False)],
        "one more yes takes it away",
    )
    yield claim(
        YES_KEEPS,
        f"In an interactive session, what runs unasked also runs after {MOST_APPROVALS} people said yes.",
        "principal is Gateway::Session && principal.interactive",
        [(UNASKED, True), (MOST, False)],
        "it runs unasked, and is denied when people say yes",
    )
    yield claim(
        "nobody-to-ask",
        "Nothing asks in a session in which nobody can answer.",
        "principal is Gateway::Session && !principal.interactive",
        ASKS,
        "nobody can answer, and it asks",
    )
    for name, sentence, condition in _blocked(abstraction):
        yield claim(
            name,
            sentence,
            condition,
            [(ANY, True)],
            "it is blocked, and it runs",
        )


def property_claims(abstraction: Abstraction) -> Iterator[Claim]:
    """The operator's own properties: a forbid must never be let through, a permit never be held back."""
    for one in abstraction.besides:
        even = _annotation(one, "even")
        sentence = one.policy.message or one.policy.id
        lowering = is_about_lowering(tree_of(one.policy))
        if lowering:
            passes = [(UNASKED, not one.permit)]
            broken = "its C counts" if one.permit else "its C is left out of account"
        elif not one.permit:
            passes = [(ANY if even == "approved" else UNASKED, True)]
            broken = "it runs" if even == "approved" else "it runs unasked"
        elif even == "asked":
            passes, broken = [(UNASKED, False), (ONE, False), (MOST, False)], "it is denied, whatever anybody answers"
        else:
            passes, broken = [(UNASKED, False)], "it does not run unasked"
        where = every((abstraction.lowering if lowering else abstraction.use, one.matches))
        yield Claim(one.policy.id, sentence, where, passes, broken, one.policy.text, origin=one)


def _blocked(abstraction: Abstraction) -> Iterator[tuple[str, str, str]]:
    """Where a thing can be blocked, by what the schema has: a name, a sentence, and when it is."""
    for name, sentence, path in (
        ("blocked", "What is blocked itself never runs, whatever anybody answers.", "resource"),
        ("blocked-server", "Nothing of a blocked server runs, whatever anybody answers.", "resource.server"),
    ):
        types = abstraction.view.types_at("resource", path.split(".")[1:])
        declared = [abstraction.view.declared(one, "blocked") for one in types if isinstance(one, EntityType)]
        if any(declared):
            guard = "resource has server && " if path != "resource" else ""
            yield name, sentence, f"{guard}{path} has blocked && {path}.blocked"


def is_about_lowering(tree: Node) -> bool:
    """Whether a property is about leaving C out of account: its head names that action and no other one."""
    return actions_of(tree) == {LOWER_C}


def _annotation(one: Abstract, name: str) -> str | None:
    return annotations_of(tree_of(one.policy)).get(name)
