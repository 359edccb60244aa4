"""A standing yes for so many calls is for so many, however many gateways share it and whenever they are killed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

from rule_of_two.approvals.keys import ApproverKey
from tests.harness import Gateway, House, outcome
from tests.people import SEND, cautious, enrol, granted, human

ALICE = ApproverKey.generate()
USES = 25
GATEWAYS = 4
KILLS = 6


class Load:
    """Clients that send to the granted target, each through a gateway of its own, until they are told to stop."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.random = random.Random(7)  # noqa: S311  # the same moments each time, not a secret
        self.live: dict[int, Gateway] = {}
        self.sent = 0
        self.calls = 0
        self.done = False
        self.changed = asyncio.Condition()

    async def client(self, number: int) -> None:
        """Call and call; a gateway that was killed is started again."""
        while not self.done:
            with contextlib.suppress(ConnectionError, OSError):
                async with self.house.gateway() as gateway:
                    self.live[number] = gateway
                    while not self.done:
                        await self._call(gateway, number)
            self.live.pop(number, None)

    async def _call(self, gateway: Gateway, number: int) -> None:
        arguments = {**SEND["arguments"], "body": f"client {number}, call {self.calls}"}
        result: dict[str, Any] = await gateway.call("rec__send", arguments)
        self.sent += outcome(result) == ("allow", None)
        self.calls += 1
        async with self.changed:
            self.changed.notify_all()

    async def killer(self) -> None:
        """SIGKILL one of them after every few calls."""
        for kill in range(1, KILLS + 1):
            async with self.changed:
                await self.changed.wait_for(lambda kill=kill: self.calls >= 4 * kill and self.live)  # type: ignore[misc]
            await self.live.pop(self.random.choice(list(self.live))).kill()  # nobody is killed twice
        async with self.changed:
            await self.changed.wait_for(lambda: self.calls >= 4 * KILLS + 2 * USES)
        self.done = True


@pytest.mark.timeout(120)
async def test_a_grant_is_never_used_more_often_than_it_says_however_gateways_are_killed(house: House) -> None:
    # The session goes on over every kill. Nobody answers what is not granted.
    house.settings["client"] = "claude-desktop"
    cautious(house)
    enrol(house, ("alice", ALICE))
    async with house.gateway() as first, human(house, key=ALICE) as person:
        question = await granted(first, person, USES, minutes=60)
        house.settings["approvals"] |= {"wait": "50ms", "pending": "1s"}  # of the gateways that start from now on
        load = Load(house)
        async with asyncio.timeout(100), asyncio.TaskGroup() as tasks:
            for number in range(GATEWAYS):
                tasks.create_task(load.client(number))
            tasks.create_task(load.killer())
    used = [entry for entry in house.journal("decision") if entry.get("grant") == question.id]
    assert len(used) == USES - 1
    assert load.sent <= house.sent().count("send") <= USES
    assert load.sent > USES // 2
