"""A gateway to be attacked, in a process of its own that runs as the gateway's user.

Its desk, its judge and its endpoint are real: the operator's approvers and policies, and a socket in the real folder.
What it does to sessions it does to sessions of its own. When its input ends it says which of them began anew by a
word that counts, takes everything away that it made, and ends.
"""

from __future__ import annotations

import math
import os
import secrets
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import ConfigDict, TypeAdapter

import rule_of_two.approvals.keys  # noqa: F401  # before this is another user, who may not read it
from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.audience import Console
from rule_of_two.approvals.channel import DeskServer
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.desk import Desk
from rule_of_two.approvals.endpoint import endpoints, gateways_folder
from rule_of_two.approvals.question import Origin, Question
from rule_of_two.doctor.account import become
from rule_of_two.doctor.brief import PROBE, Probe
from rule_of_two.errors import RuleOfTwoError
from rule_of_two.gateway.answers import Answers, opened_answers
from rule_of_two.gateway.config import load_config
from rule_of_two.gateway.timing import utc_now
from rule_of_two.model import Action, Facts, Outcome, Verdict
from rule_of_two.sessions.boundary import Attached
from rule_of_two.sessions.key import SessionKey
from rule_of_two.sessions.rows import row_of_connection

PREFIX: Final = "doctor-"
SECONDS: Final = 60.0
_MESSAGE: Final = "The doctor tries whether anybody can answer this. Nothing depends on it: leave it."


@dataclass(frozen=True, slots=True)
class Order:
    """What the probe is told. ``config`` is ``None`` where there is none: then nobody is enrolled."""

    config: str | None
    state: str

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Renewed:
    """For each of the probe's sessions: whether its connection went on in a clean session that the gateway accepts."""

    sessions: tuple[bool, ...]

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


ORDER: Final = TypeAdapter(Order)
RENEWED: Final = TypeAdapter(Renewed)


class _Desk(Desk):
    """Says when somebody attaches."""

    def __init__(self, answers: Answers, arrivals: MemoryObjectSendStream[None]) -> None:
        super().__init__(clock=utc_now, judge=answers)
        self._arrivals = arrivals

    def attach(self, console: Console) -> None:
        """As every desk."""
        super().attach(console)
        self._arrivals.send_nowait(None)


@contextmanager
def _kept_tidy(state: Path) -> Iterator[Path]:
    """The folder of the probe's own state, with the modes of the real one; and no folder is left that was not there."""
    folders = [*reversed([one for one in (state, *state.parents) if not one.exists()]), state / "gateways"]
    made = [one for one in folders if not one.exists()]
    gateways_folder(state, create=True)
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=state) as name:
            yield Path(name)
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def _liken(folder: Path, state: Path) -> None:
    """Give the probe's state the modes that the real one has: what is open there is open here."""
    folder.chmod(state.stat().st_mode & 0o777)
    for name in ("state.db", "journal.db"):
        real = state / name
        mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
        for file in folder.glob(f"{name}*"):
            file.chmod(mode)


async def _as_owner(order: Order, account: Sequence[str]) -> None:
    """Everything from here on is done as the gateway's user, who need not be able to read the interpreter: what is
    loaded when it is first used is used once before."""
    if account:
        with tempfile.TemporaryDirectory() as name, _opened(order, Path(name)) as answers:
            _takes_elicitation(answers, (await _attached(answers, "rehearsal")).session)
    become(account)
    with _kept_tidy(Path(order.state)) as folder:
        await _run(order, folder)


async def _run(order: Order, folder: Path) -> None:
    state = Path(order.state)
    with _opened(order, folder) as answers:
        attached = [await _attached(answers, str(number)) for number in range(4)]
        _liken(folder, state)
        gateway = f"{PREFIX}{secrets.token_hex(4)}"
        send, arrivals = anyio.create_memory_object_stream[None](math.inf)
        desk = _Desk(answers, send)
        answers.void = desk.void
        async with send, arrivals, anyio.create_task_group() as tasks:
            await tasks.start(DeskServer(desk, state=state, gateway=gateway).run)
            tasks.start_soon(_ask_everybody, desk, answers, attached[0].session, arrivals)
            path = next(one.path for one in endpoints(state / "gateways") if one.gateway == gateway)
            first, second, third, fourth = (one.session for one in attached)
            probe = Probe(
                process=os.getpid(),
                endpoint=str(path),
                folder=str(folder),
                sessions=(first, second, third, fourth),
                takes_elicitation=_takes_elicitation(answers, first),
            )
            _say(PROBE.dump_json(probe))
            await anyio.to_thread.run_sync(sys.stdin.buffer.read)
            _say(RENEWED.dump_json(Renewed(tuple(_began_anew(answers, one) for one in attached))))
            tasks.cancel_scope.cancel()


def _opened(order: Order, folder: Path) -> AbstractContextManager[Answers]:
    """The operator's judge, with a state of its own."""
    file = Path(order.config or "rule-of-two.yaml")
    return opened_answers(None if order.config is None else load_config(file), file, folder)


async def _ask_everybody(desk: Desk, answers: Answers, session: str, arrivals: MemoryObjectReceiveStream[None]) -> None:
    """Ask a harmless question of everybody who attaches, until nobody cares any more."""
    async with anyio.create_task_group() as asking:
        async for _ in arrivals:
            asking.start_soon(desk.ask, _question(answers, session), SECONDS)


async def _attached(answers: Answers, workspace: str) -> Attached:
    return await answers.boundaries.attach(SessionKey("doctor", answers.tenant, "doctor", workspace), "human")


def _question(answers: Answers, session: str) -> Question:
    now = utc_now()
    earlier = Origin(call=0, name="nothing", shown="", at=now)
    return Question.about(
        Facts(Action.CALL_TOOL, "doctor", "probe", frozenset(("C",))),
        Verdict(Outcome.ASK, messages=(_MESSAGE,)),
        session=session,
        client="doctor",
        arguments={},
        forwarded={},
        held={"A": earlier, "B": earlier},
        pin=None,
        policy_version="",
        now=now,
        wait=timedelta(seconds=SECONDS),
        tenant=answers.tenant,
        tier=answers.tier,
    )


def _takes_elicitation(answers: Answers, session: str) -> bool:
    """Whether the judge would let a yes count that came through the client, without asking anybody."""
    question = _question(answers, session)
    answer = Answer.to(question, Choice.YES, approver="doctor", now=utc_now(), channel="elicitation")
    return answers.refuses(question, answer) is None


def _began_anew(answers: Answers, attached: Attached) -> bool:
    """Whether a gateway with these approvers would go on in the session that the connection is in now."""

    def accepted(db: sqlite3.Connection) -> bool:
        row = row_of_connection(db, attached.connection)
        return row is not None and row.id != attached.session and answers.began_rightly(db, attached.session, row.id)

    return answers.state.read(accepted)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def main() -> None:
    """Read the order, be attacked until the input ends, and say what came of it. Exit 2: it cannot begin."""
    order = ORDER.validate_json(sys.stdin.buffer.readline())
    try:
        anyio.run(_as_owner, order, sys.argv[1:])
    except (RuleOfTwoError, BaseExceptionGroup, OSError) as error:
        sys.stderr.write(f"{_first(error)}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
