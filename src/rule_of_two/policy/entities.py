"""The entities of one decision: the session, what it wants to use, and what the directory says of both. Nothing else,
however many tools are mounted.

# INVARIANT: every handle is parsed with the schema. Without it Cedar knows no action groups, ``action in …"use"``
# matches nothing, and the invariant's forbids vanish without an error; `tests/policy/test_entities.py` holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cedarpy
import orjson
from msgspec import Struct

from rule_of_two.model import ORDER, Action, Facts, Principal
from rule_of_two.policy.cache import RecentlyUsed
from rule_of_two.policy.directory import Entity, Uid, reference, uid
from rule_of_two.policy.load import Policies
from rule_of_two.policy.slices import Slice

_RESOURCE_TYPES: Final[Mapping[Action, str]] = {
    Action.CALL_TOOL: "Tool",
    Action.READ_RESOURCE: "Resource",
    Action.SUBSCRIBE: "Resource",
    Action.GET_PROMPT: "Prompt",
}
"""The rest is about a server as a whole."""

RELEASE: Final = "release"
"""The action of handing over what came back; the resource is what was used."""

_PARTICIPANTS: Final = 4096


class Participants(Struct, frozen=True):
    """Who asks for what, the entities that policies can look up, and the policies that can apply."""

    principal: Uid
    action: Uid
    resource: Uid
    handle: cedarpy.Entities
    slice: Slice
    schema: cedarpy.Schema


class EntityStore:
    """Parses entities once per (session, action, resource)."""

    def __init__(self, policies: Policies, principal: Principal, client: str) -> None:
        self._policies = policies
        self._principal = principal
        self._client = client
        self._participants: RecentlyUsed[Participants] = RecentlyUsed(_PARTICIPANTS)

    def participants(self, session: str, facts: Facts, *, instead: str | None = None) -> Participants:
        """The entities of one request, or of another action about it (:data:`RELEASE`, ``lower_c``, ``hold_result``).

        :raises ValueError: an id is not valid Unicode, or the schema refuses an entity.
        :raises TypeError: an id is not text.
        """
        key = orjson.dumps((session, facts.action.value, facts.upstream, facts.name, instead))
        known = self._participants.get(key)
        if known is None:
            own = session_entities(self._principal, self._client, session)
            used = used_entities(facts)
            action, schema = uid("Action", instead or facts.action.value), self._policies.schema
            calls = facts.action is Action.CALL_TOOL and instead is None
            typed = self._policies.typed.get(facts.qualified) if calls else None
            if typed is not None and typed.schema is not None:
                action, schema = uid("Action", typed.id), typed.schema
            roots = [*own, *used]
            known = parsed(self._policies, own[0]["uid"], action, used[-1]["uid"], roots, used[0]["uid"], schema)
            self._participants.put(key, known)
        return known

    def of_document(self, session: str, document: Entity) -> Participants:
        """The entities of a decision about an item of a result.

        :raises ValueError: an id is not valid Unicode, or the schema refuses an entity.
        """
        own = session_entities(self._principal, self._client, session)
        server: Uid = document["attrs"]["server"]["__entity"]
        roots = [*own, {"uid": server, "attrs": {"server": document["attrs"]["server"]}, "parents": []}, document]
        return parsed(self._policies, own[0]["uid"], uid("Action", "return_document"), document["uid"], roots, server)


def parsed(
    policies: Policies,
    principal: Uid,
    action: Uid,
    resource: Uid,
    roots: list[Entity],
    server: Uid,
    schema: cedarpy.Schema | None = None,
) -> Participants:
    """``roots`` and what is described of them, parsed, with the policies that can apply. ``schema`` is one that has no
    more than the request needs of that of the policies."""
    schema = schema or policies.schema
    entities = policies.directory.around(roots, policies.literals)
    handle = cedarpy.Entities.from_json_str(orjson.dumps(entities).decode(), schema)
    cut = policies.slices.cut(principal, action, resource, server)
    return Participants(principal, action, resource, handle, cut, schema)


def session_entities(principal: Principal, client: str, session: str) -> list[Entity]:
    """The session, the user on whose behalf it runs, and the agent."""
    attributes = {
        "user": reference("User", principal.user),
        "agent": reference("Agent", principal.agent),
        "tenant": reference("Tenant", principal.tenant),
        "purpose": reference("Purpose", principal.purpose),
        "configuration": {label: label in principal.configuration for label in ORDER},
        "interactive": principal.interactive,
        "client": client,
    }
    agent, user = uid("Agent", principal.agent), uid("User", principal.user)
    return [
        {"uid": uid("Session", session), "attrs": attributes, "parents": [agent]},
        {"uid": user, "attrs": {}, "parents": [uid("Role", role) for role in principal.roles]},
        {"uid": agent, "attrs": {}, "parents": []},
    ]


def used_entities(facts: Facts) -> list[Entity]:
    """What a request uses, last, and first the server that it belongs to."""
    kind = _RESOURCE_TYPES.get(facts.action, "Server")
    server = uid("Server", facts.upstream)
    belongs = {"server": {"__entity": server}}
    used: list[Entity] = [{"uid": server, "attrs": belongs, "parents": []}]
    if kind != "Server":
        used.append({"uid": uid(kind, facts.qualified), "attrs": belongs, "parents": [server]})
    return used
