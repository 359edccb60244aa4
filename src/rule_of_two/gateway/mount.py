"""One upstream: started, listed, kept up, and restarted when it goes away. Its failures stay its own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio
import orjson
from msgspec import Struct

from rule_of_two.errors import RuleOfTwoError, UpstreamUnavailable
from rule_of_two.escape import visible
from rule_of_two.gateway.availability import Availability
from rule_of_two.gateway.backoff import BackOff, rare
from rule_of_two.gateway.capabilities import of_mcp
from rule_of_two.gateway.definitions import LISTS, UNLISTED, Definition, Definitions, Kind
from rule_of_two.gateway.error_lines import ErrorLines
from rule_of_two.gateway.exchange import Exchange
from rule_of_two.gateway.lane import Lane
from rule_of_two.gateway.launch import Connect, Launch
from rule_of_two.gateway.life import Life, NotOpened
from rule_of_two.gateway.operator_log import LOG
from rule_of_two.gateway.watcher import Watcher
from rule_of_two.manifests.manifest import Manifest
from rule_of_two.model import INGRESS, NONE, Labels
from rule_of_two.policy.typed.definitions import ToolDefinition
from rule_of_two.store.pins import Pin
from rule_of_two.wire.eras import Claims, Era
from rule_of_two.wire.handshake import UpstreamInfo, stamp
from rule_of_two.wire.peer import Incoming, Limits, NotSent, RemoteError

logger = logging.getLogger(__name__)

READY_SECONDS: Final = 30.0
STALE_SECONDS: Final = 10.0
CALL_SECONDS: Final = 600.0
LEVEL_SECONDS: Final = 1.0
"""How long an upstream may take to become ready for a call that waits, to say what it has changed while a call waits,
to answer a call, and to take a log level."""
STEADY_SECONDS: Final = 30.0
"""An upstream that was well for so long and then ended had a mishap; one that ends sooner is failing."""
PATIENT_SECONDS: Final = 5.0
"""The longest pause before a new attempt for which a call waits; when it is longer, the call is refused at once."""


class Mount:
    """An upstream and its manifest. ``definitions`` is what it offers against what was accepted."""

    def __init__(
        self,
        name: str,
        launch: Launch,
        manifest: Manifest,
        connect: Connect,
        *,
        limits: Limits,
        back_off: BackOff | None = None,
        log: Callable[[str], None] = LOG.say,
    ) -> None:
        self.name = name
        self.launch = launch
        self.manifest = manifest
        self.definitions = Definitions(None, ())
        self.offered: list[Definition] = []
        self.lane = Lane(name, limits)
        self._connect = connect
        self._limits = limits
        self._pins: list[Pin] = []
        self._unanswered: frozenset[tuple[str, str]] | None = None
        self._life: Life | None = None
        self._back_off = back_off or BackOff()
        self._availability = Availability(lambda: self._life is not None and self._life.ended)
        self._errors = ErrorLines(name, log)
        self._missed = False
        self._watcher: Watcher | None = None
        self._worked_on: set[Exchange] = set()
        self._reason = "it is still starting"
        self._level: str | None = None
        self._reading = anyio.Lock()

    @property
    def identity(self) -> str:
        """What pins belong to: the name and how it is reached, without secrets."""
        return identity_of(self.name, *self.launch.as_written)

    @property
    def info(self) -> UpstreamInfo | None:
        """What the upstream says of itself, while it is connected."""
        return self._life.info if self._life else None

    @property
    def capabilities(self) -> Mapping[str, Any] | None:
        """What the upstream said it can do, while it is connected."""
        return self._life.info.capabilities if self._life else None

    @property
    def shown_capabilities(self) -> Mapping[str, Any] | None:
        """What the client may be told of it, while it is connected: of what is beyond MCP, what was accepted."""
        if self.capabilities is None:
            return None
        own = self.definitions.get(Kind.CAPABILITIES, "")
        return {**of_mcp(self.capabilities), **(own.definition.body["capabilities"] if own and own.accepted else {})}

    @property
    def settled(self) -> anyio.Event:
        """Set once an attempt to start has succeeded or failed; another one after a loss."""
        return self._availability.settled

    @property
    def era(self) -> Era | None:
        """The era that the upstream speaks, while it is connected."""
        return self._life.info.era if self._life else None

    @property
    def claims(self) -> Claims:
        """What the upstream was told of the client when it was connected."""
        return self._life.claims if self._life else Claims()

    @property
    def bringing(self) -> Labels:
        """What calls can bring that are in flight, or whose result is still being decided. Whatever the upstream says
        meanwhile, whoever it says it is for, can be out of one of them."""
        flights = [one.flight for one in self._worked_on if one.flight is not None]
        return NONE.union(*(flight.labels for flight in flights)) & INGRESS

    def works_on(self, exchange: Exchange) -> None:
        """It carries out a request, until it is decided what of the result is handed over: then :meth:`done_with`.

        # INVARIANT: no text of the upstream's says what waits to be released with fewer labels;
        # tests/attacks/test_release_gate.py.
        """
        self._worked_on.add(exchange)

    def done_with(self, exchange: Exchange) -> None:
        """What of the result is handed over is decided, or there is none."""
        self._worked_on.discard(exchange)

    def can(self, name: str) -> bool:
        """Whether the upstream said that it has a capability."""
        return name in (self.capabilities or {})

    async def look_again(self, kind: Kind, seconds: float) -> None:
        """Read a list anew of which the upstream would not say that it has changed; wait at most so long for it."""
        if self._life is not None and self._life.ready.is_set():
            with anyio.move_on_after(seconds):
                await self._life.look_again(kind)

    async def reread_tools(self) -> None:
        """Read the tools anew, of an upstream over HTTP that wants other headers than what it listed asks for."""
        if self._life is not None and self.launch.url is not None:
            await self._life.reread(Kind.TOOL)

    def listen(self, uris: frozenset[str]) -> None:
        """Be told of changes of exactly these resources, by a modern upstream."""
        if self._life is not None:
            self._life.subscribe(uris)

    @property
    def pins(self) -> tuple[Pin, ...]:
        """What was accepted."""
        return tuple(self._pins)

    @property
    def pinned_tools(self) -> list[ToolDefinition]:
        """The accepted definitions of its tools."""
        return tools_of(self.name, self._pins)

    @property
    def unanswered(self) -> frozenset[tuple[str, str]] | None:
        """What it offered at first and nobody has answered for (:class:`~.definitions.Definitions`)."""
        return self._unanswered

    def accept(self, pins: list[Pin], unanswered: frozenset[tuple[str, str]] | None = None) -> None:
        """Compare with these accepted definitions from now on."""
        self._pins, self._unanswered = pins, unanswered
        self.definitions = Definitions(self.offered or None, pins, unanswered)

    async def run(self, watcher: Watcher) -> None:
        """Keep the upstream connected until cancelled, with growing pauses between attempts that fail."""
        self._watcher = watcher
        while True:
            self._reason, why = await self._attempt(watcher)
            lasted = self._availability.lasted
            if lasted is not None and lasted >= STEADY_SECONDS:
                self._back_off.succeeded()
            pause = self._back_off.failed()
            if lasted is None or pause > PATIENT_SECONDS:
                self._availability.give_up()
            if rare(failures := self._back_off.failures):
                self._missed = True
                again = f" ({failures} times in a row)" if failures > 1 else ""
                await self.say(f"the server '{self.name}' is unavailable{again}: {visible(why)}")
            await anyio.sleep(pause)

    async def _attempt(self, watcher: Watcher) -> tuple[str, str]:
        """One life of the upstream. Returns why it ended: for clients, and for the operator.

        What an upstream says when it refuses can hold words of its own, which never reach a client so.
        """
        try:
            reason = await self._live(watcher)
        except (NotOpened, RemoteError) as error:
            return "it did not open an MCP session", str(error)
        except RuleOfTwoError as error:
            return str(error), str(error)
        except Exception as error:  # one upstream, or a bug about it, never takes down the others
            logger.exception("%s: the connection failed", self.name)
            return "it could not be used", f"it could not be used ({type(error).__name__})"
        return reason, reason

    async def say(self, message: str) -> None:
        """Tell the operator something about this upstream; it is journalled too."""
        if self._watcher is not None:
            await self._watcher.on_state(self, message)

    async def _live(self, watcher: Watcher) -> str:
        """One life of the upstream, from its start to its end. Returns why it ended.

        :raises RuleOfTwoError: it did not start.
        :raises RemoteError: it refused the handshake.
        """
        failure: Exception = UpstreamUnavailable("it ended before it answered")
        reach = partial(self._connect, self.launch, self._errors.take, self._limits)
        life = Life(_Owner(self, watcher), reach, self._limits)
        try:
            async with anyio.create_task_group() as tasks:
                try:
                    await life.open(tasks, watcher.introduced)
                    self._life = life
                    await self.read(life, watcher, set(LISTS))
                    life.ready.set()
                    self._availability.is_up()
                    tasks.start_soon(life.keep_current)
                    tasks.start_soon(life.keep_listening)
                    await watcher.on_opened(self)
                    if self._missed:
                        self._missed = False
                        await self.say(f"the server '{self.name}' is available again")
                except (RuleOfTwoError, RemoteError) as error:
                    failure = error
                    tasks.cancel_scope.cancel()
        finally:
            self._life = None
            self._availability.is_gone()
        if not life.ready.is_set():
            raise failure
        return life.reason

    async def read(self, life: Life, watcher: Watcher, kinds: set[Kind]) -> None:
        """Read lists of the upstream anew and compare them with what was accepted.

        :raises UpstreamUnavailable: it went away, or did not answer.
        :raises BadRequest: its answer cannot be read.
        """
        async with self._reading:  # of two readings neither loses what the other found
            kept = [one for one in self.offered if one.kind not in kinds | UNLISTED]
            self.offered = [*kept, *await life.definitions(kinds)]
            self.definitions = Definitions(self.offered, self._pins, self._unanswered)
            await watcher.on_offered(self)

    async def available(self) -> None:
        """Wait until the upstream can be called and what it offers has been read.

        :raises NotSent: it is down, or did not become ready in time.
        """
        if not self._availability.up:
            await self._availability.until_settled(READY_SECONDS)
        await self._until_current()

    async def recovered(self) -> None:
        """Wait, across attempts that fail, until the upstream that lost a call can be called again.

        :raises NotSent: it did not come back in time.
        """
        back_off = BackOff()
        with anyio.move_on_after(READY_SECONDS) as scope:
            while not await self._answers():  # noqa: ASYNC110  # nothing tells when a server can be reached
                await anyio.sleep(back_off.failed())
        if scope.cancelled_caught:
            raise NotSent(f"the server '{self.name}' did not come back within {READY_SECONDS:g} s")
        await self._until_current()

    async def _answers(self) -> bool:
        """Whether it can be reached, once it is up. Over HTTP a server can be gone without our having noticed."""
        await self._availability.until_up()
        try:
            await self.request("ping" if self.era is Era.LEGACY else "server/discover", {})
        except RemoteError:
            return True
        except UpstreamUnavailable:
            return False
        return True

    async def _until_current(self) -> None:
        if self._life is not None and self._life.stale:
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

    async def request(
        self, method: str, params: dict[str, Any], claims: Claims | None = None, **options: Any
    ) -> dict[str, Any]:
        """Send one request, with this upstream's protocol keys. Raises what :meth:`Peer.request` does.

        ``claims`` is what the client says of itself with this request, if not what it said at first.

        :raises NotSent: the upstream is down.
        """
        life = self._live_now()
        return await life.peer.request(method, stamp(life.info, params, claims or life.claims), **options)

    async def set_level(self, level: str) -> None:
        """Have the upstream log from this level on, now and whenever it is connected anew. One that cannot keeps its
        own; its texts are decided all the same."""
        self._level = level
        await self.restore_level()

    async def restore_level(self) -> None:
        """Say the level again to an upstream that was connected anew."""
        if self._level is not None and self.era is Era.LEGACY and self.can("logging"):
            with suppress(RemoteError, RuleOfTwoError):
                await self.request("logging/setLevel", {"level": self._level}, timeout=LEVEL_SECONDS)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send one notification.

        :raises NotSent: the upstream is down.
        """
        await self._live_now().peer.notify(method, params)

    def _live_now(self) -> Life:
        if self._life is None:
            raise NotSent(f"the server '{self.name}' is unavailable: {self._reason}")
        return self._life


class _Owner(Struct, frozen=True):
    """What the connection tells goes to whoever watches the mount."""

    mount: Mount
    watcher: Watcher

    @property
    def name(self) -> str:
        return self.mount.name

    async def reread(self, life: Life, kinds: set[Kind]) -> str | None:
        try:
            await self.mount.read(life, self.watcher, kinds)
        except Exception as error:  # noqa: BLE001  # whatever an upstream answers concerns only itself
            return str(error) if isinstance(error, RuleOfTwoError) else type(error).__name__
        return None

    async def on_told(self, method: str, params: dict[str, Any], exchange: Exchange | None) -> None:
        await self.watcher.on_told(self.mount, method, params, exchange)

    async def on_asked(self, incoming: Incoming, exchange: Exchange | None) -> dict[str, Any]:
        return await self.watcher.on_asked(self.mount, incoming, exchange)

    async def on_state(self, message: str) -> None:
        await self.watcher.on_state(self.mount, message)


def identity_of(name: str, command: str | None, args: Sequence[str], url: str | None) -> str:
    """What the pins of an upstream belong to, by its block in the configuration."""
    where = [command, *args] if command else [url]
    return f"{name}:{hashlib.sha256(orjson.dumps(where)).hexdigest()[:16]}"


def tools_of(name: str, pins: Iterable[Pin]) -> list[ToolDefinition]:
    """The definitions of an upstream's tools among its pins."""
    tools = (pin for pin in pins if pin.kind == Kind.TOOL)
    return [ToolDefinition(name, pin.name, pin.digest, pin.definition.get("inputSchema")) for pin in tools]
