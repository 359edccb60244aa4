"""Some of the loaded policies as a set of their own, for asking what would happen without the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType

from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.abstraction import tree_of
from rule_of_two.policy.slices import Slices
from rule_of_two.policy.syntax import Policy
from rule_of_two.records import replace


def only(policies: Policies, keep: Callable[[Policy], bool], besides: Iterable[Policy] = ()) -> Policies:
    """Those that ``keep`` wants, in their order, and ``besides``. Not for serving: nothing checks what is left."""
    kept = {policy.id: policy for policy in (*filter(keep, policies.by_id.values()), *besides)}
    slices = Slices({name: (tree_of(policy), policy.text) for name, policy in kept.items()})
    return replace(policies, slices=slices, by_id=MappingProxyType(kept))
