"""Reads receipts out of the journal and checks them with the keys at hand: the witness of `audit verify`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter

from rule_of_two.approvals.answer import CLOCK_SKEW, Answer, GrantTerms
from rule_of_two.approvals.approvers import Enrolled
from rule_of_two.approvals.arrival import Arrival
from rule_of_two.approvals.canonical import canonical
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import definition_answer_in
from rule_of_two.approvals.endorsement import endorsement_in
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.approvals.receipts import deed, receipt
from rule_of_two.approvals.word import Word
from rule_of_two.audit.testimony import Said, Standing, Terms
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.model import Action, Label

_UNUSABLE: Final = (RuleOfTwoError, ValueError, TypeError, OverflowError, RecursionError)
"""What reading and binding text of anybody's can raise: no JSON, no receipt, a time beyond all calendars."""


class _Bound(BaseModel):
    """The members of a question that its digest binds, as its entry has them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    session: str
    action: Action
    upstream: str
    name: str
    pin: str | None
    arguments: dict[str, Any]
    forwarded: dict[str, Any]
    held: dict[Label, int]
    adds: tuple[Label, ...]
    policy_version: str
    nonce: str
    expires_at: AwareDatetime
    arrival: dict[str, Any] | None = None
    head: tuple[int, str] | None = None


_BOUND: Final = TypeAdapter(_Bound)


class KeyWitness:
    """Knows the public keys of approvers: those enrolled now, and of people who left. One name can have several."""

    def __init__(self, enrolled: Iterable[Enrolled]) -> None:
        self._enrolled = {one.key.fingerprint: one for one in enrolled}

    def answer(self, text: object) -> Said | None:
        """The answer of a receipt; ``None``: it is none. Never raises."""
        try:
            one = receipt(orjson.dumps(text).decode())
            terms = None if one.grant is None else _terms(one, one.grant)
            standing = self._standing(one)
        except _UNUSABLE:
            return None
        return Said(
            str(one.verdict),
            one.approver,
            standing,
            one.session,
            question=one.question_id,
            digest=one.digest,
            channel=one.channel,
            terms=terms,
            items=one.items,
            head=one.head,
        )

    def command(self, text: object) -> Said | None:
        """The command of a receipt; ``None``: it is none. Never raises."""
        try:
            one = deed(orjson.dumps(text).decode())
            if not isinstance(one, Command):
                return None
            standing = self._standing(one)
        except _UNUSABLE:
            return None
        return Said(str(one.choice), one.approver, standing, one.session, id=one.id)

    def endorsement(self, text: object) -> Said | None:
        """The endorsement of a receipt; ``None``: it is none. Never raises."""
        try:
            one = endorsement_in(orjson.dumps(text).decode())
            standing = self._standing(one)
        except _UNUSABLE:
            return None
        return Said("endorse", one.approver, standing, None, id=one.id)

    def definition(self, text: object) -> Said | None:
        """The answer to a definition of a receipt; ``None``: it is none. Never raises."""
        try:
            one = definition_answer_in(orjson.dumps(text).decode())
            standing = self._standing(one)
        except _UNUSABLE:
            return None
        of = one.subject
        about = (of.state, of.upstream, of.kind, of.name)
        return Said(str(one.verdict), one.approver, standing, None, id=one.id, digest=of.new, about=about)

    def digest(self, question: Mapping[str, Any]) -> str | None:
        """The digest of a journalled question's members; ``None``: they are not what a question can have."""
        try:
            bound = _BOUND.validate_json(orjson.dumps(question))
            at = bound.expires_at
            return Question(
                id="",
                session=bound.session,
                client="",
                action=bound.action,
                upstream=bound.upstream,
                name=bound.name,
                pin=bound.pin,
                arguments_json=canonical(bound.arguments),
                forwarded_json=canonical(bound.forwarded),
                labels=frozenset(bound.adds),
                held={label: Origin(call=call, name="", shown="", at=at) for label, call in bound.held.items()},
                targets=(),
                policies=(),
                messages=(),
                policy_version=bound.policy_version,
                secret_pointers=(),
                nonce=bound.nonce,
                created_at=at - timedelta(seconds=1),
                expires_at=at,
                arrival=None if bound.arrival is None else Arrival.of_bound(bound.arrival),
                head=bound.head,
            ).digest
        except _UNUSABLE:
            return None

    def _standing(self, said: Word) -> Standing:
        if said.signature is None:
            return Standing.UNSIGNED
        enrolled = self._enrolled.get(said.key or "")
        if enrolled is None:
            return Standing.NO_KEY
        genuine = enrolled.approver.name == said.approver and enrolled.key.verifies(said.signature, said.statement)
        return Standing.SIGNED if genuine else Standing.FORGED


def _terms(answer: Answer, grant: GrantTerms) -> Terms:
    members = {
        "session": grant.session,
        "action": grant.action,
        "upstream": grant.upstream,
        "name": grant.name,
        "pin": grant.pin,
        "policy_version": grant.policy_version,
        "targets": grant.targets,
    }
    return Terms(members, grant.uses, answer.answered_at - CLOCK_SKEW, answer.grant_ends)
