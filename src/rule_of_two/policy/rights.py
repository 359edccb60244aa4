"""Who may answer a question, and who may change a session: the actions `approve_call` and `manage_session`.

Asked seldom, so nothing is kept. As everywhere: what is not a clean allow of the engine's is not an allow.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import cedarpy
import orjson

from rule_of_two.model import NONE, Action, Approver, Facts, Principal, SessionView
from rule_of_two.policy.context import context_of, minute, risk_of
from rule_of_two.policy.entities import Entity, Uid, session_entities, uid, used_entities
from rule_of_two.policy.load import Policies

_NO_CALL: Final = Facts(Action.CALL_TOOL, "", "", NONE)


class Rights:
    """What the approvers of one principal's sessions may do. ``client`` is the name of the client profile."""

    def __init__(self, policies: Policies, principal: Principal, client: str) -> None:
        self._policies = policies
        self._principal = principal
        self._client = client

    def may_answer(
        self,
        approver: Approver,
        facts: Facts,
        view: SessionView,
        *,
        choice: str,
        channel: str,
        approvals: int,
        now: datetime,
    ) -> bool:
        """Whether this person may say ``choice`` to a call of ``facts``; with it ``approvals`` people said yes.

        # INVARIANT: an error is a no; tests/policy/test_rights.py.
        """
        used = used_entities(facts)
        more = {
            "choice": choice,
            "channel": channel,
            "session": {"__entity": uid("Session", view.id)},
            "risk": risk_of(facts),
        }
        return self._allows(approver, "approve_call", used[-1]["uid"], facts, view, more, used, now, approvals)

    def may_manage(self, approver: Approver, view: SessionView, *, choice: str, now: datetime) -> bool:
        """Whether this person may do ``choice`` to a session."""
        session = uid("Session", view.id)
        return self._allows(approver, "manage_session", session, _NO_CALL, view, {"choice": choice}, [], now, 1)

    def _allows(
        self,
        approver: Approver,
        action: str,
        resource: Uid,
        facts: Facts,
        view: SessionView,
        more: dict[str, Any],
        used: list[Entity],
        now: datetime,
        approvals: int,
    ) -> bool:
        own = session_entities(self._principal, self._client, view.id)
        person = _person(approver, own[0])
        try:
            known = {"approved": True, "approvals": approvals, "now": minute(now)}
            context = {**context_of(facts, view), **more, **known}
            entities = cedarpy.Entities.from_json_str(
                orjson.dumps([person, *own, *used]).decode(), self._policies.schema
            )
            result = cedarpy.is_authorized(
                {
                    "principal": person["uid"],
                    "action": uid("Action", action),
                    "resource": resource,
                    "context": orjson.dumps(context).decode(),
                },
                self._policies.handle,
                entities,
                self._policies.schema,
            )
        except Exception:  # noqa: BLE001  # the boundary that denies: cedarpy raises what its inputs provoke
            return False
        return result.decision is cedarpy.Decision.Allow and not result.diagnostics.errors


def _person(approver: Approver, session: Entity) -> Entity:
    """The approver; what policies read of every principal else is that of the session."""
    attributes = {
        **session["attrs"],
        "user": {"__entity": uid("User", approver.user)},
        "tenant": {"__entity": uid("Tenant", approver.tenant)},
        "signed": approver.signed,
    }
    roles = [uid("Role", role) for role in approver.roles]
    return {"uid": uid("Approver", approver.name), "attrs": attributes, "parents": roles}
