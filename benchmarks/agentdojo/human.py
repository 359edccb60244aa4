"""The human: a console on the gateway's real channel, answered by rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import anyio

from benchmarks.agentdojo.case import Call
from rule_of_two.approvals.answer import Answer
from rule_of_two.approvals.channel import DeskClient
from rule_of_two.approvals.choice import Choice
from rule_of_two.approvals.messages import Asked, GatewayHello, ToConsole
from rule_of_two.approvals.question import Question

_NAME: Final = "human"


class Mode(StrEnum):
    """How questions are answered."""

    REFUSES = "refuses"
    """No, to every one."""
    RIGHTLY = "rightly"
    """Yes to a call of the honest task, by tool and arguments, and no to every other."""


class Human:
    """Answers the questions of the gateway on one state folder."""

    def __init__(self, state: Path, mode: Mode, honest: Sequence[Call]) -> None:
        self.asked: list[str] = []
        """The tools that were asked about, in order."""
        self.attached = anyio.Event()
        self._mode = mode
        self._honest = honest
        self._client = DeskClient(state, self._hear)

    async def run(self) -> None:
        """Stay attached, until cancelled."""
        await self._client.run()

    def _hear(self, gateway: str, message: ToConsole | None) -> None:
        if isinstance(message, GatewayHello):
            self.attached.set()
        elif isinstance(message, Asked):
            self.asked.append(message.question.name)
            answer = Answer.to(message.question, self.choice(message.question), approver=_NAME, now=datetime.now(UTC))
            self._client.answer(gateway, answer)

    def choice(self, question: Question) -> Choice:
        """The answer. Whoever refuses lets in the rest of a result, where that is offered."""
        asked = Call(question.name, json.loads(question.arguments_json))
        if self._mode is Mode.RIGHTLY and asked in self._honest:
            return Choice.YES
        return Choice.WITHOUT if Choice.WITHOUT in question.offers else Choice.NO
