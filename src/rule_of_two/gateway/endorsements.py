"""Which endorsements count, for this gateway: signed by an enrolled approver whom policy lets say it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct, field

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.endorsement import (
    Endorsement,
    ItemSubject,
    ResourceSubject,
    endorsement_in,
    endorsement_text,
    keep,
    kept,
)
from rule_of_two.approvals.grants import in_step
from rule_of_two.errors import BadRequest
from rule_of_two.gateway.answers import Answers
from rule_of_two.gateway.timing import timestamp
from rule_of_two.model import Approver, Item, StoredResource, Tier
from rule_of_two.policy.directory import Entity
from rule_of_two.sessions.ledger import Cover, newest, stamps_in

_VERIFIED: Final = 1000
"""Endorsements of which it is remembered whether they count under the policies in force."""


class Endorsements(Struct):
    """Judges endorsements by ``answers``: its approvers, policies and tenant. ``stores`` says of each upstream which
    store it keeps things in."""

    answers: Answers
    stores: Mapping[str, str]
    _verified: dict[tuple[str, str], Cover | None] = field(default_factory=dict)
    _items: dict[tuple[str, str], Endorsement | None] = field(default_factory=dict)

    def covers(self, db: sqlite3.Connection, store: str) -> tuple[Cover, ...]:
        """What is endorsed in a store.

        # INVARIANT: where approvers are enrolled, nothing is endorsed but by one of them, with their signature, as
        # policy lets them; tests/attacks/test_forged_endorsements.py.
        """
        found = (self._cover(text, store) for text in kept(db, "resource", store))
        return tuple(one for one in found if one is not None)

    def vouched(self, upstream: str, name: str, items: Sequence[Item]) -> dict[int, str]:
        """Who vouched for which of the items that came of ``name``: for exactly these contents.

        # INVARIANT: as of :meth:`covers`; tests/gateway/test_endorsed_items.py.

        :raises StoreError: the state cannot be read.
        """
        texts = self.answers.state.read(lambda db: list(kept(db, "item", upstream)))
        said = {one.subject: one.approver for text in texts if (one := self._of_item(text)) is not None}
        if not said:
            return {}
        subjects = [ItemSubject(upstream=upstream, name=name, id=item.id, digest=item.digest) for item in items]
        return {place: said[subject] for place, subject in enumerate(subjects) if subject in said}

    def _of_item(self, text: str) -> Endorsement | None:
        """The endorsement of an item in a row, if it counts under the policies in force."""
        key = (text, self.answers.rules.version)
        if key not in self._items:
            if len(self._items) >= _VERIFIED:
                self._items.clear()
            try:
                endorsement = endorsement_in(text)
            except BadRequest:
                self._items[key] = None
            else:
                self._items[key] = endorsement if self.counts(endorsement) else None
        return self._items[key]

    def counts(self, endorsement: Endorsement, document: Entity | None = None) -> bool:
        """Whether it is the word of somebody who might give it when it was given. ``document`` is the item of an
        :class:`~rule_of_two.approvals.endorsement.ItemSubject`, as policies see it."""
        return self._unentitled(endorsement, document) is None

    def refuses(self, endorsement: Endorsement, document: Entity | None = None) -> Refusal | None:
        """Why it may not be given now.

        :raises StoreError: the state cannot be read.
        """
        refusal = self._unentitled(endorsement, document)
        if refusal is not None:
            return refusal
        subject = endorsement.subject
        if isinstance(subject, ResourceSubject):
            if subject.up_to > self.answers.state.read(newest):
                return Refusal.DIGEST_MISMATCH
            if not self.answers.approvers and self._is_signed_for(subject):
                return Refusal.UNSIGNED
        return None if in_step(endorsement.endorsed_at, self.answers.clock()) else Refusal.CLOCK

    async def give(self, endorsement: Endorsement) -> None:
        """Journal an endorsement that is not refused, and write it into the state.

        :raises StoreError: it could not be, so it does not count.
        """
        await self.answers.journal.event("endorsement", None, _body(endorsement, self.answers.tier))
        await self.answers.state.write(lambda db: keep(db, endorsement, at=timestamp()))

    def _unentitled(self, endorsement: Endorsement, document: Entity | None) -> Refusal | None:
        try:
            who = self.answers.approvers.who(endorsement)
        except BadRequest:  # it has no canonical form, so nobody can have signed it
            return Refusal.BAD_SIGNATURE
        if isinstance(who, Refusal):
            return who
        return None if self._may(who, endorsement, document) else Refusal.NOT_ENTITLED

    def _may(self, who: Approver, endorsement: Endorsement, document: Entity | None) -> bool:
        """Whether policy lets them, for every server that keeps things there."""
        subject, rights = endorsement.subject, self.answers.rules.rights
        if isinstance(subject, ItemSubject):
            servers, labels = [subject.upstream], frozenset[Any](("A", "B"))
        else:
            servers = [name for name, store in self.stores.items() if store == subject.store] or [subject.store]
            labels = frozenset(subject.labels)
        return all(
            rights.may_endorse(who, server, labels, now=endorsement.endorsed_at, document=document)
            for server in servers
        )

    def _is_signed_for(self, subject: ResourceSubject) -> bool:
        """Whether gateways wrote there that take signed words only: they would not go by an unsigned one."""
        sessions = {one.session for one in self.answers.state.read(lambda db: list(stamps_in(db, _resource(subject))))}

        def tiers(db: sqlite3.Connection) -> set[str]:
            query = "SELECT DISTINCT tier FROM sessions WHERE id IN (SELECT value FROM json_each(?))"
            return {tier for (tier,) in db.execute(query, (orjson.dumps(list(sessions)).decode(),))}

        return bool(self.answers.state.read(tiers) - {None, str(Tier.ADVISORY)})

    def _cover(self, text: str, store: str) -> Cover | None:
        """What the endorsement in a row covers, if it counts under the policies in force."""
        key = (text, self.answers.rules.version)
        if key not in self._verified:
            if len(self._verified) >= _VERIFIED:
                self._verified.clear()
            self._verified[key] = self._verify(text, store)
        return self._verified[key]

    def _verify(self, text: str, store: str) -> Cover | None:
        try:
            endorsement = endorsement_in(text)
        except BadRequest:
            return None
        subject = endorsement.subject
        if not isinstance(subject, ResourceSubject) or subject.store != store:
            return None
        who = self.answers.approvers.who(endorsement)
        if isinstance(who, Refusal) or not self.counts(endorsement):
            return None
        return Cover(_resource(subject), frozenset(subject.labels), subject.up_to, who.tenant)


def _resource(subject: ResourceSubject) -> StoredResource:
    return StoredResource(subject.store, subject.kind, subject.value)


def _body(endorsement: Endorsement, tier: Tier) -> dict[str, Any]:
    """The journal's entry: everything that is needed to verify the signature again."""
    text = endorsement_text(endorsement)
    return {
        "endorsed": endorsement.subject.of,
        "by": endorsement.approver,
        "assurance": "signed" if endorsement.signature and tier is not Tier.ADVISORY else "unsigned, advisory",
        "receipt": orjson.loads(text),
    }
