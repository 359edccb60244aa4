"""Attempts to answer a question, and to start a clean session, through the gateway's own socket."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rule_of_two.approvals.answer import Answer, Unanswered
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import (
    PROTOCOL,
    Answered,
    Asked,
    Commanded,
    ConsoleHello,
    Done,
    Ended,
    Refused,
    ToConsole,
    ToGateway,
    decode_to_console,
    encode_to_gateway,
)
from rule_of_two.approvals.question import Question
from rule_of_two.doctor.brief import Brief
from rule_of_two.doctor.finding import Area, Finding, Result
from rule_of_two.errors import BadRequest

if sys.platform == "win32":
    raise ImportError("what is examined here is of POSIX systems")

_SECONDS: Final = 20.0
_ENROL: Final = "make an approver's key with `rule-of-two init`, and take the agent's own out of approvals.approvers"
_SEPARATE: Final = "give the key a passphrase (`ssh-keygen -p`), and run the agent as another user"

Said = tuple[Result, str]


def attempts(brief: Brief) -> tuple[Finding, ...]:
    """Every way to answer: unsigned, signed with a key of one's own, signed with the approver's key; and a command."""
    name = brief.approvers[0] if brief.approvers else brief.user
    own = ApproverKey.generate()
    found = [
        _finding("answer a question, unsigned", _answered(brief, name, lambda answer: answer), _ENROL),
        _finding(
            "answer a question, signed with a key of one's own",
            _answered(brief, name, lambda answer: answer.signed(own)),
            _ENROL,
        ),
    ]
    bare = _key_without_passphrase(Path(brief.key))
    if bare is None:
        said = Result.FAILED, "the approver's key cannot be read, or a passphrase is needed to use it"
    else:
        said = _worst([_answered(brief, one, lambda answer: answer.signed(bare)) for one in brief.approvers or (name,)])
    found.append(_finding("answer a question, signed with the approver's key", said, _SEPARATE))
    found.append(_finding("start a clean session through the socket, unsigned", _renewed(brief, name), _ENROL))
    return tuple(found)


def _finding(attempt: str, said: Said, close: str) -> Finding:
    result, evidence = said
    return Finding(
        attempt=attempt,
        area=Area.APPROVE,
        result=result,
        evidence=evidence,
        close="" if result is Result.FAILED else close,
    )


def _worst(said: list[Said]) -> Said:
    return min(said, key=lambda one: (Result.SUCCEEDED, Result.UNTRIED, Result.FAILED).index(one[0]))


def _answered(brief: Brief, name: str, sign: Callable[[Answer], Answer]) -> Said:
    def reply(question: Question) -> ToGateway:
        answer = Answer.to(question, Choice.YES, approver=name, now=datetime.now(UTC))
        return Answered(answer=sign(answer))

    return _conversation(brief, reply)


def _renewed(brief: Brief, name: str) -> Said:
    command = Command.to(brief.probe.sessions[0], Choice.NEW, approver=name, now=datetime.now(UTC))
    return _conversation(brief, lambda _: Commanded(command=command))


def _conversation(brief: Brief, reply: Callable[[Question], ToGateway]) -> Said:
    """Attach as a console does, wait for the question, and say ``reply``; what the gateway made of it.

    Only a clear no counts as one: the system denies the way to it, or the gateway ends the connection or refuses.
    """
    try:
        with _connected(brief) as (link, hello), link.makefile("rb") as lines:
            return _outcome(link, lines, hello, reply)
    except PermissionError as error:
        return Result.FAILED, f"the gateway's socket cannot be reached: {error.strerror}"
    except OSError as error:
        return Result.UNTRIED, f"the gateway that was started to be tried is not there: {error}"
    except (BadRequest, ValueError, KeyError):
        return Result.UNTRIED, "the gateway that was started to be tried said something else than a gateway says"


def _outcome(
    link: socket.socket, lines: IO[bytes], hello: ConsoleHello, reply: Callable[[Question], ToGateway]
) -> Said:
    asked: Question | None = None
    with suppress(ConnectionError):
        link.sendall(encode_to_gateway(hello))
        while line := lines.readline():
            message = decode_to_console(line)
            if asked is None and isinstance(message, Asked):
                asked = message.question
                link.sendall(encode_to_gateway(reply(asked)))
            elif asked is not None and (said := _said(message, asked)) is not None:
                return said
    if asked is None:
        return Result.FAILED, "the gateway closed the connection at once: it trusts its own user only"
    return Result.UNTRIED, "the gateway that was started to be tried went away"


def _said(message: ToConsole, asked: Question) -> Said | None:
    """What a message says of our reply; ``None``: nothing."""
    if isinstance(message, Refused):
        return Result.FAILED, f"the gateway refused it: {message.reason.sentence}"
    if isinstance(message, Done):
        return Result.SUCCEEDED, "the gateway started a new session that holds nothing"
    if not isinstance(message, Ended) or message.question_id != asked.id:
        return None
    if message.verdict is Choice.YES:
        return Result.SUCCEEDED, "the gateway took it for a person's yes"
    if message.unanswered is Unanswered.SESSION_CHANGED:
        return None  # our own command ended it
    return Result.UNTRIED, "somebody else ended the question: run the doctor again"


@contextmanager
def _connected(brief: Brief) -> Iterator[tuple[socket.socket, ConsoleHello]]:
    """A connection to the probe, and how a console greets it."""
    path = Path(brief.probe.endpoint)
    token: str | None = None
    if path.suffix == ".sock":
        link = socket.socket(socket.AF_UNIX)
        address: str | tuple[str, int] = str(path)
    else:
        content = json.loads(path.read_text(encoding="utf-8"))
        link, address, token = socket.socket(), ("127.0.0.1", int(content["port"])), str(content["token"])
    with link:
        link.settimeout(_SECONDS)
        link.connect(address)
        yield link, ConsoleHello(protocol=PROTOCOL, token=token)


def _key_without_passphrase(path: Path) -> ApproverKey | None:
    """The approver's key, if whoever reads the file has it."""
    try:
        key = serialization.load_ssh_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return ApproverKey(key) if isinstance(key, Ed25519PrivateKey) else None
