"""People at consoles, for the tests of approvals: attached to real gateways over the real channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import anyio

from rule_of_two.approvals.answer import Answer, GrantTerms
from rule_of_two.approvals.changes import ServerChanges
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.command import Command
from rule_of_two.approvals.definition_answer import DefinitionAnswer, DefinitionSubject, Verdict
from rule_of_two.approvals.keys import ApproverKey
from rule_of_two.approvals.messages import Asked, Changed, Done, GatewayHello, Refused, Settled, ToConsole
from rule_of_two.approvals.question import Question
from rule_of_two.records import replace
from tests.harness import SECONDS, Gateway, House, outcome

SEND: Final[dict[str, Any]] = {"name": "rec__send", "arguments": {"to": "bob@example.org", "body": "hello"}}
ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}
"""What a client of the modern era, whose user cannot be asked through it, says with each request."""

ASK_BEFORE_EVERY_ACT: Final = """
@id("own.ask-before-every-act")
@message("Every act is confirmed.")
forbid (principal, action in Gateway::Action::"use", resource)
when { context.labels.C } unless { context.approved };
"""

Enrolled = tuple[str, ApproverKey] | tuple[str, ApproverKey, dict[str, Any]]
"""Name and key, and what else the configuration says of an approver."""


async def tainted(gateway: Gateway) -> None:
    await gateway.call("rec__read_untrusted")
    await gateway.call("rec__read_private")


class Human:
    """A console in this process, attached to the real gateways of a house; ``key`` signs what it says."""

    def __init__(self, house: House, key: ApproverKey | None = None, name: str = "alice") -> None:
        self.client = DeskClient(house.state, self._hear)
        self.key = key
        self.name = name
        self.heard: list[tuple[str, ToConsole | None]] = []
        self._arrived = asyncio.Event()

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        self.heard.append((gateway, message))
        self._arrived.set()

    async def until(self, kind: type[Any], count: int = 1) -> Any:
        """The newest message of a kind, once there are ``count``."""
        async with asyncio.timeout(SECONDS):
            while len(found := [message for _, message in self.heard if isinstance(message, kind)]) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return found[-1]

    async def until_that(self, kind: type[Any], condition: Callable[[Any], bool]) -> Any:
        """The first message of a kind for which it is so, waiting for one if need be."""
        async with asyncio.timeout(SECONDS):
            while not (found := [one for _, one in self.heard if isinstance(one, kind) and condition(one)]):
                self._arrived.clear()
                await self._arrived.wait()
        return found[0]

    async def question(self, count: int = 1) -> Question:
        asked: Asked = await self.until(Asked, count)
        return asked.question

    def answer(
        self, question: Question, verdict: Choice = Choice.YES, grant: GrantTerms | None = None, **changes: Any
    ) -> Answer:
        """What this human answers; ``changes`` are made before it is signed."""
        answer = Answer.to(question, verdict, approver=self.name, now=datetime.now(UTC), grant=grant)
        answer = replace(answer, **changes)
        return answer if self.key is None else answer.signed(self.key)

    def give(self, question: Question, verdict: Choice = Choice.YES, **changes: Any) -> None:
        self.say(question, self.answer(question, verdict, **changes))

    def say(self, question: Question, answer: Answer) -> None:
        """Send an answer to the gateway that asked."""
        gateway = next(
            name for name, message in self.heard if isinstance(message, Asked) and message.question == question
        )
        assert self.client.answer(gateway, answer)

    async def changes(self, *names: str) -> ServerChanges:
        """What waits of a server, once it is exactly of these names."""
        changed: Changed = await self.until_that(
            Changed, lambda one: sorted(change.name for change in one.changes.changes) == sorted(names)
        )
        return changed.changes

    def settling(
        self, subject: DefinitionSubject, verdict: Verdict = Verdict.ACCEPT, **changes: Any
    ) -> DefinitionAnswer:
        """What this human says to a definition; ``changes`` are made before it is signed."""
        answer = replace(DefinitionAnswer.to(subject, verdict, approver=self.name, now=datetime.now(UTC)), **changes)
        return answer if self.key is None else answer.signed(self.key)

    async def settle(self, answer: DefinitionAnswer) -> Settled | Refused:
        """Say it at the gateway that told of it, as a console does, else at the first one; and what came of it."""
        first = next(name for name, message in self.heard if isinstance(message, GatewayHello))
        told = (name for name, message in self.heard if isinstance(message, Changed) and _tells(message, answer))
        gateway = next(told, first)
        before = len([1 for _, message in self.heard if isinstance(message, (Settled, Refused))])
        assert self.client.settle(gateway, answer)
        reply: Settled | Refused = await self.until((Settled, Refused), before + 1)  # type: ignore[arg-type]  # either
        return reply

    async def command(self, session: str, choice: Choice) -> Done | Refused:
        """Do something to a session at the first gateway, and what came of it."""
        command = Command.to(session, choice, approver=self.name, now=datetime.now(UTC))
        if self.key is not None:
            command = command.signed(self.key)
        gateway = next(name for name, message in self.heard if isinstance(message, GatewayHello))
        before = len([1 for _, message in self.heard if isinstance(message, (Done, Refused))])
        assert self.client.command(gateway, command)
        reply: Done | Refused = await self.until((Done, Refused), before + 1)  # type: ignore[arg-type]  # either
        return reply


def _tells(message: Changed, answer: DefinitionAnswer) -> bool:
    return any(message.changes.subject(one) == answer.subject for one in message.changes.changes)


@asynccontextmanager
async def human(
    house: House, gateways: int = 1, *, key: ApproverKey | None = None, name: str = "alice"
) -> AsyncIterator[Human]:
    """A console that is attached to that many gateways."""
    person = Human(house, key, name)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(person.client.run)
        await person.until(GatewayHello, gateways)
        yield person
        tasks.cancel_scope.cancel()


def enrol(house: House, *people: Enrolled, **settings: Any) -> None:
    """Have the house's gateways know these approvers."""
    approvers = [
        {"name": name, "key": key.public.line, **members} for name, key, members in ((*one, {})[:3] for one in people)
    ]
    house.settings["approvals"] = {**house.settings.get("approvals", {}), "approvers": approvers, **settings}


def cautious(house: House, more: str = "") -> None:
    """Have every act be asked about, also in a session that holds nothing; ``more`` are further policies."""
    (house.folder / "own.cedar").write_text(ASK_BEFORE_EVERY_ACT + more)
    house.settings["policies"] = ["default", "./own.cedar"]


@asynccontextmanager
async def asked(
    house: House, key: ApproverKey, **settings: Any
) -> AsyncIterator[tuple[Gateway, Human, Question, asyncio.Future[Any]]]:
    """A call that waits for alice, whose key is enrolled."""
    enrol(house, ("alice", key), **settings)
    async with house.gateway() as gateway, human(house, key=key) as person:
        await tainted(gateway)
        waiting = gateway.start("tools/call", SEND)
        yield gateway, person, await person.question(), waiting


async def granted(gateway: Gateway, person: Human, uses: int, minutes: int = 5) -> Question:
    """A call that ran on a grant, which then covers others; the question that was answered with it."""
    waiting = gateway.start("tools/call", SEND)
    question = await person.question()
    person.give(question, Choice.GRANT, grant=GrantTerms.of(question, uses=uses, minutes=minutes))
    assert outcome((await waiting)["result"]) == ("allow", None)
    return question


async def send(gateway: Gateway, person: Human, count: int, to: str = "bob@example.org") -> bool:
    """Whether a call of ours was carried out without a question; ``count`` is how many were asked so far."""
    waiting = gateway.start("tools/call", {"name": "rec__send", "arguments": {"to": to, "body": f"number {count}"}})
    asked = asyncio.ensure_future(person.question(count + 1))
    both: list[asyncio.Future[Any]] = [waiting, asked]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        asked.cancel()
        return outcome(waiting.result()["result"]) == ("allow", None)
    person.give(asked.result(), Choice.NO)
    await waiting
    return False


async def modern(gateway: Gateway, name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The result of a call in the modern era, or the whole reply if it has none."""
    params = {"name": name, "arguments": arguments, "_meta": dict(ENVELOPE), **more}
    reply = await gateway.request("tools/call", params)
    return reply.get("result", reply)  # type: ignore[no-any-return]  # JSON
