"""Whether an upstream can be called, and waiting until it can."""

from __future__ import annotations

from collections.abc import Callable

import anyio


class Availability:
    """Follows one upstream through its lives, of which each comes up, or fails, and then is gone.

    ``ending`` says whether the life of the moment has ended and is still being taken down.
    """

    def __init__(self, ending: Callable[[], bool]) -> None:
        self.settled = anyio.Event()
        """Set once an attempt has succeeded or failed; cleared by a loss, until the next attempt."""
        self._ending = ending
        self._up = anyio.Event()
        self._gone = anyio.Event()
        self._up_since: float | None = None
        self._lasted: float | None = None

    @property
    def up(self) -> bool:
        """Whether it can be called."""
        return self._up.is_set() and not self._ending()

    @property
    def lasted(self) -> float | None:
        """For how many seconds the last life could be called; ``None`` when it never could."""
        return self._lasted

    def is_up(self) -> None:
        """It can be called from now on."""
        self._up_since = anyio.current_time()
        self.settled.set()
        self._up.set()

    def is_gone(self) -> None:
        """This life is over."""
        self._lasted = None
        if self._up_since is not None:
            self._lasted = anyio.current_time() - self._up_since
            self._up_since = None
            self._up = anyio.Event()
            self.settled = anyio.Event()  # it was well: who calls now waits for the next attempt
        self._gone.set()
        self._gone = anyio.Event()

    def give_up(self) -> None:
        """Let nobody wait any longer who would not wait across attempts that fail."""
        self.settled.set()

    async def until_settled(self, seconds: float) -> None:
        """Wait at most so long for the attempt under way, or the next one when it has just been lost."""
        if not self.up:
            with anyio.move_on_after(seconds):
                await self._until_gone()
                await self.settled.wait()

    async def until_up(self) -> None:
        """Wait until it can be called, across attempts that fail."""
        await self._until_gone()
        await self._up.wait()

    async def _until_gone(self) -> None:
        if self._ending():
            await self._gone.wait()
