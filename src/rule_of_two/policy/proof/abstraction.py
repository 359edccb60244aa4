"""A set of policies as formulas over shared atoms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import orjson
from msgspec import Struct

from rule_of_two.policy.proof.actions import ActionClasses, mentioned_actions
from rule_of_two.policy.proof.expressions import can_err, varies
from rule_of_two.policy.proof.formula import Atom, Formula, Node, Values, atoms, every, negated
from rule_of_two.policy.proof.relations import relations
from rule_of_two.policy.proof.schema import SchemaView
from rule_of_two.policy.proof.translate import Translator
from rule_of_two.policy.slices import LOWER_C, permits
from rule_of_two.policy.syntax import Policy
from rule_of_two.policy.trees import policy_trees

USE: Final = 'Gateway::Action::"use"'
"""The group of all requests that reach an upstream."""
LOWERING: Final = f'Gateway::Action::"{LOWER_C}"'
"""Whether the C of such a request may be left out of account."""


class Abstract(Struct, frozen=True):
    """One policy. ``matches`` is true of every request that it applies to; ``can_err``: the engine may skip it."""

    policy: Policy
    permit: bool
    matches: Formula
    can_err: bool


class Abstraction:
    """Policies under one schema. Further conditions are translated over the same atoms."""

    def __init__(self, policies: Iterable[Policy], view: SchemaView, *, besides: Sequence[Policy] = ()) -> None:
        """:param besides: policies that say something of requests, and are not among those that decide."""
        self.view = view
        self.values = Values()
        trees = [(policy, tree_of(policy)) for policy in policies]
        further = [(policy, tree_of(policy)) for policy in besides]
        mentioned = {uid for _, tree in trees + further for uid in mentioned_actions(tree)} | {USE, LOWERING}
        self.classes = ActionClasses(view, mentioned, self.values)
        self._translator = Translator(view, self.classes, self.values)
        self.policies = tuple(self._abstract(policy, tree) for policy, tree in trees)
        self.besides = tuple(self._abstract(policy, tree) for policy, tree in further)

    def condition(self, text: str) -> Formula:
        """A condition in Cedar, such as ``context.labels.C``."""
        return self._translator.formula(expression(text))

    @property
    def use(self) -> Formula:
        """The request reaches an upstream."""
        return self.classes.within([USE])

    @property
    def lowering(self) -> Formula:
        """It is asked whether the C of a request may be left out of account."""
        return self.classes.exactly(LOWERING)

    def facts(self, besides: Iterable[Formula] = ()) -> Iterator[Formula]:
        """What holds between the atoms of the policies, and of ``besides``."""
        formulas = [*(one.matches for one in (*self.policies, *self.besides)), *besides]
        found: Iterable[Atom] = (atom for formula in formulas for atom in atoms(formula))
        return relations(found, self.view, self.classes, self.values)

    def _abstract(self, policy: Policy, tree: Node) -> Abstract:
        parts = [self._translator.formula(node) for node in _scope(tree)]
        wrong = False
        for condition in tree["conditions"]:
            formula = self._translator.formula(condition["body"])
            parts.append(formula if condition["kind"] == "when" else negated(formula))
            wrong = wrong or can_err(condition["body"], self.view)
        permit = tree["effect"] == "permit"
        if permit and not permits(tree, LOWER_C):
            parts.append(negated(self.lowering))  # as the slices have it: a permit has to name that action
        return Abstract(policy, permit, every(parts), wrong)


def tree_of(policy: Policy) -> Node:
    """The policy in Cedar's JSON form."""
    (tree,) = orjson.loads(policy.tree)["staticPolicies"].values()
    return tree


def expression(text: str) -> Node:
    """A condition in Cedar as an expression."""
    (tree,) = policy_trees(f"permit (principal, action, resource) when {{ {text} }};")
    return tree["conditions"][0]["body"]


def reads_approvals(policy: Policy) -> bool:
    """Whether what it says can hang on how many people said yes."""
    return any(varies(condition["body"]) for condition in tree_of(policy)["conditions"])


def _scope(tree: Node) -> Iterator[Node]:
    """The three parts of the scope as expressions."""
    for name in ("principal", "action", "resource"):
        scope, variable = tree[name], {"Var": name}
        match scope:
            case {"op": "All"}:
                pass
            case {"op": "==", "entity": entity}:
                yield {"==": {"left": variable, "right": {"Value": {"__entity": entity}}}}
            case {"op": "in", "entities": entities}:
                yield {"in": {"left": variable, "right": {"Set": [{"Value": {"__entity": one}} for one in entities]}}}
            case {"op": "in", "entity": entity}:
                yield {"in": {"left": variable, "right": {"Value": {"__entity": entity}}}}
            case {"op": "is", "entity_type": kind, "in": {"entity": entity}}:
                yield {"is": {"left": variable, "entity_type": kind, "in": {"Value": {"__entity": entity}}}}
            case {"op": "is", "entity_type": kind}:
                yield {"is": {"left": variable, "entity_type": kind}}
            case _:
                raise ValueError(f"an unknown scope: {scope}")
