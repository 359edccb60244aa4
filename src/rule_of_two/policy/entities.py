"""The entities of one decision: the session, and what it wants to use. Nothing else, however many tools are mounted.

# INVARIANT: every handle is parsed with the schema. Without it Cedar knows no action groups, ``action in …"use"``
# matches nothing, and the invariant's forbids vanish without an error; `tests/policy/test_entities.py` holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cedarpy
import orjson

from rule_of_two.model import Action, Facts, Principal
from rule_of_two.policy.cache import RecentlyUsed

Uid = dict[str, str]
Entity = dict[str, Any]
"""In Cedar's JSON form."""

_RESOURCE_TYPES: Final[Mapping[Action, str]] = {
    Action.CALL_TOOL: "Tool",
    Action.READ_RESOURCE: "Resource",
    Action.SUBSCRIBE: "Resource",
    Action.GET_PROMPT: "Prompt",
}
"""The rest is about a server as a whole."""

_SESSIONS: Final = 64
_PARTICIPANTS: Final = 4096


@dataclass(frozen=True, slots=True)
class Participants:
    """Who asks for what, and the entities that policies can look up."""

    principal: Uid
    action: Uid
    resource: Uid
    handle: cedarpy.Entities


class EntityStore:
    """Parses entities once per (session, resource). The key of each handle is the very text it was parsed from."""

    def __init__(self, schema: cedarpy.Schema, principal: Principal, client: str) -> None:
        self._schema = schema
        self._principal = principal
        self._client = client
        self._sessions: RecentlyUsed[cedarpy.Entities] = RecentlyUsed(_SESSIONS)
        self._participants: RecentlyUsed[cedarpy.Entities] = RecentlyUsed(_PARTICIPANTS)

    def participants(self, session: str, facts: Facts) -> Participants:
        """The entities of one request.

        :raises ValueError: an id is not valid Unicode, or the schema refuses an entity.
        :raises TypeError: an id is not text.
        """
        used = used_entities(facts)
        own = session_entities(self._principal, self._client, session)
        return Participants(
            principal=own[0]["uid"],
            action=uid("Action", facts.action.value),
            resource=used[-1]["uid"],
            handle=self._parsed(own, used),
        )

    def _parsed(self, own: list[Entity], used: list[Entity]) -> cedarpy.Entities:
        key = orjson.dumps((own, used))
        handle = self._participants.get(key)
        if handle is None:
            base = orjson.dumps(own)
            session = self._sessions.get(base)
            if session is None:
                session = cedarpy.Entities.from_json_str(base.decode(), self._schema)
                self._sessions.put(base, session)
            handle = session.with_added_json_str(orjson.dumps(used).decode(), self._schema)
            self._participants.put(key, handle)
        return handle


def session_entities(principal: Principal, client: str, session: str) -> list[Entity]:
    """The session, and the user on whose behalf it runs."""
    user = uid("User", principal.user)
    attributes = {
        "user": {"__entity": user},
        "tenant": {"__entity": uid("Tenant", principal.tenant)},
        "purpose": {"__entity": uid("Purpose", principal.purpose)},
        "interactive": principal.interactive,
        "client": client,
    }
    return [
        {"uid": uid("Session", session), "attrs": attributes, "parents": []},
        {"uid": user, "attrs": {}, "parents": [uid("Role", role) for role in principal.roles]},
    ]


def used_entities(facts: Facts) -> list[Entity]:
    """What a request uses, last, and before it the server that it belongs to."""
    kind = _RESOURCE_TYPES.get(facts.action, "Server")
    server = uid("Server", facts.upstream)
    used: list[Entity] = [{"uid": server, "attrs": {}, "parents": []}]
    if kind != "Server":
        used.append({"uid": uid(kind, facts.qualified), "attrs": {}, "parents": [server]})
    return used


def uid(kind: str, name: str) -> Uid:
    """The name of an entity in requests."""
    return {"type": f"Gateway::{kind}", "id": name}
