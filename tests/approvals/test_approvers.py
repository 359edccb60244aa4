"""Whose word a signed answer is: only that of the key that is enrolled under the name that it carries."""

from __future__ import annotations

from rule_of_two.approvals.answer import Refusal
from rule_of_two.approvals.approvers import Approvers, Enrolled
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.model import Approver, Tier
from rule_of_two.records import replace
from tests.approvals.samples import NOW, a_question, an_answer

ALICE, BOB, MALLORY = ApproverKey.generate(), ApproverKey.generate(), ApproverKey.generate()
PEOPLE = {
    "alice": (Approver("alice", "alice", "acme", signed=True), ALICE),
    "bob": (Approver("bob", "bob", "acme", signed=True), BOB),
}
APPROVERS = Approvers([Enrolled(who, key.public) for who, key in PEOPLE.values()], claimed_tenant="acme")


def test_a_signed_answer_is_its_signers() -> None:
    assert APPROVERS.who(an_answer(a_question()).signed(ALICE)) == PEOPLE["alice"][0]
    assert APPROVERS.who(an_answer(a_question(), approver="bob").signed(BOB)) == PEOPLE["bob"][0]


def test_an_unsigned_answer_is_nobodys_where_somebody_is_enrolled() -> None:
    assert APPROVERS.who(an_answer(a_question())) is Refusal.UNSIGNED
    assert APPROVERS.tier is Tier.SIGNED


def test_another_key_under_an_enrolled_name_is_nobodys() -> None:
    assert APPROVERS.who(an_answer(a_question()).signed(MALLORY)) is Refusal.BAD_SIGNATURE
    assert APPROVERS.who(an_answer(a_question()).signed(BOB)) is Refusal.BAD_SIGNATURE


def test_an_enrolled_key_under_another_name_is_nobodys() -> None:
    assert APPROVERS.who(an_answer(a_question(), approver="carol").signed(ALICE)) is Refusal.BAD_SIGNATURE


def test_a_claimed_fingerprint_is_not_enough() -> None:
    forged = replace(an_answer(a_question()).signed(MALLORY), key=ALICE.public.fingerprint)
    assert APPROVERS.who(forged) is Refusal.BAD_SIGNATURE


def test_a_signature_moved_to_another_answer_is_nobodys() -> None:
    signed = an_answer(a_question()).signed(ALICE)
    other = replace(an_answer(a_question(name="delete")), key=signed.key, signature=signed.signature)
    assert APPROVERS.who(other) is Refusal.BAD_SIGNATURE
    assert APPROVERS.who(replace(signed, verdict=Choice.FREEZE)) is Refusal.BAD_SIGNATURE


def test_a_signed_command_is_no_answer_and_the_other_way_round() -> None:
    command = Command.to("s", Choice.NEW, approver="alice", now=NOW).signed(ALICE)
    assert APPROVERS.who(command) == PEOPLE["alice"][0]
    answer = an_answer(a_question()).signed(ALICE)
    assert command.statement != answer.statement
    assert APPROVERS.who(replace(command, signature=answer.signature)) is Refusal.BAD_SIGNATURE
    assert APPROVERS.who(replace(command, session="s-other")) is Refusal.BAD_SIGNATURE


def test_where_nobody_is_enrolled_a_name_is_a_claim() -> None:
    nobody = Approvers((), claimed_tenant="acme")
    assert nobody.who(an_answer(a_question())) == Approver("alice", "alice", "acme", signed=False)
    assert nobody.tier is Tier.ADVISORY
