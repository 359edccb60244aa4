"""Who may answer a question, change a session, or endorse: the actions `approve_call`, `manage_session` and `endorse`.

Asked seldom, so nothing is kept. As everywhere: what is not a clean allow of the engine's is not an allow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import cedarpy

from rule_of_two.errors import Code
from rule_of_two.model import NONE, Action, Approver, Facts, Labels, Outcome, Principal, SessionView, Verdict
from rule_of_two.policy.context import NOTHING_KNOWN, Environment, context_of, minute
from rule_of_two.policy.directory import Entity, Uid, reference, uid
from rule_of_two.policy.engine import contained, evaluate
from rule_of_two.policy.entities import Participants, parsed, session_entities, used_entities
from rule_of_two.policy.load import Policies
from rule_of_two.policy.syntax import DEFAULT_DENY
from rule_of_two.policy.trusts import trusted_folders

_NO_CALL: Final = Facts(Action.CALL_TOOL, "", "", NONE)


class Rights:
    """What the approvers of one principal's sessions may do. ``client`` is the name of the client profile, and
    ``environment`` tells what context providers know now, for decisions of a session."""

    def __init__(
        self,
        policies: Policies,
        principal: Principal,
        client: str,
        environment: Callable[[str], Environment] = lambda session: NOTHING_KNOWN,
    ) -> None:
        self._policies = policies
        self._principal = principal
        self._client = client
        self._environment = environment
        self._folders = trusted_folders(policies.directory, principal)

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
        judged = self.judge_answer(approver, facts, view, choice=choice, channel=channel, approvals=approvals, now=now)
        return judged.outcome is Outcome.ALLOW

    def may_manage(self, approver: Approver, view: SessionView, *, choice: str, now: datetime) -> bool:
        """Whether this person may do ``choice`` to a session."""
        return self.judge_management(approver, view, choice=choice, now=now).outcome is Outcome.ALLOW

    def may_endorse(
        self,
        approver: Approver,
        server: str,
        labels: Labels,
        *,
        now: datetime,
        document: Entity | None = None,
        choice: str = "endorse",
    ) -> bool:
        """Whether this person may say that ``labels`` no longer count for what a server keeps, or for one item of a
        result of its (``document``); with another ``choice``, whether they may vouch so for the server itself."""
        judged = self.judge_endorsement(approver, server, labels, now=now, document=document, choice=choice)
        return judged.outcome is Outcome.ALLOW

    def judge_answer(
        self,
        approver: Approver,
        facts: Facts,
        view: SessionView,
        *,
        choice: str,
        channel: str,
        approvals: int,
        now: datetime,
    ) -> Verdict:
        """Like :meth:`may_answer`, with the policies that decided: allow or deny."""
        known = {"approvals": approvals, "choice": choice, "channel": channel}

        def work() -> Verdict:
            own, used = session_entities(self._principal, self._client, view.id), used_entities(facts)
            participants = self._participants(approver, "approve_call", used[-1]["uid"], own, used)
            session = {"session": {"__entity": own[0]["uid"]}}
            return self._judge(
                participants, {**context_of(facts, view, folders=self._folders), **known, **session}, view.id, now
            )

        return contained(work, _failed)

    def judge_management(self, approver: Approver, view: SessionView, *, choice: str, now: datetime) -> Verdict:
        """Like :meth:`may_manage`, with the policies that decided: allow or deny."""
        known = {"approvals": 1, "choice": choice}

        def work() -> Verdict:
            own = session_entities(self._principal, self._client, view.id)
            participants = self._participants(approver, "manage_session", own[0]["uid"], own, [])
            return self._judge(participants, {**context_of(_NO_CALL, view), **known}, view.id, now)

        return contained(work, _failed)

    def judge_endorsement(
        self,
        approver: Approver,
        server: str,
        labels: Labels,
        *,
        now: datetime,
        document: Entity | None = None,
        choice: str = "endorse",
    ) -> Verdict:
        """Like :meth:`may_endorse`, with the policies that decided: allow or deny."""
        what = Facts(Action.RECEIVE, server, "", labels)  # of a server as a whole
        known = {"approvals": 1, "choice": choice, "tenant": reference("Tenant", self._principal.tenant)}

        def work() -> Verdict:
            own = session_entities(self._principal, self._client, "")
            used = [*used_entities(what), *(() if document is None else (document,))]
            participants = self._participants(approver, "endorse", used[-1]["uid"], own, used)
            return self._judge(participants, {**context_of(what, SessionView("")), **known}, "", now)

        return contained(work, _failed)

    def _participants(
        self, approver: Approver, action: str, resource: Uid, own: list[Entity], used: list[Entity]
    ) -> Participants:
        person = _person(approver, own[0])
        server = used[0]["uid"] if used else resource
        return parsed(self._policies, person["uid"], uid("Action", action), resource, [person, *own, *used], server)

    def _judge(self, participants: Participants, context: dict[str, Any], session: str, now: datetime) -> Verdict:
        known = {**self._environment(session), **context, "approved": True, "now": minute(now)}
        result = evaluate(participants, known)
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            return _failed("; ".join(result.diagnostics.errors) or "the engine gave no decision")
        ids = sorted(result.diagnostics.id_annotations_by_reason[reason] for reason in result.diagnostics.reasons)
        decided = [self._policies.by_id[name] for name in ids]
        messages = tuple(policy.message for policy in decided if policy.message is not None)
        if result.decision is cedarpy.Decision.Allow:
            return Verdict(Outcome.ALLOW, None, tuple(ids), messages)
        return Verdict(Outcome.DENY, Code.DENIED_BY_POLICY, tuple(ids) or (DEFAULT_DENY,), messages)


def _failed(error: str) -> Verdict:
    return Verdict(Outcome.DENY, Code.POLICY_ERROR, errors=(error,))


def _person(approver: Approver, session: Entity) -> Entity:
    """The approver; what policies read of every principal else is that of the session."""
    attributes = {
        **session["attrs"],
        "user": reference("User", approver.user),
        "tenant": reference("Tenant", approver.tenant),
        "signed": approver.signed,
    }
    roles = [uid("Role", role) for role in approver.roles]
    return {"uid": uid("Approver", approver.name), "attrs": attributes, "parents": roles}
