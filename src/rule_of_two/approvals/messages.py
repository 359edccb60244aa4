"""What gateway and console say to each other: newline-delimited JSON, each line checked in full when it arrives.

A gateway says hello, sessions, asked, waits, ended, refused, done, withheld, endorsed, changed, settled. A console says
hello (with the token where the endpoint has one), answers, commands, endorses, and settles changed definitions. A line
that is anything else ends the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from rule_of_two.approvals.answer import Answer, Refusal, Unanswered
from rule_of_two.approvals.changes import ServerChanges
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer, DefinitionSubject, Verdict
from rule_of_two.approvals.endorsement import Endorsement
from rule_of_two.approvals.question import Question
from rule_of_two.approvals.withheld import WithheldItem
from rule_of_two.errors import BadRequest, LimitExceeded
from rule_of_two.model import Labels, Tier

PROTOCOL: Final = 4

MAX_LINE: Final = 40 * 1024 * 1024
"""Bytes of one line to a console: the longest arguments, twice (quoted in JSON), and room for the rest."""

MAX_CONSOLE_LINE: Final = 16 * 1024
"""Bytes of one line from a console: an answer is short."""

MessageT = TypeVar("MessageT")

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """What a session has seen, for the console. ``turned_away`` counts questions that were refused unshown, because too
    many of this session waited or because people had refused several in a row."""

    id: str
    client: str
    held: Labels
    dropped: bool = False
    frozen: bool = False
    observed: bool = False
    turned_away: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayHello:
    """The first line of a gateway. ``tier`` is what an answer to it is worth at most."""

    protocol: int
    gateway: str
    tier: Tier = Tier.ADVISORY
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
class Waits:
    """How a question that waits stands. ``calls`` is how many identical calls wait for its one answer; 0: the agent was
    given a ticket and may come back. ``approvers`` said yes already, and more are needed; ``items`` are the ids that
    they said yes to, of a result that came back (none: all)."""

    question_id: str
    calls: int
    approvers: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    type: Literal["waits"] = "waits"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A question waits no longer: it was answered (``verdict``, ``approver``, and whether that was ``signed``) or ended
    ``unanswered``."""

    question_id: str
    verdict: Choice | None = None
    approver: str | None = None
    signed: bool = False
    unanswered: Unanswered | None = None
    type: Literal["ended"] = "ended"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """This console's answer, or command, was not accepted."""

    question_id: str
    reason: Refusal
    type: Literal["refused"] = "refused"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A command was carried out. ``session`` is the session as it goes on: another one after a new one was started."""

    command_id: str
    choice: Choice
    session: str
    type: Literal["done"] = "done"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Items that policy held back, besides those that were told of before."""

    items: tuple[WithheldItem, ...]
    type: Literal["withheld"] = "withheld"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """A person vouched for a withheld item: it is off the list."""

    item_id: str
    approver: str
    signed: bool = False
    type: Literal["endorsed"] = "endorsed"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """A human's deed outside a question."""

    command: Command
    type: Literal["commanded"] = "commanded"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsing:
    """A human vouches for a withheld item, by our id of it."""

    item_id: str
    endorsement: Endorsement
    type: Literal["endorsing"] = "endorsing"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What waits of one server's definitions; replaces what the gateway said of it before. No changes: nothing does."""

    changes: ServerChanges
    type: Literal["changed"] = "changed"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A changed definition was accepted or refused, by ``approver``, and whether that was ``signed``."""

    subject: DefinitionSubject
    verdict: Verdict
    approver: str
    signed: bool
    type: Literal["settled"] = "settled"

    __pydantic_config__ = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """A human accepts or refuses a changed definition."""

    answer: DefinitionAnswer
    type: Literal["settling"] = "settling"

    __pydantic_config__ = _STRICT


ToConsole = GatewayHello | Sessions | Asked | Waits | Ended | Refused | Done | Withheld | Endorsed | Changed | Settled
ToGateway = ConsoleHello | Answered | Commanded | Endorsing | Settling

# Made when the first console attaches: a gateway without one starts sooner.
_LATER: Final = ConfigDict(defer_build=True)
_TO_CONSOLE: TypeAdapter[ToConsole] = TypeAdapter(Annotated[ToConsole, Field(discriminator="type")], config=_LATER)
_TO_GATEWAY: TypeAdapter[ToGateway] = TypeAdapter(Annotated[ToGateway, Field(discriminator="type")], config=_LATER)


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
    except (ValidationError, LimitExceeded) as error:
        raise BadRequest("A line on the approval channel is malformed.") from error
