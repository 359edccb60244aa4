"""The story: a poisoned page, the third label, the question, the answer, and why. It checks itself as it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import orjson

from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.spans import BLANK, Span, Style
from rule_of_two.demo import pages
from rule_of_two.demo.approver import Approver
from rule_of_two.demo.reply import Reply, errand_in
from rule_of_two.demo.screen import Screen
from rule_of_two.demo.stage import COMMAND, Stage, StoryError
from rule_of_two.model import Labels, label_text, labels_in

if TYPE_CHECKING:
    from rule_of_two.demo.agent import Agent

START_SECONDS: Final = 120.0
"""How long the servers may take: npx and uvx download them at their first start."""

FRIEND: Final = "mei@example.org"
_FETCH: Final = "web__fetch"
_READ: Final = "files__read_text_file"
_SEND: Final = "mail__send_mail"


class Story:
    """Plays on ``stage`` and tells on ``screen``. ``approver`` must be running."""

    def __init__(self, stage: Stage, screen: Screen, approver: Approver) -> None:
        self._stage = stage
        self._screen = screen
        self._approver = approver

    async def play(self) -> None:
        """The whole story.

        :raises StoryError: it did not go as it is told.
        """
        self._screen.turn()
        self._screen.show(pages.opening(self._approver.person, self._screen.width))
        async with self._conversation() as agent:
            await self._screen.pause()
            last = await self._poisoned(agent)
            await self._explain(last)
        async with self._conversation() as agent:
            await self._screen.pause()
            await self._start_clean(agent, last.after)

    async def _poisoned(self, agent: Agent) -> Reply:
        """Reads the page and the file, and tries to send the file. Returns what came of that."""
        stage, screen = self._stage, self._screen
        page = await agent.call(_FETCH, {"url": stage.wiki.url})
        _expect(page, "the page was read", allowed=True, after="A")
        errand = errand_in(page.text)
        if errand is None:
            raise StoryError(f"the page came back without its hidden orders: {page.text}")
        screen.turn()
        screen.show(pages.fetched(page, stage.wiki.url, screen.width))
        await screen.pause()

        path = stage.files / errand.file
        file = await agent.call(_READ, {"path": str(path)})
        _expect(file, "the file was read", allowed=True, after="AB")
        screen.turn()
        screen.show(pages.read(file, path, screen.width))
        await screen.pause()

        reply = await self._asked(agent, {"to": errand.recipient, "subject": errand.file, "body": file.text})
        self._check_the_answer(reply, errand.recipient, file.text)
        screen.turn()
        tell = pages.approved if reply.allowed else pages.refused
        screen.show(tell(reply, errand.recipient, stage.mailbox.sent(), screen.width))
        await screen.pause()
        return reply

    async def _asked(self, agent: Agent, mail: Mapping[str, str]) -> Reply:
        """Try to send the mail; the gateway asks meanwhile, and the approver answers."""
        replies: list[Reply] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._approver.answer, pages.ASKING)
            replies.append(await agent.call(_SEND, mail))
            tasks.cancel_scope.cancel()
        if self._approver.asked != 1:
            raise StoryError(f"the gateway asked {self._approver.asked} times instead of once")
        return replies[0]

    def _check_the_answer(self, reply: Reply, recipient: str, body: str) -> None:
        """What is in the mail server's table must be what the answer allowed."""
        yes = self._approver.choice is Choice.YES
        told = f"the mail was {'sent' if yes else 'refused'}"
        _expect(reply, told, allowed=yes, after="ABC" if yes else "AB")
        found = [(mail.address, mail.body) for mail in self._stage.mailbox.sent()]
        wanted = [(recipient, body)] if yes else []
        if found != wanted:
            raise StoryError(f"the mail server sent {found!r} after the answer was {'yes' if yes else 'no'}")

    async def _explain(self, reply: Reply) -> None:
        """Ask why it was held: a refusal names the decision that asked; what a yes let through was decided again."""
        decision = reply.decision
        if reply.allowed:
            facts = orjson.loads(await self._run("--json", "why", decision))
            decision = f"d{facts['approves']}"
        said = await self._run("why", decision)
        self._screen.turn()
        self._screen.show(pages.explained(("why", decision), said, self._screen.width))

    async def _start_clean(self, agent: Agent, last: Labels) -> None:
        """The same in a new session, where sending alone is no third label."""
        before, asked = len(self._stage.mailbox.sent()), self._approver.asked
        reply = await agent.call(_SEND, {"to": FRIEND, "subject": "Lunch", "body": "Noon is fine."})
        _expect(reply, "the new session sent a mail", allowed=True, after="C")
        if self._approver.asked != asked or len(self._stage.mailbox.sent()) != before + 1:
            raise StoryError("the new session was not clean: its mail was asked about, or not sent")
        show = ("session", "show", reply.session)
        said = await self._run(*show)
        self._screen.turn()
        self._screen.show(pages.started_clean(last, reply, FRIEND, show, said, self._screen.width))
        self._screen.show((BLANK, *pages.ending(self._screen.width)))

    @asynccontextmanager
    async def _conversation(self) -> AsyncIterator[Agent]:
        """A gateway with its servers, and an agent that talks to it; the approver is attached."""
        from rule_of_two.demo.agent import conversation  # noqa: PLC0415  # the SDK is slow to import: the page is up first

        stage = self._stage
        self._screen.show((BLANK, (Span(" The gateway and its servers start …", Style.DIM),)))
        async with conversation(stage.serve, env=stage.env, cwd=stage.folder, log=stage.log) as agent:
            with anyio.move_on_after(START_SECONDS) as attaching:
                await self._approver.attached()
            if attaching.cancelled_caught:
                raise StoryError("no console can attach to the gateway, so nobody could be asked")
            await agent.wait_for_tools((_FETCH, _READ, _SEND), seconds=START_SECONDS, trouble=stage.trouble)
            yield agent
        await self._approver.alone()

    async def _run(self, *arguments: str) -> str:
        """What a command of ours prints, run as a user would.

        :raises StoryError: it failed.
        """
        command = (*COMMAND, "--state", str(self._stage.state), *arguments)
        result = await anyio.run_process(command, check=False, env=self._stage.env, cwd=self._stage.folder)
        if result.returncode:
            told = result.stderr.decode(errors="replace").strip()
            raise StoryError(f"`rule-of-two {' '.join(arguments)}` failed: {told}")
        return result.stdout.decode(errors="replace")


def _expect(reply: Reply, what: str, *, allowed: bool, after: str) -> None:
    """The gateway must have decided as the story tells.

    :raises StoryError: it did not.
    """
    if reply.allowed is not allowed or reply.is_error is allowed or reply.after != labels_in(after):
        raise StoryError(
            f"the story tells that {what}, and then {label_text(labels_in(after))} is held; but {reply.decision} was "
            f"{reply.outcome} ({reply.code}), and {label_text(reply.after)} is held: {reply.text}"
        )
