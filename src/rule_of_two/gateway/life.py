"""One connection to an upstream, from handshake to end: what it offers, what it says has changed, what it tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from rule_of_two.errors import UpstreamUnavailable
from rule_of_two.escape import visible
from rule_of_two.gateway.backoff import BackOff, rare
from rule_of_two.gateway.capabilities import beyond_mcp
from rule_of_two.gateway.definitions import LISTS, Budget, Definition, Kind, define
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.listening import Listening, announces
from rule_of_two.model import INGRESS, NONE, Labels
from rule_of_two.wire.eras import SUBSCRIPTION_ID, Claims, Era
from rule_of_two.wire.frames import FrameError, Notification
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.peer import Ending, Incoming, Limits, NotSent, Peer, RemoteError, Transport

START_SECONDS: Final = 60.0
LIST_SECONDS: Final = 30.0
"""How long an upstream may take to shake hands, and to give one page of a list."""
REREAD_SECONDS: Final = 1.0
"""The shortest pause between two readings of what one upstream offers."""
_PAUSES: Final = (2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Between two readings of lists that cannot be read."""
_PAGES: Final = 1000

_CHANGES: Final[Mapping[str, set[Kind]]] = {
    "notifications/tools/list_changed": {Kind.TOOL},
    "notifications/prompts/list_changed": {Kind.PROMPT},
    "notifications/resources/list_changed": {Kind.RESOURCE, Kind.TEMPLATE},
}
_CAPABILITY: Final[Mapping[Kind, str]] = {
    Kind.TOOL: "tools",
    Kind.PROMPT: "prompts",
    Kind.RESOURCE: "resources",
    Kind.TEMPLATE: "resources",
}


class Owner(Protocol):
    """Whose upstream it is."""

    @property
    def name(self) -> str:
        """The upstream's name in the configuration."""

    async def reread(self, life: Life, kinds: set[Kind]) -> str | None:
        """Read what the upstream says has changed. Returns why it could not be read, if so."""

    async def on_told(self, method: str, params: dict[str, Any], exchange: Exchange | None) -> None:
        """The upstream sent a notification, in the course of ``exchange`` as far as can be told."""

    async def on_asked(self, incoming: Incoming, exchange: Exchange | None) -> dict[str, Any]:
        """The upstream asks something of the client, in the course of ``exchange`` as far as can be told.

        :raises RemoteError: it gets no answer.
        """

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
        self.claims = Claims()
        """What the upstream was told of the client when the connection was opened."""
        self._looked: dict[Kind, float] = dict.fromkeys(LISTS, anyio.current_time())
        self._listening = Listening()
        self._changed = anyio.Event()
        self._reread = anyio.Event()
        self._announced: set[Kind] = set()
        self._noise = 0
        self._owner = owner
        self._connect = connect
        self._limits = limits
        self._peer: Peer | None = None
        self._info: UpstreamInfo | None = None

    async def open(self, tasks: TaskGroup, introduced: Callable[[], Awaitable[tuple[Claims, Era]]]) -> None:
        """Connect, and shake hands once the client has introduced itself; a second time when the upstream wants another
        era. Reads in ``tasks`` from then on.

        :raises UpstreamUnavailable: it cannot be reached; :class:`NotOpened` when it did not shake hands.
        """

        async def connect() -> Peer:
            self._peer = Peer(await self._connect(), self, name=self._owner.name, limits=self._limits)
            tasks.start_soon(self._read_until_end, self._peer, tasks.cancel_scope)
            return self._peer

        peer = await connect()
        self.claims, era = await introduced()
        try:
            self._info = await open_session(
                peer, claims=self.claims, prefer=era, timeout=START_SECONDS, reconnect=connect
            )
        except UpstreamUnavailable as error:
            raise NotOpened(str(error)) from error

    async def _read_until_end(self, peer: Peer, scope: anyio.CancelScope) -> None:
        """Read what the upstream says; when it ends, so does everything of this life."""
        await peer.run()
        if peer.ending is not Ending.CLOSED:  # else it was closed to be opened in the other era
            scope.cancel()

    @property
    def ended(self) -> bool:
        """Whether nothing can be asked any more. What belongs to the connection may still be on its way out."""
        return self._peer is not None and self._peer.reason is not None

    @property
    def reason(self) -> str:
        """Why it ended."""
        return (self._peer.reason if self._peer else None) or "it ended"

    @property
    def bringing(self) -> Labels:
        """What the calls in flight can bring."""
        abouts = [] if self._peer is None else self._peer.abouts()
        flights = [about.flight for about in abouts if isinstance(about, Exchange) and about.flight is not None]
        return NONE.union(*(flight.labels for flight in flights)) & INGRESS

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
        back_off = BackOff(pauses=_PAUSES)
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            kinds, self._announced = set(self.stale), set()
            why = await self._owner.reread(self, kinds)
            pause = REREAD_SECONDS
            if why is None:
                back_off.succeeded()
                self.stale = set(self._announced)  # what changed while it was read has to be read again
            else:
                pause = back_off.failed()
                if rare(back_off.failures):
                    await self._owner.on_state(
                        f"what '{self._owner.name}' offers now could not be read: {visible(why)}"
                    )
            self._reread.set()
            self._reread = anyio.Event()
            await anyio.sleep(pause)
            if self.stale:
                self._changed.set()

    async def look_again(self, kind: Kind) -> None:
        """Read a list anew of which the upstream would not say that it has changed; at most once a second."""
        said = self.info.capabilities.get(_CAPABILITY[kind])
        due = self._looked[kind] + REREAD_SECONDS
        if said is not None and not announces(said) and anyio.current_time() >= due:
            await self.reread(kind)

    async def reread(self, kind: Kind) -> None:
        """Read a list anew, now. What it was before stays when it cannot be read."""
        self._looked[kind] = anyio.current_time()
        await self._owner.reread(self, {kind})

    def subscribe(self, uris: frozenset[str]) -> None:
        """Be told of changes of exactly these resources from now on (modern upstreams)."""
        self._listening.cover(uris)

    async def keep_listening(self) -> None:
        """Hold a modern upstream's subscription open; a legacy one tells without."""
        if self.info.era is Era.MODERN:
            await self._listening.keep(self.peer, self.info, self.claims)

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
        if self.info.instructions:
            found.append(define(Kind.INSTRUCTIONS, {"instructions": self.info.instructions}))
        if own := beyond_mcp(self.info.capabilities):
            found.append(define(Kind.CAPABILITIES, {"capabilities": own}))
        return found

    async def _list(self, kind: Kind, budget: Budget) -> list[Definition]:
        """All pages of one list; empty when the upstream has no such list."""
        method, member, _ = LISTS[kind]
        found: list[Definition] = []
        params: dict[str, Any] = {}
        for _ in range(_PAGES):
            try:
                page = await self.peer.request(method, stamp(self.info, params, self.claims), timeout=LIST_SECONDS)
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
        """Have the client asked; a ping is ours to answer."""
        if incoming.method == "ping":
            return {}
        return await self._owner.on_asked(incoming, self._exchange(incoming.about))

    def _exchange(self, about: object) -> Exchange | None:
        """In the course of which request an upstream asks or tells something. Where the transport does not say, it is
        the newest one that is in flight."""
        if about is None:
            about = next(reversed(self.peer.abouts()), None)
        return about if isinstance(about, Exchange) else None

    async def on_notification(self, notification: Notification, about: object) -> None:
        """Take notice of changed lists, and hand everything else on for a decision."""
        method, params = notification.method, notification.params
        changed = _CHANGES.get(method)
        if changed is not None:
            self.stale |= changed
            self._announced |= changed
            self._changed.set()
        elif method != "notifications/subscriptions/acknowledged":
            await self._owner.on_told(method, _unsubscribed(params), self._exchange(about))

    async def on_stream_closed(self, about: object) -> None:
        """What an upstream does with our stream, we do with the client's: it comes back for the reply as we do."""
        if isinstance(about, Exchange) and about.incoming is not None:
            await about.incoming.let_go()

    async def on_frame_error(self, error: FrameError) -> None:
        """A frame that cannot be read is dropped; the 1st, 10th, 100th, … is said. The upstream goes on."""
        self._noise += 1
        if rare(self._noise):
            text = f"the server '{self._owner.name}' sent a frame that was dropped ({self._noise} so far): {error}"
            await self._owner.on_state(visible(text))


def _unsubscribed(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters without the number of our own subscription."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or SUBSCRIPTION_ID not in meta:
        return params
    return {**params, "_meta": {key: value for key, value in meta.items() if key != SUBSCRIPTION_ID}}
