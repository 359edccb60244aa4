"""Ten gateways on one state, under load, killed at any moment and started again: no session ever combines all three.

What happened is taken from the recording upstreams (what was sent), the clients (what was handed over) and plain SQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from rule_of_two.gateway.timing import timestamp
from rule_of_two.sessions.boundary import Boundaries
from rule_of_two.sessions.presence import Presence
from rule_of_two.store.state import open_state
from tests.attacks.robust import until
from tests.harness import DECISION, Gateway, House

GATEWAYS: Final = 10
KILLS: Final = 8
CALLS_BETWEEN: Final = (15, 50)
LABELS: Final = {
    "neutral": "",
    "read_untrusted": "A",
    "read_private": "B",
    "send": "C",
    "private_send": "BC",
    "hang": "A",
}
SEED: Final = 20261128


@dataclass
class Loop:
    """The clients, the killer, and what the clients were given."""

    house: House
    random: random.Random
    conversations: bool
    calls: int = 0
    done: bool = False
    live: list[Gateway] = field(default_factory=list)
    handed_over: list[tuple[int, str, str]] = field(default_factory=list)
    """Number, tool and session of each call whose result a client was given."""
    refused: set[str | None] = field(default_factory=set)
    made: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def client(self) -> None:
        """Call at random, again and again, through one gateway after the other as they are killed."""
        while not self.done:
            with contextlib.suppress(ConnectionError):
                async with self.house.gateway(initialize=False) as gateway:
                    await gateway.initialize()
                    self.live.append(gateway)
                    try:
                        while not self.done:
                            await asyncio.gather(*(self.call(gateway) for _ in range(self.random.randint(1, 3))))
                    finally:
                        self.live.remove(gateway)

    async def call(self, gateway: Gateway) -> None:
        self.calls += 1
        number, tool = self.calls, self.random.choices(list(LABELS), (2, 3, 3, 3, 2, 0.2))[0]
        params: dict[str, Any] = {"name": f"rec__{tool}", "arguments": {"number": number}}
        if self.conversations and (tool != "read_untrusted" or self.random.random() < 0.9):
            params["_meta"] = {"thread": f"conversation {number // 40}"}
        reply = gateway.start("tools/call", params)
        async with self.made:
            self.made.notify_all()
        if tool != "hang":  # which is never answered
            decision = (await reply)["result"]["_meta"][DECISION]
            if decision["outcome"] == "allow":
                self.handed_over.append((number, tool, decision["session"]))
            else:
                self.refused.add(decision["code"])

    async def kill(self) -> None:
        """Kill one or all after some more calls, while others are made; now and then a person starts a new session."""
        for _ in range(KILLS):
            goal = self.calls + self.random.randint(*CALLS_BETWEEN)
            async with self.made:
                await self.made.wait_for(lambda goal=goal: self.calls >= goal and self.live)  # type: ignore[misc]
            if not self.conversations and self.random.random() < 0.5:
                await self.renew()
            everybody = self.random.random() < 0.4  # so that nobody is left to share the session with
            for gateway in self.live if everybody else [self.random.choice(self.live)]:
                with contextlib.suppress(ProcessLookupError):  # killed just now, and its client has not noticed
                    gateway.process.kill()
        self.done = True

    async def renew(self) -> None:
        newest = self.house.sql("SELECT id FROM sessions WHERE ended_at IS NULL ORDER BY rowid DESC")
        with contextlib.closing(open_state(self.house.state)) as state, Presence(self.house.state) as presence:
            await Boundaries(state, presence, timestamp).renew(newest[0][0], began_by="{}")


def digest(number: int) -> str:
    return hashlib.sha256(json.dumps({"number": number}, separators=(",", ":")).encode()).hexdigest()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("boundary", ["connection", "conversation"])
async def test_no_session_combines_all_three_however_gateways_are_killed(tmp_path: Path, boundary: str) -> None:
    house = House(tmp_path)
    if boundary == "conversation":
        vouched = {"conversation_key": "/thread", "forks_keep_key": True}
        house.settings["sessions"] = {"boundary": boundary, **vouched}
    house.servers = {"rec": house.recorder("sent")}
    loop = Loop(house, random.Random(SEED), boundary == "conversation")  # noqa: S311  # to be repeated, not secret
    async with house.gateway():  # makes the state, and accepts the definitions
        pass
    await asyncio.gather(loop.kill(), *(loop.client() for _ in range(GATEWAYS)))
    reserved = house.sql("SELECT session, labels FROM reservations")
    async with house.gateway():  # whoever comes next accounts for the dead
        pass

    assert loop.refused <= {"approval_required", "store_error"}
    assert "approval_required" in loop.refused
    sent = [(one["params"]["arguments"]["number"], one["params"]["name"]) for one in calls(house)]
    decided = decisions(house)
    assert len(sent) == len(set(sent)) > KILLS  # nothing twice
    events = {session: set[str]() for (session,) in house.sql("SELECT id FROM sessions")}
    for number, tool in sent:
        labels, session = decided[digest(number)]  # what was not allowed was not sent
        assert labels == set(LABELS[tool])
        events[session] |= labels & {"C"}
    for number, tool, session in loop.handed_over:
        assert decided[digest(number)][1] == session
        events[session] |= set(LABELS[tool])
    held = holding(house)
    for session, happened in joined(house, events, conversations=loop.conversations).items():
        assert happened != {"A", "B", "C"}, session
        assert events[session] <= held[session], session
    assert house.sql("SELECT * FROM reservations") == []
    for session, labels in reserved:
        assert set(labels) <= held[session]
    for session, orphans in house.sql("SELECT id, joined_from FROM sessions WHERE joined_from NOT NULL"):
        assert all(held[orphan] <= held[session] for orphan in orphans.split())
    numbers = [seq for (seq,) in house.sql("SELECT seq FROM entries ORDER BY seq", database="journal")]
    assert numbers == list(range(1, len(numbers) + 1))
    await until(lambda: not processes(house))


def calls(house: House) -> list[dict[str, Any]]:
    return [one for one in house.messages() if one["method"] == "tools/call"]


def decisions(house: House) -> dict[str, tuple[set[str], str]]:
    """Of each call that was allowed, by the digest of its arguments: its labels, and its session."""
    allowed = [one for one in house.journal("decision") if one["outcome"] == "allow" and "arguments_sha256" in one]
    assert len({one["arguments_sha256"] for one in allowed}) == len(allowed)
    return {one["arguments_sha256"]: (set(one["labels"]), one["session"]) for one in allowed}


def holding(house: House) -> dict[str, set[str]]:
    """What each session holds in the end, or has reserved."""
    held: dict[str, set[str]] = {}
    for session, *numbers in house.sql("SELECT id, held_a, held_b, held_c FROM sessions"):
        held[session] = {label for label, number in zip("ABC", numbers, strict=True) if number is not None}
    for session, labels in house.sql("SELECT session, labels FROM reservations"):
        held[session] |= set(labels)
    return held


def joined(house: House, events: dict[str, set[str]], *, conversations: bool) -> dict[str, set[str]]:
    """What happened in each session and in those whose labels it took over, or which count in it."""
    found: dict[str, set[str]] = {}
    listed = house.sql("SELECT id, key, joined_from FROM sessions ORDER BY rowid")
    shared = [session for session, key, _ in listed if conversations and not json.loads(key)["conversation"]]
    for session, _, orphans in listed:
        before = [found[orphan] for orphan in (orphans or "").split()]
        found[session] = events[session].union(*before, *(events[base] for base in shared))
    return found


def processes(house: House) -> list[int]:
    """The processes of this house that still run."""
    mine = str(house.folder).encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mine in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
