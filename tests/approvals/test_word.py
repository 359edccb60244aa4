"""What people say and sign. The bytes are kept: a signature of last year has to verify next year."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer, DefinitionSubject, Verdict
from rule_of_two.approvals.endorsement import Endorsement, ResourceSubject
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.word import Word
from rule_of_two.errors import BadRequest
from rule_of_two.records import replace

AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
NOTES = ResourceSubject(store="s", kind="file", value="/x", labels=("B", "A"), up_to=3)
TOOL = DefinitionSubject(state="s", upstream="u", kind="tool", name="n", old="o", new="w")
COMMAND = Command(id="1", session="s", choice=Choice.NEW, approver="alice", commanded_at=AT, nonce="2", key="k")
ENDORSEMENT = Endorsement(id="1", subject=NOTES, approver="alice", endorsed_at=AT, nonce="2", key="k")
DEFINITION = DefinitionAnswer(id="1", subject=TOOL, verdict=Verdict.ACCEPT, approver="alice", answered_at=AT, nonce="2")
ANSWER = Answer(
    question_id="q", session="s", digest="d", shown="h", verdict=Choice.YES, approver="bob", answered_at=AT,
    items=("i",), head=(3, "ab"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("word", "statement"),
    [
        (
            COMMAND,
            (
                '{"approver":"alice","choice":"new","commanded_at":"2026-01-02T03:04:05.000006+00:00","id":"1","key":"k",'
                '"nonce":"2","session":"s","type":"rule-of-two/command/1"}'
            ),
        ),
        (
            ENDORSEMENT,
            (
                '{"approver":"alice","endorsed_at":"2026-01-02T03:04:05.000006+00:00","id":"1","key":"k","nonce":"2",'
                '"subject":{"kind":"file","labels":["A","B"],"of":"resource","store":"s","up_to":3,"value":"/x"},'
                '"type":"rule-of-two/endorsement/1"}'
            ),
        ),
        (
            DEFINITION,
            (
                '{"answered_at":"2026-01-02T03:04:05.000006+00:00","approver":"alice","id":"1","key":null,"nonce":"2",'
                '"subject":{"kind":"tool","name":"n","new":"w","old":"o","state":"s","upstream":"u"},'
                '"type":"rule-of-two/definition/1","verdict":"accept"}'
            ),
        ),
        (
            ANSWER,
            (
                '{"answered_at":"2026-01-02T03:04:05.000006+00:00","approver":"bob","channel":"console","choice":"yes",'
                '"digest":"d","grant":null,"head":[3,"ab"],"items":["i"],"key":null,"question":"q","session":"s",'
                '"shown":"h","type":"rule-of-two/receipt/1"}'
            ),
        ),
    ],
)
def test_what_is_signed_are_the_same_bytes_in_every_version(word: Word, statement: str) -> None:
    assert word.statement.decode() == statement


@pytest.mark.parametrize("word", [COMMAND, ENDORSEMENT, DEFINITION, ANSWER])
def test_a_signature_is_over_the_statement_that_names_its_key(word: Word) -> None:
    key = ApproverKey.generate()
    signed = word.signed(key)
    assert signed.key == key.public.fingerprint
    assert signed.signature is not None
    assert key.public.verifies(signed.signature, replace(word, key=signed.key).statement)
    assert not key.public.verifies(signed.signature, replace(signed, approver="mallory").statement)


def test_without_a_key_nothing_is_signed() -> None:
    assert ANSWER.signed(None) is ANSWER


@pytest.mark.parametrize("word", [COMMAND, ENDORSEMENT, DEFINITION, ANSWER])
@pytest.mark.parametrize("name", ["", "a\nb", "a\u202eb", "x" * 101])
def test_nobody_has_a_name_that_cannot_be_shown(word: Word, name: str) -> None:
    with pytest.raises(BadRequest):
        replace(word, approver=name)
