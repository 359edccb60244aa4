"""Keeping an upstream connected: pauses that grow, a log that does not, and waiting for what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.gateway import mount as mounts
from rule_of_two.gateway.backoff import BackOff
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.launch import Launch
from rule_of_two.gateway.mount import Mount
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.frames import Message, Request, RequestId, Result
from rule_of_two.wire.peer import Incoming, Limits
from rule_of_two.wire.transport import Ending, EndOfStream, NotSent

OPENED: dict[str, Any] = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x"}}


class Line:
    """A connection to an upstream that answers everything at once, until it is cut."""

    def __init__(self) -> None:
        self._replies: asyncio.Queue[Message | None] = asyncio.Queue()

    def cut(self) -> None:
        self._replies.put_nowait(None)

    async def receive(self) -> Message:
        message = await self._replies.get()
        if message is None:
            raise EndOfStream("it ended", Ending.FINISHED)
        return message

    async def send(self, message: Message, *, related: RequestId | None = None) -> None:
        if isinstance(message, Request):
            self._replies.put_nowait(Result(message.id, OPENED if message.method == "initialize" else {}))

    async def dismiss(self, request: RequestId) -> None: ...

    async def let_go(self, request: RequestId) -> None: ...

    async def aclose(self) -> None: ...


class House:
    """What watches the mount. ``attempts`` says of each attempt whether it succeeds; then nothing succeeds."""

    def __init__(self, *attempts: bool) -> None:
        self.pauses: list[float] = []
        self.lines: list[Line] = []
        self.said: list[str] = []
        self.tried = 0
        self.opened = 0
        self._attempts = attempts
        self._happened = asyncio.Condition()

    async def connect(self, launch: Launch, on_stderr: Callable[[str], None], limits: Limits) -> Line:
        self.tried += 1
        await self._notice()
        if self.tried > len(self._attempts) or not self._attempts[self.tried - 1]:
            raise UpstreamUnavailable("nobody is there")
        self.lines.append(Line())
        return self.lines[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self._happened:
            await self._happened.wait_for(condition)

    async def introduced(self) -> tuple[Claims, Era]:
        return Claims(), Era.LEGACY

    async def on_opened(self, mount: Mount) -> None:
        self.opened += 1
        await self._notice()

    async def on_offered(self, mount: Mount) -> None: ...

    async def on_told(self, mount: Mount, method: str, params: dict[str, Any], exchange: Exchange | None) -> None: ...

    async def on_asked(self, mount: Mount, incoming: Incoming, exchange: Exchange | None) -> dict[str, Any]:
        raise AssertionError("none of these upstreams asks anything")

    async def on_state(self, mount: Mount, message: str) -> None:
        self.said.append(message)
        await self._notice()

    async def _notice(self) -> None:
        async with self._happened:
            self._happened.notify_all()


@asynccontextmanager
async def running(house: House, *pauses: float) -> AsyncIterator[Mount]:
    """A mount that is kept up, with these pauses instead of the real ones."""

    class Noted(BackOff):
        def failed(self) -> float:
            house.pauses.append(super().failed())
            return house.pauses[-1]

    back_off = Noted(random=lambda: 1.0, pauses=pauses or (0.0,))
    manifest = Manifest.unknown("notes", "notes")
    mount = Mount("notes", Launch(command="x"), manifest, house.connect, limits=Limits(), back_off=back_off)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mount.run, house)
        yield mount
        tasks.cancel_scope.cancel()


async def test_an_upstream_that_never_comes_up_is_mentioned_ever_more_rarely() -> None:
    house = House()
    async with running(house):
        await house.until(lambda: house.tried > 150)
    assert house.said == [
        "the server 'notes' is unavailable: nobody is there",
        "the server 'notes' is unavailable (10 times in a row): nobody is there",
        "the server 'notes' is unavailable (100 times in a row): nobody is there",
    ]


async def test_one_that_comes_up_and_falls_again_and_again_is_failing_too() -> None:
    """Or it would be started twice a second for ever, each time with two lines in the log."""
    house = House(*[True] * 20)
    async with running(house, 0.0, 0.001, 0.002):
        for number in range(1, 21):
            await house.until(lambda number=number: house.opened == number)  # type: ignore[misc]
            house.lines[-1].cut()
        await house.until(lambda: house.tried > 20)
    assert house.pauses[:4] == [0.0, 0.001, 0.002, 0.002]
    assert house.said[:3] == [
        "the server 'notes' is unavailable: it ended",
        "the server 'notes' is available again",
        "the server 'notes' is unavailable (10 times in a row): it ended",
    ]
    assert len(house.said) < 6


async def test_one_that_was_well_for_long_begins_with_the_shortest_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "STEADY_SECONDS", 0.0)
    house = House(False, True, True)
    async with running(house, 0.0, 0.001, 0.002):
        for number in (1, 2):
            await house.until(lambda number=number: house.opened == number)  # type: ignore[misc]
            house.lines[-1].cut()
        await house.until(lambda: house.tried > 5)
    assert house.pauses[:5] == [0.0, 0.0, 0.0, 0.001, 0.002]


async def test_a_call_waits_for_an_upstream_that_was_just_lost_and_not_for_one_that_fails() -> None:
    house = House(True, True)
    async with running(house, 0.0, 0.0, 3600.0) as mount:
        await mount.available()
        house.lines[0].cut()
        await house.until(lambda: len(house.lines) == 2)
        await mount.available()
        house.lines[1].cut()
        await house.until(lambda: house.tried == 3)
        with pytest.raises(NotSent, match="nobody is there"):
            await mount.available()


async def test_a_call_does_not_wait_out_a_long_pause() -> None:
    house = House(True)
    async with running(house, 3600.0) as mount:
        await mount.available()
        house.lines[0].cut()
        await house.until(lambda: bool(house.said))
        with pytest.raises(NotSent, match="it ended"):
            await mount.available()


async def test_a_lost_call_waits_across_attempts_that_fail() -> None:
    house = House(True, False, False, True)
    async with running(house) as mount:
        await mount.available()
        house.lines[0].cut()
        await house.until(lambda: bool(house.said))
        await mount.recovered()
        assert house.tried == 4


async def test_a_lost_call_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "READY_SECONDS", 0.01)
    house = House(True)
    async with running(house, 3600.0) as mount:
        await mount.available()
        house.lines[0].cut()
        await house.until(lambda: bool(house.said))
        with pytest.raises(NotSent, match="did not come back within"):
            await mount.recovered()
