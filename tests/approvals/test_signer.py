"""Answers and commands are signed with the unlocked key, and nothing is said of it that is not so."""

from __future__ import annotations

import pytest

from rule_of_two.approvals.answer import GrantTerms
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.items import Item, Ordered, Said
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.signer import Signer
from rule_of_two.model import Tier
from tests.approvals.samples import NOW, a_question

KEY = ApproverKey.generate()


@pytest.mark.parametrize("choice", Choice)
def test_an_answer_is_bound_to_the_question_and_its_signature_verifies(choice: Choice) -> None:
    question = a_question()
    terms = GrantTerms.of(question, uses=3, minutes=7) if choice is Choice.GRANT else None
    said = Said(Item("g1", question), choice, terms)
    answer = Signer("alice", KEY).answer(said, NOW)
    assert (answer.question_id, answer.digest, answer.verdict) == (question.id, question.digest, choice)
    assert (answer.approver, answer.grant, answer.key) == ("alice", terms, KEY.public.fingerprint)
    assert answer.signature is not None
    assert KEY.public.verifies(answer.signature, answer.statement)
    unsigned = Signer("alice").answer(said, NOW)
    assert (unsigned.key, unsigned.signature) == (None, None)


@pytest.mark.parametrize("choice", [Choice.DROP, Choice.FREEZE, Choice.NEW])
def test_a_command_is_signed_too(choice: Choice) -> None:
    command = Signer("alice", KEY).command(Ordered("g1", "s-1", choice), NOW)
    assert (command.session, command.choice, command.approver) == ("s-1", choice, "alice")
    assert command.signature is not None
    assert KEY.public.verifies(command.signature, command.statement)
    assert Signer("alice").command(Ordered("g1", "s-1", choice), NOW).signature is None


def test_the_standing_is_true() -> None:
    signed, unsigned = Signer("alice", KEY), Signer("alice")
    assert signed.standing([]) == "signed by alice"
    assert signed.standing([Tier.SIGNED, Tier.SIGNED]) == "signed by alice (T1)"
    assert signed.standing([Tier.ADVISORY]) == "signed by alice, advisory (T0)"
    assert signed.standing([Tier.SIGNED, Tier.ADVISORY]) == "signed by alice (T0/T1)"
    for tiers in ([], [Tier.ADVISORY], [Tier.SIGNED]):
        assert unsigned.standing(tiers) == "unsigned, advisory"


def test_a_question_says_where_key_and_gateway_do_not_fit() -> None:
    signed, unsigned = Signer("alice", KEY), Signer("alice")
    assert signed.note(Tier.SIGNED) is None
    assert unsigned.note(Tier.ADVISORY) is None
    assert "no approver is enrolled" in (signed.note(Tier.ADVISORY) or "")
    assert "signed answers only" in (unsigned.note(Tier.SIGNED) or "")


def test_a_long_name_does_not_push_away_what_the_answer_is_worth() -> None:
    assert len(Signer("a" * 100, KEY).standing([Tier.ADVISORY])) < 60
