"""Some of the loaded policies as a set of their own, for asking what would happen without the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import MappingProxyType

import cedarpy
import orjson

from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.abstraction import tree_of
from rule_of_two.policy.syntax import Policy


def only(policies: Policies, keep: Callable[[Policy], bool], besides: Iterable[Policy] = ()) -> Policies:
    """Those for which ``keep`` says so, in their order, and ``besides``. Not for serving: nothing checks what is left."""
    kept = [*filter(keep, policies.by_id.values()), *besides]
    trees = {f"policy{number}": tree_of(policy) for number, policy in enumerate(kept)}
    text = orjson.dumps({"templates": {}, "staticPolicies": trees, "templateLinks": []}).decode()
    by_id = MappingProxyType({policy.id: policy for policy in kept})
    return replace(policies, handle=cedarpy.PolicySet.from_json_str(text), by_id=by_id)
