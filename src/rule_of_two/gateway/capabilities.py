"""What the client is told that upstreams can do, and upstreams that the client can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from rule_of_two.gateway.definitions import Kind
from rule_of_two.model import Action
from rule_of_two.records import replace
from rule_of_two.wire.eras import RESERVED, Claims, Era

ASKED_OF_CLIENT: Final[Mapping[str, tuple[str, Action]]] = {
    "sampling/createMessage": ("sampling", Action.SAMPLE),
    "elicitation/create": ("elicitation", Action.ELICIT),
    "roots/list": ("roots", Action.LIST_ROOTS),
}
"""What an upstream can ask: the capability that the client must have said, and the action that policy decides."""

_LISTS: Final[Mapping[str, frozenset[Kind]]] = {
    "tools": frozenset((Kind.TOOL,)),
    "prompts": frozenset((Kind.PROMPT,)),
    "resources": frozenset((Kind.RESOURCE, Kind.TEMPLATE)),
}
_DEFINED: Final[Mapping[str, tuple[str, ...]]] = {
    "tools": ("listChanged",),
    "prompts": ("listChanged",),
    "resources": ("listChanged", "subscribe"),
    "completions": (),
    "logging": (),
}
"""The capabilities that MCP defines, and their members (2025-11-25 and 2026-07-28, ServerCapabilities)."""
_EVERYTHING: Final[Mapping[str, Any]] = {
    "tools": {}, "prompts": {}, "resources": {"subscribe": True}, "completions": {}, "logging": {},
}  # fmt: skip
"""What an upstream of which nothing is known yet may turn out to offer: a client asks only once."""


def offered(upstreams: Iterable[tuple[Mapping[str, Any] | None, frozenset[Kind]]], era: Era) -> dict[str, Any]:
    """The capabilities of all upstreams together, for a client of ``era``.

    Each upstream is given with what it said, ``None`` while it is not connected, and the kinds that are known of it
    from before. Lists can change whatever an upstream says, because upstreams come, go and are accepted.
    """
    merged: dict[str, Any] = {}
    for said, kinds in upstreams:
        merged = _joined(merged, _known(kinds) if said is None else said)
    for name in _LISTS:
        if name in merged:
            merged[name] = {**_object(merged[name]), "listChanged": True}
    if era is Era.MODERN:
        merged.pop("tasks", None)  # of the legacy era; the modern one has an extension
    return merged


def of_mcp(said: Mapping[str, Any]) -> dict[str, Any]:
    """What MCP itself defines of an upstream's capabilities: names and truth values, and no word of the upstream's."""
    known: dict[str, Any] = {}
    for name, members in _DEFINED.items():
        if name in said:
            given = _object(said[name])
            known[name] = {member: given[member] for member in members if isinstance(given.get(member), bool)}
    if "tasks" in said:
        tasks = _object(said["tasks"])
        known["tasks"] = {name: {} for name in ("list", "cancel") if name in tasks}
        if "call" in _object(_object(tasks.get("requests")).get("tools")):
            known["tasks"]["requests"] = {"tools": {"call": {}}}
    return known


def beyond_mcp(said: Mapping[str, Any]) -> dict[str, Any]:
    """The rest: words of the upstream's, which count only as they were accepted."""
    return {name: value for name, value in said.items() if name not in {*_DEFINED, "tasks"}}


class Shown:
    """What upstreams are told of the client: all it says, but for what policy would refuse whatever they ask.

    Policy is asked once: a gateway keeps its policies as long as it lives, and each question is decided by itself too.
    """

    def __init__(self, permitted: Callable[[Action], bool]) -> None:
        self._permitted = permitted

    @cached_property
    def _refused(self) -> frozenset[str]:
        return frozenset(name for name, action in ASKED_OF_CLIENT.values() if not self._permitted(action))

    def __call__(self, claims: Claims) -> Claims:
        """``claims`` itself where there is nothing to leave out."""
        if self._refused.isdisjoint(claims.capabilities):
            return claims
        return replace(
            claims, capabilities={key: value for key, value in claims.capabilities.items() if key not in self._refused}
        )


def has_vendor_methods(capabilities: Mapping[str, Any]) -> bool:
    """Whether an upstream says that it offers more than MCP defines."""
    extensions = _object(capabilities.get("extensions"))
    return bool(_object(capabilities.get("experimental"))) or any(not name.startswith(RESERVED) for name in extensions)


def _known(kinds: frozenset[Kind]) -> Mapping[str, Any]:
    """What can be said of an upstream that is not connected, from what is known of it from before."""
    return {name: {} for name, some in _LISTS.items() if some & kinds} if kinds else _EVERYTHING


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both objects; where they differ in something else, true wins over false and the first over the second."""
    joined = dict(first)
    for key, value in second.items():
        mine = joined.get(key)
        if isinstance(mine, dict) and isinstance(value, dict):
            joined[key] = _joined(mine, value)
        elif key not in joined or mine is False:
            joined[key] = value
    return joined


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
