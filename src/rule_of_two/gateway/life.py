"""One connection to an upstream, from handshake to end: what it offers, what it says has changed, what it tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from rule_of_two import __version__
from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.escape import visible
from rule_of_two.gateway.definitions import LISTS, Budget, Definition, Kind, define
from rule_of_two.wire.frames import FrameError, Notification
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.peer import Ending, Incoming, Limits, NotSent, Peer, RemoteError, Transport

CLIENT_INFO: Final = {"name": "rule-of-two", "version": __version__}
START_SECONDS: Final = 60.0
LIST_SECONDS: Final = 30.0
"""How long an upstream may take to shake hands, and to give one page of a list."""
REREAD_SECONDS: Final = 1.0
"""The shortest pause between two readings of what one upstream offers."""
_LONGEST_PAUSE: Final = 60.0
_PAGES: Final = 1000

_CHANGES: Final[Mapping[str, set[Kind]]] = {
    "notifications/tools/list_changed": {Kind.TOOL},
    "notifications/prompts/list_changed": {Kind.PROMPT},
    "notifications/resources/list_changed": {Kind.RESOURCE, Kind.TEMPLATE},
}


class Owner(Protocol):
    """Whose upstream it is."""

    @property
    def name(self) -> str:
        """The upstream's name in the configuration."""

    async def reread(self, life: Life, kinds: set[Kind]) -> str | None:
        """Read what the upstream says has changed. Returns why it could not be read, if so."""

    async def on_text(self, method: str, params: dict[str, Any]) -> None:
        """The upstream sent text that no request asked for."""

    async def on_state(self, message: str) -> None:
        """One sentence for the operator."""


class NotOpened(UpstreamUnavailable):
    """An upstream that was reached but opened no session. The text may quote it."""


class Life:
    """One connection to an upstream, from its start to its end."""

    def __init__(self, owner: Owner, connect: Callable[[], Awaitable[Transport]], limits: Limits) -> None:
        self.ready = anyio.Event()
        self.stale: set[Kind] = set()
        """What the upstream said has changed and was not read since."""
        self._changed = anyio.Event()
        self._reread = anyio.Event()
        self._announced: set[Kind] = set()
        self._noise = 0
        self._owner = owner
        self._connect = connect
        self._limits = limits
        self._peer: Peer | None = None
        self._info: UpstreamInfo | None = None

    async def open(self, tasks: TaskGroup) -> None:
        """Connect and shake hands; a second time when the upstream wants another era. Reads in ``tasks`` from then on.

        :raises UpstreamUnavailable: it cannot be reached; :class:`NotOpened` when it did not shake hands.
        """

        async def connect() -> Peer:
            self._peer = Peer(await self._connect(), self, name=self._owner.name, limits=self._limits)
            tasks.start_soon(self._read_until_end, self._peer, tasks.cancel_scope)
            return self._peer

        peer = await connect()
        try:
            self._info = await open_session(peer, client_info=CLIENT_INFO, timeout=START_SECONDS, reconnect=connect)
        except UpstreamUnavailable as error:
            raise NotOpened(str(error)) from error

    async def _read_until_end(self, peer: Peer, scope: anyio.CancelScope) -> None:
        """Read what the upstream says; when it ends, so does everything of this life."""
        await peer.run()
        if peer.ending is not Ending.CLOSED:  # else it was closed to be opened in the other era
            scope.cancel()

    @property
    def reason(self) -> str:
        """Why it ended."""
        return (self._peer.reason if self._peer else None) or "it ended"

    @property
    def peer(self) -> Peer:
        """The connection.

        :raises NotSent: there is none yet.
        """
        if self._peer is None:
            raise NotSent(f"the server '{self._owner.name}' is still starting")
        return self._peer

    @property
    def info(self) -> UpstreamInfo:
        """What the upstream said of itself.

        :raises NotSent: it has not said it yet.
        """
        if self._info is None:
            raise NotSent(f"the server '{self._owner.name}' is still starting")
        return self._info

    async def keep_current(self) -> None:
        """Read changed lists, once for all changes that came meanwhile, and never more than once a second."""
        failures = 0
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            kinds, self._announced = set(self.stale), set()
            why = await self._owner.reread(self, kinds)
            if why is None:
                failures = 0
                self.stale = set(self._announced)  # what changed while it was read has to be read again
            else:
                failures += 1
                if _rare(failures):
                    await self._owner.on_state(
                        f"what '{self._owner.name}' offers now could not be read: {visible(why)}"
                    )
            self._reread.set()
            self._reread = anyio.Event()
            await anyio.sleep(min(REREAD_SECONDS * 2**failures, _LONGEST_PAUSE))
            if self.stale:
                self._changed.set()

    async def current(self) -> None:
        """Wait until nothing is stale."""
        while self.stale:
            await self._reread.wait()

    async def definitions(self, kinds: set[Kind]) -> list[Definition]:
        """What the upstream offers of these kinds, and its instructions, within the budget of one upstream."""
        budget = Budget()
        found = [one for kind in LISTS if kind in kinds for one in await self._list(kind, budget)]
        if budget.left_out:
            text = f"{self._owner.name} offers more than is taken of one server; {budget.left_out} is left out"
            await self._owner.on_state(text)
        instructions = self.info.instructions
        return found + ([define(Kind.INSTRUCTIONS, {"instructions": instructions})] if instructions else [])

    async def _list(self, kind: Kind, budget: Budget) -> list[Definition]:
        """All pages of one list; empty when the upstream has no such list."""
        method, member, _ = LISTS[kind]
        found: list[Definition] = []
        params: dict[str, Any] = {}
        for _ in range(_PAGES):
            try:
                page = await self.peer.request(method, stamp(self.info, params), timeout=LIST_SECONDS)
            except RemoteError:
                break
            items = page.get(member)
            taken, refused = await anyio.to_thread.run_sync(budget.take, kind, items if isinstance(items, list) else [])
            found += taken
            if refused:
                text = f"{self._owner.name} offers {visible(refused[0])}; {len(refused)} such is left out"
                await self._owner.on_state(text)
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or budget.spent:
                break
            params = {"cursor": cursor}
        return found

    async def on_request(self, incoming: Incoming) -> dict[str, Any]:
        """Answer what an upstream asks of its client: it was offered no capability, so only a ping."""
        if incoming.method == "ping":
            return {}
        raise RemoteError(-32601, f"{incoming.method} is not offered through this gateway")

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Take notice of changed lists, and hand text on for a decision."""
        method, params = notification.method, notification.params
        changed = _CHANGES.get(method)
        if changed is not None:
            self.stale |= changed
            self._announced |= changed
            self._changed.set()
        elif method == "notifications/message":
            await self._owner.on_text(method, params)

    async def on_frame_error(self, error: FrameError) -> None:
        """A frame that cannot be read is dropped; the 1st, 10th, 100th, … is said. The upstream goes on."""
        self._noise += 1
        if _rare(self._noise):
            text = f"the server '{self._owner.name}' sent a frame that was dropped ({self._noise} so far): {error}"
            await self._owner.on_state(visible(text))


def _rare(count: int) -> bool:
    """Whether something that may come without end is worth a line: the 1st time, the 10th, the 100th, …"""
    return str(count).strip("0") == "1"
