"""One upstream: started, listed, kept up, and restarted when it goes away. Its failures stay its own."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import orjson
from anyio.abc import TaskGroup

from rule_of_two import __version__
from rule_of_two.approvals.escape import visible
from rule_of_two.errors import BadRequest, RuleOfTwoError, UpstreamUnavailable
from rule_of_two.gateway.definitions import LISTS, Definition, Definitions, Kind, define
from rule_of_two.gateway.operator_log import LOG
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.store.pins import Pin
from rule_of_two.wire.frames import FrameError
from rule_of_two.wire.handshake import UpstreamInfo, open_session, stamp
from rule_of_two.wire.peer import Incoming, Limits, NotSent, Peer, RemoteError, Transport
from rule_of_two.wire.transport import CLOSED

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
CALL_SECONDS: Final = 600.0
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

    async def on_stale(self, mount: Mount) -> None:
        """The upstream says that a list has changed; it is read again before its next use. Must not wait for it."""

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
                    await self.refresh(set(LISTS))
                    life.ready.set()
                    self.settled.set()
                except (RuleOfTwoError, RemoteError) as error:
                    failure = error
                    tasks.cancel_scope.cancel()
        finally:
            self._life = None
        if not life.ready.is_set():
            raise failure
        return life.reason

    async def refresh(self, kinds: set[Kind]) -> None:
        """Read lists of the upstream anew and compare them with what was accepted.

        :raises UpstreamUnavailable: it went away meanwhile.
        """
        life = self._current()
        async with life.refreshing:
            life.stale -= kinds
            kept = [one for one in self.offered if one.kind not in kinds | {Kind.INSTRUCTIONS}]
            fresh = [one for kind in LISTS if kind in kinds for one in await life.definitions(kind)]
            self.offered = [*kept, *fresh, *life.instructions()]
            self.definitions = Definitions(self.offered, self._pins)
            await life.watcher.on_offered(self)

    async def refresh_stale(self) -> None:
        """Read again what the upstream said has changed; it is listed as it was if it fails meanwhile."""
        with suppress(UpstreamUnavailable):
            if self._life is not None and self._life.stale:
                await self.refresh(set(self._life.stale))

    async def available(self) -> None:
        """Wait until the upstream can be called and its definitions are current.

        :raises UpstreamUnavailable: it is down, or did not become ready in time.
        """
        if self._life is None or not self._life.ready.is_set():
            with anyio.move_on_after(READY_SECONDS):
                await self.settled.wait()
        life = self._current()
        if life.stale:
            await self.refresh(set(life.stale))
        elif life.refreshing.locked():
            async with life.refreshing:
                pass  # somebody else is reading them

    async def request(self, method: str, params: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Send one request, with this upstream's protocol keys. Raises what :meth:`Peer.request` does.

        :raises NotSent: the upstream is down.
        """
        life = self._current()
        return await life.peer.request(method, stamp(life.info, params), **options)

    def _current(self) -> Life:
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
        self.refreshing = anyio.Lock()
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
        if peer.reason != CLOSED:  # else it was closed to be opened in the other era
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

    async def definitions(self, kind: Kind) -> list[Definition]:
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
            for body in items if isinstance(items, list) else ():
                try:
                    found.append(define(kind, body))
                except BadRequest as error:
                    await self.watcher.on_state(self._mount, f"{self._mount.name} offers {error}; it is left out")
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str):
                break
            params = {"cursor": cursor}
        return found

    def instructions(self) -> list[Definition]:
        """The upstream's instructions, if it gave any."""
        text = self.info.instructions
        return [define(Kind.INSTRUCTIONS, {"instructions": text})] if text else []

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
            await self.watcher.on_stale(self._mount)
        elif method == "notifications/message":
            await self.watcher.on_text(self._mount, method, params)

    async def on_frame_error(self, error: FrameError) -> None:
        """A frame that cannot be read is dropped and said; the upstream goes on."""
        await self.watcher.on_state(
            self._mount, f"the server '{self._mount.name}' sent a frame that was dropped: {error}"
        )


_CHANGES: Final[Mapping[str, set[Kind]]] = {
    "notifications/tools/list_changed": {Kind.TOOL},
    "notifications/prompts/list_changed": {Kind.PROMPT},
    "notifications/resources/list_changed": {Kind.RESOURCE, Kind.TEMPLATE},
}


def environment(block: Mapping[str, str]) -> dict[str, str]:
    """The environment of an upstream process: the bare minimum, and what its block names."""
    return {**{name: os.environ[name] for name in _BASE_ENVIRONMENT if name in os.environ}, **block}
