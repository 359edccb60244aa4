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
        kind = _RESOURCE_TYPES.get(facts.action, "Server")
        server = _uid("Server", facts.upstream)
        resource = server if kind == "Server" else _uid(kind, facts.qualified)
        used: list[dict[str, Any]] = [{"uid": server, "attrs": {}, "parents": []}]
        if kind != "Server":
            used.append({"uid": resource, "attrs": {}, "parents": [server]})
        own = self._session_entities(session)
        return Participants(
            principal=own[0]["uid"],
            action=_uid("Action", facts.action.value),
            resource=resource,
            handle=self._parsed(own, used),
        )

    def _session_entities(self, session: str) -> list[dict[str, Any]]:
        principal = self._principal
        user = _uid("User", principal.user)
        attributes = {
            "user": {"__entity": user},
            "tenant": {"__entity": _uid("Tenant", principal.tenant)},
            "purpose": {"__entity": _uid("Purpose", principal.purpose)},
            "interactive": principal.interactive,
            "client": self._client,
        }
        return [
            {"uid": _uid("Session", session), "attrs": attributes, "parents": []},
            {"uid": user, "attrs": {}, "parents": [_uid("Role", role) for role in principal.roles]},
        ]

    def _parsed(self, own: list[dict[str, Any]], used: list[dict[str, Any]]) -> cedarpy.Entities:
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


def _uid(kind: str, name: str) -> Uid:
    return {"type": f"Gateway::{kind}", "id": name}
