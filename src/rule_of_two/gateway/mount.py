"""One upstream: started, listed, kept up, and restarted when it goes away. Its failures stay its own."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread
import orjson
from anyio.abc import TaskGroup

from rule_of_two import __version__
from rule_of_two.errors import RuleOfTwoError, UpstreamUnavailable
from rule_of_two.escape import visible
from rule_of_two.gateway.definitions import LISTS, Budget, Definition, Definitions, Kind, define
from rule_of_two.gateway.operator_log import LOG
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.store.pins import Pin
from rule_of_two.wire.frames import FrameError
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.peer import Ending, Incoming, Limits, NotSent, Peer, RemoteError, Transport

logger = logging.getLogger(__name__)

_BASE_ENVIRONMENT: Final = (
    "HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "SYSTEMROOT", "TEMP", "TERM", "TMP", "TMPDIR", "USER",
    "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
)  # fmt: skip
"""What an upstream process inherits; everything else must stand in its block."""

CLIENT_INFO: Final = {"name": "rule-of-two", "version": __version__}
START_SECONDS: Final = 60.0
LIST_SECONDS: Final = 30.0
READY_SECONDS: Final = 30.0
STALE_SECONDS: Final = 10.0
CALL_SECONDS: Final = 600.0
"""How long an upstream may take to shake hands, to give one page of a list, to become ready for a call that waits, to
say what it has changed while a call waits, and to answer a call."""
REREAD_SECONDS: Final = 1.0
"""The shortest pause between two readings of what one upstream offers."""
_PAGES: Final = 1000
_BACK_OFF: Final = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to reach an upstream, expanded: secrets are in it, so it is never shown."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = field(default_factory=Path.cwd)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Connect = Callable[[Launch, Callable[[str], None], Limits], Awaitable[Transport]]
"""Opens a transport to an upstream; lines of its stderr go to the second argument."""


class Watcher(Protocol):
    """What a mount tells the gateway."""

    async def on_offered(self, mount: Mount) -> None:
        """The upstream's definitions were read anew."""

    async def on_text(self, mount: Mount, method: str, params: dict[str, Any]) -> None:
        """The upstream sent text that no request asked for."""

    async def on_state(self, mount: Mount, message: str) -> None:
        """The upstream came, went, or misbehaved; one sentence for the operator."""


class NotOpened(UpstreamUnavailable):
    """An upstream that was reached but opened no session. The text may quote it."""


class Mount:
    """An upstream and its manifest. ``definitions`` is what it offers against what was accepted."""

    def __init__(self, name: str, launch: Launch, manifest: Manifest, connect: Connect, *, limits: Limits) -> None:
        self.name = name
        self.launch = launch
        self.manifest = manifest
        self.definitions = Definitions(None, ())
        self.offered: list[Definition] = []
        self.settled = anyio.Event()
        """Set once an attempt to start has succeeded or failed; cleared by a loss, until the next attempt."""
        self._connect = connect
        self._limits = limits
        self._pins: list[Pin] = []
        self._life: Life | None = None
        self._reason = "it is still starting"

    @property
    def identity(self) -> str:
        """What pins belong to: the name and how it is reached, without secrets."""
        where = [self.launch.command, *self.launch.args] if self.launch.command else [self.launch.url]
        return f"{self.name}:{hashlib.sha256(orjson.dumps(where)).hexdigest()[:16]}"

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the upstream said it can do, while it is connected."""
        return self._life.info.capabilities if self._life else {}

    def accept(self, pins: list[Pin]) -> None:
        """Compare with these accepted definitions from now on."""
        self._pins = pins
        self.definitions = Definitions(self.offered or None, pins)

    async def run(self, watcher: Watcher) -> None:
        """Keep the upstream connected until cancelled, with growing pauses between attempts that fail."""
        failures = 0
        while True:
            try:
                self._reason = await self._live(watcher)
                failures = 0
                self.settled = anyio.Event()  # it was well: who calls now waits for the next attempt
                why = self._reason
            except (RuleOfTwoError, RemoteError) as error:
                # A refusal can hold words of the upstream's: they are for the operator, and never reach the client.
                theirs = isinstance(error, NotOpened | RemoteError)
                self._reason = "it did not open an MCP session" if theirs else str(error)
                why = str(error)
                failures += 1
                self.settled.set()
            except Exception as error:  # one upstream, or a bug about it, never takes down the others
                logger.exception("%s: the connection failed", self.name)
                self._reason = "it could not be used"
                why = f"{self._reason} ({type(error).__name__})"
                failures += 1
                self.settled.set()
            await watcher.on_state(self, f"the server '{self.name}' is unavailable: {visible(why)}")
            await anyio.sleep(_BACK_OFF[min(failures, len(_BACK_OFF) - 1)])

    async def _live(self, watcher: Watcher) -> str:
        """One life of the upstream, from its start to its end. Returns why it ended.

        :raises RuleOfTwoError: it did not start.
        :raises RemoteError: it refused the handshake.
        """
        failure: Exception = UpstreamUnavailable("it ended before it answered")
        life = Life(self, watcher, partial(self._connect, self.launch, self._on_stderr, self._limits), self._limits)
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    await life.open(tasks)
                    self._life = life
                    await self._read(life, set(LISTS))
                    life.ready.set()
                    self.settled.set()
                    tasks.start_soon(life.keep_current)
                except (RuleOfTwoError, RemoteError) as error:
                    failure = error
                    tasks.cancel_scope.cancel()
        finally:
            self._life = None
        if not life.ready.is_set():
            raise failure
        return life.reason

    async def _read(self, life: Life, kinds: set[Kind]) -> None:
        """Read lists of the upstream anew and compare them with what was accepted.

        :raises UpstreamUnavailable: it went away, or did not answer.
        :raises BadRequest: its answer cannot be read.
        """
        kept = [one for one in self.offered if one.kind not in kinds | {Kind.INSTRUCTIONS}]
        self.offered = [*kept, *await life.definitions(kinds)]
        self.definitions = Definitions(self.offered, self._pins)
        await life.watcher.on_offered(self)

    async def reread(self, life: Life, kinds: set[Kind]) -> bool:
        """Read what the upstream says has changed. False, and said, when it could not be read."""
        try:
            await self._read(life, kinds)
        except Exception as error:  # noqa: BLE001  # whatever an upstream answers concerns only itself
            why = type(error).__name__ if not isinstance(error, RuleOfTwoError) else str(error)
            await life.watcher.on_state(self, f"what '{self.name}' offers now could not be read: {visible(why)}")
            return False
        return True

    async def available(self) -> None:
        """Wait until the upstream can be called and what it offers has been read.

        :raises NotSent: it is down, or did not become ready in time.
        """
        with anyio.move_on_after(READY_SECONDS):
            if self._life is None or not self._life.ready.is_set():
                await self.settled.wait()
        await self.current(STALE_SECONDS)
        self.must_be_current()

    async def current(self, seconds: float) -> None:
        """Wait at most so long until changed lists have been read."""
        with anyio.move_on_after(seconds):
            if self._life is not None:
                await self._life.current()

    def must_be_current(self) -> None:
        """Refuse, at once, unless the upstream can be called as it was decided.

        :raises NotSent: it is down, or says that what it offers has changed and that was not read yet.
        """
        if self._live_now().stale:
            raise NotSent(f"the server '{self.name}' has changed what it offers, and that is still being read")

    async def request(self, method: str, params: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Send one request, with this upstream's protocol keys. Raises what :meth:`Peer.request` does.

        :raises NotSent: the upstream is down.
        """
        life = self._live_now()
        return await life.peer.request(method, stamp(life.info, params), **options)

    def _live_now(self) -> Life:
        if self._life is None:
            raise NotSent(f"the server '{self.name}' is unavailable: {self._reason}")
        return self._life

    def _on_stderr(self, line: str) -> None:
        LOG.say(f"[{self.name}] {visible(line)}")


class Life:
    """One connection to an upstream, from its start to its end."""

    def __init__(
        self, mount: Mount, watcher: Watcher, connect: Callable[[], Awaitable[Transport]], limits: Limits
    ) -> None:
        self.watcher = watcher
        self.ready = anyio.Event()
        self.stale: set[Kind] = set()
        """What the upstream said has changed and was not read since."""
        self._changed = anyio.Event()
        self._reread = anyio.Event()
        self._announced: set[Kind] = set()
        self._noise = 0
        self._mount = mount
        self._connect = connect
        self._limits = limits
        self._peer: Peer | None = None
        self._info: UpstreamInfo | None = None

    async def open(self, tasks: TaskGroup) -> None:
        """Connect and shake hands; a second time when the upstream wants another era. Reads in ``tasks`` from then on.

        :raises UpstreamUnavailable: it cannot be reached; :class:`NotOpened` when it did not shake hands.
        """

        async def connect() -> Peer:
            self._peer = Peer(await self._connect(), self, name=self._mount.name, limits=self._limits)
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
            raise NotSent(f"the server '{self._mount.name}' is still starting")
        return self._peer

    @property
    def info(self) -> UpstreamInfo:
        """What the upstream said of itself.

        :raises NotSent: it has not said it yet.
        """
        if self._info is None:
            raise NotSent(f"the server '{self._mount.name}' is still starting")
        return self._info

    async def keep_current(self) -> None:
        """Read changed lists, once for all changes that came meanwhile, and never more than once a second."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            kinds, self._announced = set(self.stale), set()
            if await self._mount.reread(self, kinds):
                self.stale = set(self._announced)  # what changed while it was read has to be read again
            self._reread.set()
            self._reread = anyio.Event()
            await anyio.sleep(REREAD_SECONDS)
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
            text = f"{self._mount.name} offers more than is taken of one server; {budget.left_out} is left out"
            await self.watcher.on_state(self._mount, text)
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
                text = f"{self._mount.name} offers {visible(refused[0])}; {len(refused)} such is left out"
                await self.watcher.on_state(self._mount, text)
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

    async def on_notification(self, method: str, params: dict[str, Any]) -> None:
        """Take notice of changed lists, and hand text on for a decision."""
        changed = _CHANGES.get(method)
        if changed is not None:
            self.stale |= changed
            self._announced |= changed
            self._changed.set()
        elif method == "notifications/message":
            await self.watcher.on_text(self._mount, method, params)

    async def on_frame_error(self, error: FrameError) -> None:
        """A frame that cannot be read is dropped; the 1st, 10th, 100th, … is said. The upstream goes on."""
        self._noise += 1
        if str(self._noise).strip("0") == "1":
            text = f"the server '{self._mount.name}' sent a frame that was dropped ({self._noise} so far): {error}"
            await self.watcher.on_state(self._mount, visible(text))


_CHANGES: Final[Mapping[str, set[Kind]]] = {
    "notifications/tools/list_changed": {Kind.TOOL},
    "notifications/prompts/list_changed": {Kind.PROMPT},
    "notifications/resources/list_changed": {Kind.RESOURCE, Kind.TEMPLATE},
}


def environment(block: Mapping[str, str]) -> dict[str, str]:
    """The environment of an upstream process: the bare minimum, and what its block names."""
    return {**{name: os.environ[name] for name in _BASE_ENVIRONMENT if name in os.environ}, **block}
