"""The policies that can apply to a request, by their scopes alone: the rest need not be evaluated.

Sound, since a policy applies only where its whole scope does: a scope that is not understood is taken to match.
# INVARIANT: a slice decides as the whole set does; tests/policy/test_slices.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import cedarpy
from msgspec import Struct

from rule_of_two.policy.directory import Uid, uid
from rule_of_two.policy.trees import actions_of

LOWER_C: Final = "lower_c"
"""Leaving the C of a request out of account."""
HOLD_RESULT: Final = "hold_result"
"""Keeping what came back, and naming it to the client by a handle."""
ONLY_NAMED: Final = frozenset((LOWER_C, HOLD_RESULT))
"""Actions to which a permit applies only if its head names them.

# INVARIANT: whoever permits everything has not said that C does not count, or that results are kept;
# tests/policy/test_lowering.py, tests/policy/test_holding.py.
"""

ACTION_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "approve_call": (),
    "endorse": (),
    HOLD_RESULT: (),
    LOWER_C: (),
    "manage_session": (),
    "return_document": (),
}
"""The groups of the actions that are no use of a server. All others are in ``use``, and those of single tools, whose
names have two underscores, are in ``call_tool`` too."""

_SERVER: Final = uid("Server", "")["type"]


class Scope(Struct, frozen=True):
    """Which requests a policy's scope can match. ``None``: any."""

    actions: frozenset[str] | None
    principal_type: str | None
    resource_type: str | None
    resource: tuple[str, str] | None
    within: tuple[str, str] | None
    """A server: the resource itself, or that which it belongs to."""

    def may_match(self, principal: Uid, actions: frozenset[str], resource: Uid, server: Uid) -> bool:
        """``actions``: the request's and the groups that it is in."""
        used, its_server = _key(resource), _key(server)
        return (
            (self.actions is None or not actions.isdisjoint(self.actions))
            and self.principal_type in {None, principal["type"]}
            and self.resource_type in {None, resource["type"]}
            and self.resource in {None, used}
            and self.within in {None, used, its_server}
        )


class Slice(Struct, frozen=True):
    """Some policies of a set. ``ids`` is in the engine's order."""

    ids: tuple[str, ...]
    handle: cedarpy.PolicySet


class Slices:
    """Cuts a set of policies, each slice once."""

    def __init__(self, policies: Mapping[str, tuple[Mapping[str, Any], str]]) -> None:
        """:param policies: of each ``@id`` the tree and the text."""
        self._scopes = {name: scope_of(tree) for name, (tree, _) in policies.items()}
        self._texts = {name: text for name, (_, text) in policies.items()}
        self._too_wide = {
            action: frozenset(
                name
                for name, (tree, _) in policies.items()
                if tree.get("effect") == "permit" and not permits(tree, action)
            )
            for action in ONLY_NAMED
        }
        self._slices: dict[tuple[str, ...], Slice] = {}

    def cut(self, principal: Uid, action: Uid, resource: Uid, server: Uid) -> Slice:
        """The slice for a request."""
        groups = ("call_tool", "use") if "__" in action["id"] else ACTION_GROUPS.get(action["id"], ("use",))
        actions = frozenset((action["id"], *groups))
        never = self._too_wide.get(action["id"], frozenset())
        return self._cut(
            name
            for name, scope in self._scopes.items()
            if name not in never and scope.may_match(principal, actions, resource, server)
        )

    def _cut(self, names: Iterable[str]) -> Slice:
        ids = tuple(names)
        if ids not in self._slices:
            text = "\n".join(self._texts[name] for name in ids)
            self._slices[ids] = Slice(ids, cedarpy.PolicySet.from_str(text))
        return self._slices[ids]


def permits(tree: Mapping[str, Any], action: str) -> bool:
    """Whether a policy can permit one of the actions that only permits which name them permit."""
    return tree.get("effect") == "permit" and action in actions_of(tree)


def scope_of(tree: Mapping[str, Any]) -> Scope:
    """The scope of a policy in Cedar's JSON form."""
    resource = tree["resource"]
    kind, exact, within = resource.get("entity_type"), None, None
    if resource["op"] == "==":
        exact = _key(resource["entity"])
    elif "in" in resource:  # is T in E
        within = _server(resource["in"]["entity"])
    elif resource["op"] == "in":
        within = _server(resource["entity"])
    principal = tree["principal"]
    named = principal["entity"]["type"] if principal["op"] == "==" else principal.get("entity_type")
    return Scope(_actions(tree["action"]), named, kind, exact, within)


def _actions(scope: Mapping[str, Any]) -> frozenset[str] | None:
    if scope["op"] == "All":
        return None
    entities = scope["entities"] if "entities" in scope else [scope["entity"]]
    return frozenset(entity["id"] for entity in entities)


def _server(name: Mapping[str, str]) -> tuple[str, str] | None:
    """What a resource is in, if that is a server: of other hierarchies nothing is known here."""
    return _key(name) if name["type"] == _SERVER else None


def _key(name: Mapping[str, str]) -> tuple[str, str]:
    return name["type"], name["id"]
