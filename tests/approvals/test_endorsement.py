"""A person's signed word for something stored: what is signed, what is read back, and what is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.approvers import Approvers, Enrolled
from rule_of_two.approvals.endorsement import (
    Endorsement,
    ItemSubject,
    ResourceSubject,
    endorsement_in,
    endorsement_text,
    keep,
    kept,
)
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.errors import BadRequest, StoreError
from rule_of_two.model import Approver
from rule_of_two.records import replace
from rule_of_two.store.state import open_state

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
NOTES = ResourceSubject(store="notes", kind="path", value="/n", labels=("B", "A"), up_to=7)
ITEM = ItemSubject(upstream="mail", name="search", id="m1", digest="ab" * 32)


def given(subject: ResourceSubject | ItemSubject = NOTES) -> Endorsement:
    return Endorsement.to(subject, approver="alice", now=NOW)


@pytest.mark.parametrize("subject", [NOTES, ITEM, replace(NOTES, value=None)])
def test_it_is_read_back_as_it_was_signed(subject: ResourceSubject | ItemSubject) -> None:
    key = ApproverKey.generate()
    signed = given(subject).signed(key)
    again = endorsement_in(endorsement_text(signed))
    assert again == signed
    assert again.signature is not None
    assert key.public.verifies(again.signature, again.statement)


def test_every_member_is_signed() -> None:
    one = given()
    others = [
        replace(one, subject=replace(NOTES, **{name: value}))  # type: ignore[arg-type]  # each of its own type
        for name, value in {"store": "x", "kind": "x", "value": "/", "labels": ("A",), "up_to": 8}.items()
    ]
    others += [replace(one, approver="bob"), replace(one, nonce=""), replace(one, id=""), given(ITEM)]
    assert len({one.statement, *(other.statement for other in others)}) == len(others) + 1
    assert replace(one, subject=replace(NOTES, labels=("A", "B"))).statement == one.statement


@pytest.mark.parametrize("labels", [(), ("C",), ("A", "C")])
def test_only_a_and_b_can_be_endorsed(labels: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest):
        replace(NOTES, labels=labels)  # type: ignore[arg-type]  # what a row could say


def test_what_has_no_canonical_form_cannot_be_signed() -> None:
    with pytest.raises(BadRequest):
        given(replace(NOTES, value="\ud800")).signed(ApproverKey.generate())


@pytest.mark.parametrize("change", [{"more": 1}, {"subject": {}}, {"endorsed_at": "soon"}, {"approver": ""}])
def test_other_text_is_no_endorsement(change: dict[str, object]) -> None:
    body = {**json.loads(endorsement_text(given())), **change}
    for text in (json.dumps(body), "", "null", "[" * 100_000):
        with pytest.raises(BadRequest):
            endorsement_in(text)


def test_rows_are_kept_by_store_and_by_upstream_and_never_change(tmp_path: Path) -> None:
    state = open_state(tmp_path)
    one, other = given(), given(ITEM)
    for endorsement in (one, other):
        state.write_now(lambda db, it=endorsement: keep(db, it, at="now"))  # type: ignore[misc]
    assert [endorsement_in(text) for text in kept(state.connection, "resource", "notes")] == [one]
    assert [endorsement_in(text) for text in kept(state.connection, "item", "mail")] == [other]
    assert list(kept(state.connection, "resource", "mail")) == []
    with pytest.raises(StoreError, match="UNIQUE"):
        state.write_now(lambda db: keep(db, one, at="now"))
    with pytest.raises(StoreError, match="rows are only added"):
        state.write_now(lambda db: db.execute("DELETE FROM endorsements"))
    state.close()


def test_approvers_know_whose_it_is() -> None:
    key = ApproverKey.generate()
    alice = Approver("alice", "alice", "acme", signed=True)
    approvers = Approvers([Enrolled(alice, key.public)], claimed_tenant="acme")
    assert approvers.who(given().signed(key)) == alice
    assert approvers.who(given()) is Refusal.UNSIGNED
    assert approvers.who(given().signed(ApproverKey.generate())) is Refusal.BAD_SIGNATURE
    assert approvers.who(replace(given().signed(key), subject=replace(NOTES, up_to=8))) is Refusal.BAD_SIGNATURE
