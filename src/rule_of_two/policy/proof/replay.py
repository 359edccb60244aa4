"""A counterexample on the real engine: the same call as the gateway's, over the same policies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import cedarpy
import orjson
from msgspec import Struct

from rule_of_two.policy.directory import NOBODY
from rule_of_two.policy.engine import contained, evaluate
from rule_of_two.policy.entities import parsed
from rule_of_two.policy.load import Policies
from rule_of_two.policy.proof.formula import Node
from rule_of_two.policy.proof.request import Request
from rule_of_two.records import replace


class Answer(Struct, frozen=True):
    """What the engine says with so many approvals. ``errors`` not empty: the gateway denies, whatever ``allowed``."""

    approvals: int
    allowed: bool
    policies: tuple[str, ...]
    errors: tuple[str, ...] = ()


def replay(request: Request, approvals: Iterable[int], policies: Policies) -> Sequence[Answer]:
    """One answer for each number of approvals. What the engine raises is an error of the answer."""

    def answer(count: int) -> Answer:
        return contained(
            lambda: _ask(request, count, policies),
            lambda error: Answer(count, allowed=False, policies=(), errors=(error,)),
        )

    return [answer(count) for count in approvals]


def applies(request: Request, policy: str, policies: Policies) -> bool:
    """Whether this policy, a text of its own, applies to the request on the engine, unasked."""

    def ask() -> bool:
        handle = cedarpy.PolicySet.from_str(policy)
        result = cedarpy.is_authorized(_question(request, 0), handle, _entities(request, policies), policies.schema)
        return bool(result.diagnostics.reasons) and not result.diagnostics.errors

    return contained(ask, lambda _: False)


def unrealised(request: Request, wanted: Mapping[str, tuple[Node, bool]], policies: Policies) -> Sequence[str]:
    """The keys of those Boolean expressions that are not on the engine, for this request, what they were taken for."""
    names = list(wanted)
    conditions = [{"kind": "when", "body": wanted[name][0]} for name in names]
    trees = {f"policy{number}": _permit(number, one) for number, one in enumerate(conditions)}

    def ask() -> Sequence[str]:
        text = json.dumps({"templates": {}, "staticPolicies": trees, "templateLinks": []})
        handle = cedarpy.PolicySet.from_json_str(text)
        result = cedarpy.is_authorized(_question(request, 0), handle, _entities(request, policies), policies.schema)
        true = {int(name) for name in result.diagnostics.id_annotations_by_reason.values()}
        return [name for number, name in enumerate(names) if wanted[name][1] is not (number in true)]

    return contained(ask, lambda _: names)


def _ask(request: Request, count: int, policies: Policies) -> Answer:
    nobody = replace(policies, directory=NOBODY)  # the request says all that there is of entities
    participants = parsed(nobody, request.principal, request.action, request.resource, request.entities, request.server)
    context = {**request.context, "approved": count > 0, "approvals": count}
    result = evaluate(participants, context)
    names = result.diagnostics.id_annotations_by_reason
    errors = tuple(result.diagnostics.errors)
    if result.decision is cedarpy.Decision.NoDecision and not errors:
        errors = ("the engine gave no decision",)
    allowed = result.decision is cedarpy.Decision.Allow and not errors
    return Answer(count, allowed, tuple(sorted(names[reason] for reason in result.diagnostics.reasons)), errors)


def _question(request: Request, count: int) -> dict[str, object]:
    context = {**request.context, "approved": count > 0, "approvals": count}
    return {
        "principal": request.principal,
        "action": request.action,
        "resource": request.resource,
        "context": orjson.dumps(context).decode(),
    }


def _entities(request: Request, policies: Policies) -> cedarpy.Entities:
    return cedarpy.Entities.from_json_str(orjson.dumps(request.entities).decode(), policies.schema)


def _permit(number: int, condition: Node) -> Node:
    everything = {"op": "All"}
    scope = {"principal": everything, "action": everything, "resource": everything}
    return {"effect": "permit", **scope, "conditions": [condition], "annotations": {"id": str(number)}}
