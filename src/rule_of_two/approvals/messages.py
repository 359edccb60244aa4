"""What gateway and console say to each other: newline-delimited JSON, each line checked in full when it arrives.

A gateway says hello, sessions, asked, ended, refused. A console says hello (with the token where the endpoint has one)
and answers. A line that is anything else ends the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from rule_of_two.approvals.answer import Answer, Choice, Refusal, Unanswered
from rule_of_two.approvals.question import Question
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.model import Labels

PROTOCOL: Final = 1

MAX_LINE: Final = 40 * 1024 * 1024
"""Bytes of one line to a console: the longest arguments, twice (quoted in JSON), and room for the rest."""

MAX_CONSOLE_LINE: Final = 16 * 1024
"""Bytes of one line from a console: an answer is short."""

MessageT = TypeVar("MessageT")

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """What a session has seen, for the console's header."""

    id: str
    client: str
    held: Labels
    dropped: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHello:
    """The first line of a gateway."""

    protocol: int
    gateway: str
    type: Literal["gateway"] = "gateway"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """All live sessions of the gateway; replaces what it said before."""

    sessions: tuple[SessionStatus, ...]
    type: Literal["sessions"] = "sessions"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question waits."""

    question: Question
    type: Literal["asked"] = "asked"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A question waits no longer: it was answered (``verdict`` and ``approver``) or ended ``unanswered``."""

    question_id: str
    verdict: Choice | None = None
    approver: str | None = None
    unanswered: Unanswered | None = None
    type: Literal["ended"] = "ended"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """This console's answer was not accepted."""

    question_id: str
    reason: Refusal
    type: Literal["refused"] = "refused"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleHello:
    """The first line of a console. ``token`` proves, on a TCP endpoint, that it may read the state folder."""

    protocol: int
    token: str | None = None
    type: Literal["console"] = "console"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A human's answer."""

    answer: Answer
    type: Literal["answered"] = "answered"

    __pydantic_config__ = _STRICT


ToConsole = GatewayHello | Sessions | Asked | Ended | Refused
ToGateway = ConsoleHello | Answered

_TO_CONSOLE: TypeAdapter[ToConsole] = TypeAdapter(Annotated[ToConsole, Field(discriminator="type")])
_TO_GATEWAY: TypeAdapter[ToGateway] = TypeAdapter(Annotated[ToGateway, Field(discriminator="type")])


def encode_to_console(message: ToConsole) -> bytes:
    """One line, newline included.

    :raises BadRequest: a text in it is not Unicode (a lone surrogate).
    :raises LimitExceeded: longer than :data:`MAX_LINE`, so no console could show it.
    """
    line = _encode(_TO_CONSOLE, message)
    if len(line) > MAX_LINE:
        raise LimitExceeded(f"This call is too long to be asked about: {len(line):,} bytes, at most {MAX_LINE:,}.")
    return line


def encode_to_gateway(message: ToGateway) -> bytes:
    """One line, newline included.

    :raises BadRequest: a text in it is not Unicode (a lone surrogate).
    """
    return _encode(_TO_GATEWAY, message)


def decode_to_console(line: bytes) -> ToConsole:
    """Parse what a gateway said; a question's arguments are checked to be what its digest binds.

    :raises BadRequest: it is no such message.
    """
    message = _decode(_TO_CONSOLE, line)
    if isinstance(message, Asked):
        message.question.check()
    return message


def decode_to_gateway(line: bytes) -> ToGateway:
    """Parse what a console said.

    :raises BadRequest: it is no such message.
    """
    return _decode(_TO_GATEWAY, line)


def _encode(adapter: TypeAdapter[MessageT], message: MessageT) -> bytes:
    try:
        return adapter.dump_json(message) + b"\n"
    except PydanticSerializationError as error:
        raise BadRequest("This call cannot be shown: a text in it is not Unicode.") from error


def _decode(adapter: TypeAdapter[MessageT], line: bytes) -> MessageT:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        raise BadRequest("A line on the approval channel is malformed.") from error
